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

// A Target is a service's pprof index and the credentials for it. The zero value is
// not valid; use ParseTarget.
type Target struct {
	Access Access
	TLS    TLS

	base  url.URL // of the index: scheme, host and a path that ends in "/"
	query Secret  // raw, sent with each request; may hold a token
}

// Access holds the credentials for a guarded port. The zero value sends none.
type Access struct {
	Bearer   Secret // token of the Authorization header
	Username string // of basic authentication
	Password Secret
	Header   Header // extra fields
}

// TLS configures the trusted authorities and the client's certificate. The zero
// value trusts the system's authorities and presents no certificate.
type TLS struct {
	CAFile     string // PEM; trusted in addition to the system's authorities
	CertFile   string // PEM; the client's certificate
	KeyFile    string // PEM; its key; if empty, the key is in CertFile
	ServerName string // expected name in the server's certificate, if not the host
	Insecure   bool   // trust any certificate
}

// defaultIndex is where net/http/pprof registers itself.
const defaultIndex = "/debug/pprof/"

// endpoints lists the pages below an index: a user who pastes the URL of one means
// the index.
var endpoints = []string{"allocs", "block", "cmdline", "goroutine", "heap", "mutex", "profile", "symbol", "threadcreate", "trace"}

// ParseTarget parses a target: host:port, http(s)://host:port, unix:///socket, or
// the full URL of a pprof index under another path, such as unix:///socket:/path. A
// user and password in the URL become its Access.
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

// parseURL parses an absolute http URL, whose scheme is optional, or the URL of a
// socket, which becomes an http URL too. Its errors do not quote anything that might
// be a secret.
func parseURL(op, s string) (*url.URL, error) {
	const hint = "write it as host:port, http(s)://host:port/path or unix:///socket"
	if len(s) >= len(socketScheme) && strings.EqualFold(s[:len(socketScheme)], socketScheme) {
		return parseSocketURL(op, s)
	}
	if strings.HasPrefix(s, ":") { // as programs print the address they listen on
		s = "localhost" + s
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, configError(op, "not a URL", hint)
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

// shown returns a URL for printing and storing: without user, query and fragment, and with
// what looks like a credential in its path masked.
func shown(u *url.URL) string {
	if socket, ok := socketPath(u.Host); ok {
		if u.Path == "" {
			return shownSocket(socket)
		}
		return origin(u) + maskPath(u.EscapedPath())
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String() + maskPath(u.EscapedPath())
}

// origin returns the part of a displayed URL before its path: http://host:port, or
// unix:///socket and a colon.
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

// indexQuery returns a query without the parameters of pages below the index: a user
// who pastes trace?seconds=5 does not want every page to take 5 s.
func indexQuery(query string) string {
	fields := slices.DeleteFunc(strings.Split(query, "&"), func(field string) bool {
		name, _, _ := strings.Cut(field, "=")
		return slices.Contains([]string{"seconds", "debug", "gc"}, name)
	})
	return strings.Join(fields, "&")
}

// String returns the target for printing and storing, without any secret:
// http://host:port or unix:///socket, and the path unless it is the usual one.
func (t Target) String() string {
	u := t.base
	if u.Path == defaultIndex {
		u.Path = ""
	}
	return shown(&u)
}

// Format implements fmt.Formatter. It prints String for every verb: %#v would reveal
// the fields.
func (t Target) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText implements encoding.TextMarshaler, to keep the fields out of JSON.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// FileName returns a file name for a capture of the target taken at the given time.
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

// url returns the URL of an endpoint below the index, with its own query added to
// the target's.
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

// secrets returns everything that must not be shown.
func (t Target) secrets() []Secret {
	a := t.Access
	secrets := append(pathSecrets(t.base.EscapedPath()), a.Bearer, a.Password)
	if a.Password != "" {
		secrets = append(secrets, Secret(a.Username+":"+string(a.Password)))
	} else {
		secrets = append(secrets, Secret(a.Username)) // a token, as some services take it
	}
	for _, values := range a.Header {
		secrets = append(secrets, values...)
	}
	return append(secrets, querySecrets(string(t.query))...)
}

// querySecrets returns the values in a URL's query.
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

// config returns the configuration of the client.
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
		return nil, configError("read the client's key "+t.KeyFile, "a key without a certificate", "give the certificate too")
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

// ErrConfig is wrapped by the errors of a configuration that cannot work with any
// service.
var ErrConfig = errors.New("configuration")
