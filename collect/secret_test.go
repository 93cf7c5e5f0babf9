package collect_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect"
	"timesink/collect/capture"
)

const secret = "s3cr3t/t0ken+42"

// forms lists the encodings in which the secret must not appear.
var forms = []string{secret, "s3cr3t%2Ft0ken", "s3cr3t\\/", base64.StdEncoding.EncodeToString([]byte(secret)),
	base64.StdEncoding.EncodeToString([]byte("admin:" + secret))}

func holdsSecret(data []byte) bool {
	for _, form := range forms {
		if bytes.Contains(data, []byte(form)) {
			return true
		}
	}
	return false
}

// guarded serves requests that prove to know the secret. To all others it
// reveals the secret, as some servers do.
func guarded(ok func(*http.Request) bool) http.Handler {
	mux := newMux()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ok(r) {
			http.Error(w, fmt.Sprintf("access denied: %v %v", r.Header, r.URL), http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// accesses lists the ways to authenticate with a secret.
var accesses = []struct {
	name string
	url  func(base string) string // of the target
	edit func(*collect.Target)
	ok   func(*http.Request) bool
}{
	{"bearer token", nil, func(t *collect.Target) { t.Access.Bearer = secret },
		func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+secret }},
	{"user and password", nil, func(t *collect.Target) { t.Access.Username, t.Access.Password = "admin", secret }, basic},
	{"user and password in the URL", func(base string) string {
		return strings.Replace(base, "http://", "http://admin:s3cr3t%2Ft0ken%2B42@", 1)
	}, nil, basic},
	{"token in the URL's query", func(base string) string { return base + "/debug/pprof/?token=s3cr3t%2Ft0ken%2B42" }, nil,
		func(r *http.Request) bool { return r.URL.Query().Get("token") == secret }},
	{"header", nil, func(t *collect.Target) {
		t.Access.Header = collect.Header{}
		if err := t.Access.Header.Add("X-Api-Key: " + secret); err != nil {
			panic(err)
		}
	}, func(r *http.Request) bool { return r.Header.Get("X-Api-Key") == secret }},
}

func basic(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return user == "admin" && password == secret
}

func TestASecretAuthenticatesAndAppearsNowhere(t *testing.T) {
	if tracetest.Alone(t) {
		return
	}
	for _, tt := range accesses {
		t.Run(tt.name, func(t *testing.T) {
			base := serve(t, guarded(tt.ok))
			address := base
			if tt.url != nil {
				address = tt.url(base)
			}
			cfg := short(t, address)
			if tt.edit != nil {
				tt.edit(&cfg.Target)
			}
			cfg.Probing = collect.Probing{URLs: []string{strings.Replace(base, "http://", "http://admin:s3cr3t%2Ft0ken%2B42@", 1) + "/v1/vin/A?token=s3cr3t%2Ft0ken%2B42"},
				Header: collect.Header{"X-Api-Key": {secret}, "Authorization": {"Bearer " + secret}}, Baseline: 10 * time.Millisecond, Rate: 20}
			var logged bytes.Buffer
			cfg.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			m, c := run(t, context.Background(), cfg)
			if !strings.HasPrefix(m.Target, "http://127.0.0.1:") {
				t.Errorf("target %s", m.Target)
			}
			data, err := json.Marshal(m)
			if err != nil || holdsSecret(data) {
				t.Errorf("manifest: %s, %v", data, err)
			}
			if holdsSecret(logged.Bytes()) {
				t.Errorf("log: %s", &logged)
			}
			file, err := os.ReadFile(c.Path())
			if err != nil || holdsSecret(file) {
				t.Errorf("the file holds the secret, or %v", err)
			}
			for _, name := range c.Parts() {
				// The trace and the profiles come from the service. They
				// contain no strings from the heap.
				if holdsSecret(readPart(t, c, name)) {
					t.Errorf("%s holds the secret", name)
				}
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
				if text := fmt.Sprintf(verb, cfg); holdsSecret([]byte(text)) {
					t.Errorf("the configuration as %s: %s", verb, text)
				}
			}
			for _, v := range []any{cfg.Target, cfg.Probing} {
				if data, err := json.Marshal(v); err != nil || holdsSecret(data) {
					t.Errorf("as JSON: %s, %v", data, err)
				}
			}
		})
	}
}

func TestARejectedSecretAppearsNowhere(t *testing.T) {
	for _, tt := range accesses {
		t.Run(tt.name, func(t *testing.T) {
			base := serve(t, guarded(func(*http.Request) bool { return false }))
			address := base
			if tt.url != nil {
				address = tt.url(base)
			}
			cfg := short(t, address)
			if tt.edit != nil {
				tt.edit(&cfg.Target)
			}
			err := fail(t, context.Background(), cfg)
			checkError(t, err, collect.ErrUnauthorized, "access denied", "--bearer-file")
			for e := err; e != nil; {
				if text := fmt.Sprintf("%v %+v %s", e, e, capture.Hint(e)); holdsSecret([]byte(text)) {
					t.Errorf("error: %s", text)
				}
				u, ok := e.(interface{ Unwrap() error })
				if !ok {
					break
				}
				e = u.Unwrap()
			}
			d, err := collect.Doctor(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := json.Marshal(d); err != nil || holdsSecret(data) {
				t.Errorf("diagnosis: %s, %v", data, err)
			}
		})
	}
}

func TestASecretInAnInvalidURLIsNotShown(t *testing.T) {
	for _, s := range []string{
		"http://admin:" + secret + "@%zz", "http://admin:" + secret + "@host:port", "ftp://admin:" + secret + "@host/",
		"http://admin:s3cr3t%2Ft0ken%2B42@nowhere.invalid", "http://nowhere.invalid/?token=" + secret, "http://:@/" + "?" + secret,
	} {
		cfg := collect.Config{Window: time.Second}
		var err error
		if cfg.Target, err = collect.ParseTarget(s); err == nil {
			_, err = collect.Doctor(context.Background(), cfg)
		}
		if err == nil || holdsSecret([]byte(err.Error()+capture.Hint(err))) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if err := (collect.Header{}).Add(secret); err == nil || holdsSecret([]byte(err.Error()+capture.Hint(err))) {
		t.Errorf("an invalid header: %v", err)
	}
}

// authority issues certificates for one test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), pool: x509.NewCertPool()}
	a.cert, a.key = a.issue(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.pool.AddCert(a.cert)
	return a
}

// issue issues a certificate and writes name.crt and name.key to the folder.
func (a *authority) issue(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, name+".crt", "CERTIFICATE", der)
	a.write(t, name+".key", "PRIVATE KEY", raw)
	return cert, key
}

func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func TestAClientCertificateAuthenticates(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(t, "server", &x509.Certificate{})
	a.issue(t, "client", &x509.Certificate{})
	s := httptest.NewUnstartedServer(newMux())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()

	cfg := short(t, s.URL)
	checkError(t, fail(t, context.Background(), cfg), collect.ErrCertificate, "unknown authority", "--cacert")

	cfg.Target.TLS.CAFile = a.file("ca.crt")
	checkError(t, fail(t, context.Background(), cfg), collect.ErrCertificate, "certificate required", "--cert")

	cfg.Target.TLS.CertFile, cfg.Target.TLS.KeyFile = a.file("client.crt"), a.file("client.key")
	cfg.Probing = collect.Probing{URLs: []string{s.URL + "/v1/vin/A"}, TLS: cfg.Target.TLS, Baseline: -1, Rate: 20}
	m, c := run(t, context.Background(), cfg)
	readTrace(t, c)
	probes, err := c.Probes()
	if err != nil {
		t.Fatal(err)
	}
	// The order of the answers is undefined, and so is which of two connections remains if
	// two probes dial at once.
	if !slices.ContainsFunc(probes, func(p capture.Probe) bool {
		return p.Status == 200 && p.TLS != 0 && p.Conn != 0 && p.Proto == "HTTP/2.0"
	}) {
		t.Errorf("over TLS: %+v", probes)
	}
	if len(m.Warnings) != 0 {
		t.Errorf("warnings %v", m.Warnings)
	}

	cfg.Target.TLS = collect.TLS{Insecure: true, CertFile: a.file("client.crt"), KeyFile: a.file("client.key")}
	run(t, context.Background(), cfg)

	cfg.Target.TLS.KeyFile = a.file("server.key")
	checkError(t, fail(t, context.Background(), cfg), collect.ErrConfig, "client.crt", "PEM")
}

func TestCredentialsInAPathAreMasked(t *testing.T) {
	for path, masked := range map[string]string{
		"/debug/pprof/": "/debug/pprof/",
		"/internal/orders-7f8b9c6d5f-x2x9z/pprof/":       "/internal/orders-7f8b9c6d5f-x2x9z/pprof/",
		"/getUserHistory/v2/profiling":                   "/getUserHistory/v2/profiling",
		"/service-registration-2024/pprof/":              "/service-registration-2024/pprof/",
		"/token/x/debug/pprof/":                          "/token/[secret]/debug/pprof/",
		"/auth/debug/pprof/":                             "/auth/debug/pprof/",
		"/h/8c5f0f0e-36a4-4a5b-9d3a-0d3c7a5b1e22/pprof/": "/h/[secret]/pprof/",
		"/3f9a0c1d2e4b5a69788796/pprof/":                 "/[secret]/pprof/",
		"/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x/pprof/": "/[secret]/pprof/",
		"/ghp_abcdefgh12/pprof/":                         "/[secret]/pprof/",
		"/aB3%2Ftoken1234567890123/":                     "/aB3/[secret]/",
		"/qWeRtYuIoPaSdFgHjKlZ/":                         "/[secret]/",
	} {
		target, err := collect.ParseTarget("http://host:1" + path)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix("http://host:1"+masked, "/") + "/"
		if got := strings.TrimSuffix(target.String(), "/") + "/"; got != strings.Replace(want, "1/debug/pprof/", "1/", 1) {
			t.Errorf("%s is shown as %s, want %s", path, got, want)
		}
	}
}
