package collect

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// A Target is a service's pprof index and how to get in. The zero value is not
// valid; ParseTarget makes one.
type Target struct {
	Access Access
	TLS    TLS

	base  url.URL // of the index: scheme, host and a path that ends in "/"
	query Secret  // raw, sent with each request; may hold a token
}

// Access is what a guarded port asks for. The zero value asks for nothing.
type Access struct {
	Bearer   Secret // token of the Authorization header
	Username string // of basic authentication
	Password Secret
	Header   Header // extra fields
}

// TLS says whom to trust and who the client is. The zero value trusts the
// system's authorities and shows no certificate.
type TLS struct {
	CAFile     string // PEM; trusted besides the system's authorities
	CertFile   string // PEM; the client's certificate
	KeyFile    string // PEM; its key; in CertFile when empty
	ServerName string // expected in the server's certificate when not the host
	Insecure   bool   // trust any certificate
}

// defaultIndex is where net/http/pprof registers itself.
const defaultIndex = "/debug/pprof/"

// endpoints are the pages below an index: somebody who pastes the URL of one
// means the index.
var endpoints = []string{"allocs", "block", "cmdline", "goroutine", "heap", "mutex", "profile", "symbol", "threadcreate", "trace"}

// ParseTarget reads a target: host:port, http(s)://host:port, unix:///socket, or
// the full URL of a pprof index under another path, which of a socket is
// unix:///socket:/path. A user and password in the URL become its Access.
func ParseTarget(s string) (Target, error) {
	u, err := parseURL("parse the target", s)
	if err != nil {
		return Target{}, err
	}
	t := Target{base: url.URL{Scheme: u.Scheme, Host: u.Host, Path: indexPath(u.Path)}, query: Secret(indexQuery(u.RawQuery))}
	if u.User != nil {
		t.Access.Username = u.User.Username()
		password, _ := u.User.Password()
		t.Access.Password = Secret(password)
	}
	return t, nil
}

// parseURL reads an absolute http URL, the scheme may be left out, or one of a
// socket, which becomes an http URL too. Its errors do not quote what cannot be
// told from a secret.
func parseURL(op, s string) (*url.URL, error) {
	const hint = "write it as host:port, http(s)://host:port/path or unix:///socket"
	if len(s) >= len(socketScheme) && strings.EqualFold(s[:len(socketScheme)], socketScheme) {
		return parseSocketURL(op, s)
	}
	if strings.HasPrefix(s, ":") { // as programs print what they listen on
		s = "localhost" + s
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, configError(op, "no URL", hint)
	}
	op += " " + shown(u)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, configError(op, fmt.Sprintf("scheme %q is neither http nor https", u.Scheme), hint)
	case u.Hostname() == "":
		return nil, configError(op, "no host", hint)
	}
	return u, nil
}

// shown is how a URL is printed and stored: without user, query and fragment.
func shown(u *url.URL) string {
	if socket, ok := socketPath(u.Host); ok {
		if u.Path == "" {
			return shownSocket(socket)
		}
		return origin(u) + u.EscapedPath()
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// origin is what stands before the path of a URL that is shown: http://host:port,
// or unix:///socket and a colon.
func origin(u *url.URL) string {
	if socket, ok := socketPath(u.Host); ok {
		return shownSocket(socket) + ":"
	}
	return u.Scheme + "://" + u.Host
}

func indexPath(p string) string {
	if p == "" || p == "/" {
		return defaultIndex
	}
	p = strings.TrimSuffix(p, "/")
	for _, name := range endpoints {
		if strings.HasSuffix(p, "/pprof/"+name) {
			return strings.TrimSuffix(p, name)
		}
	}
	return p + "/"
}

// indexQuery returns a query without what a page below the index takes: somebody who
// pastes trace?seconds=5 does not want each page, and each window, to last 5 s.
func indexQuery(query string) string {
	fields := slices.DeleteFunc(strings.Split(query, "&"), func(field string) bool {
		name, _, _ := strings.Cut(field, "=")
		return slices.Contains([]string{"seconds", "debug", "gc"}, name)
	})
	return strings.Join(fields, "&")
}

// String returns the target as it is shown and stored, without any secret:
// http://host:port or unix:///socket, and the path when it is not the usual one.
func (t Target) String() string {
	u := t.base
	if u.Path == defaultIndex {
		u.Path = ""
	}
	return shown(&u)
}

// Format implements fmt.Formatter, with String for every verb: %#v would show
// what lies inside.
func (t Target) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText implements encoding.TextMarshaler, for the same reason.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// FileName returns a name for a capture of the target taken at that time.
func (t Target) FileName(at time.Time) string {
	name := t.base.Host
	if socket, ok := socketPath(name); ok {
		name = socketName(socket)
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, name)
	return "timesink-" + strings.Trim(name, "-.") + "-" + at.UTC().Format("20060102T150405Z") + ".zip"
}

// url returns the URL of an endpoint below the index, with the query that it
// takes besides the target's own.
func (t Target) url(endpoint string) string {
	u := t.base
	name, query, _ := strings.Cut(endpoint, "?")
	u.Path += name
	u.RawQuery = string(t.query)
	if query != "" && t.query != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += query
	return u.String()
}

// secrets are all that must not show anywhere.
func (t Target) secrets() []Secret {
	a := t.Access
	secrets := []Secret{a.Bearer, a.Password}
	if a.Password != "" {
		secrets = append(secrets, Secret(a.Username+":"+string(a.Password)))
	}
	for _, values := range a.Header {
		secrets = append(secrets, values...)
	}
	return append(secrets, querySecrets(string(t.query))...)
}

// querySecrets are the values in a URL's query.
func querySecrets(query string) []Secret {
	var secrets []Secret
	values, _ := url.ParseQuery(query)
	for _, vs := range values {
		for _, v := range vs {
			secrets = append(secrets, Secret(v))
		}
	}
	return secrets
}

// config makes the configuration of the client's side.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, configError("read the certificate authority", err.Error(), "give a PEM file")
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, configError("read the certificate authority "+t.CAFile, "no certificate in it", "give a PEM file, with lines BEGIN CERTIFICATE")
		}
		c.RootCAs = pool
	}
	if t.CertFile == "" && t.KeyFile != "" {
		return nil, configError("read the client's key "+t.KeyFile, "no certificate goes with it", "give the certificate too")
	}
	if t.CertFile != "" {
		key := t.KeyFile
		if key == "" {
			key = t.CertFile
		}
		cert, err := tls.LoadX509KeyPair(t.CertFile, key)
		if err != nil {
			return nil, configError("read the client's certificate "+path.Base(t.CertFile), err.Error(), "give PEM files of a certificate and its key")
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// ErrConfig is in the chain of the errors of a configuration that cannot work,
// whatever the service does.
var ErrConfig = errors.New("configuration")
