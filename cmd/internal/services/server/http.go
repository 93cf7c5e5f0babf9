package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

var standard = []scenario.Scenario{
	serving("net/http", scenario.Server{Listen: plain, Dial: scenario.DialHTTP}, "http/1", "(*shop).order"),
	serving("net/http over TLS", scenario.Server{Listen: overTLS, Dial: dial(false)}, "http/1", "(*shop).order"),
	serving("net/http HTTP/2 over TLS", scenario.Server{Listen: overTLS, Dial: dial(true)}, "http/2", "(*shop).order"),
	serving("net/http h2c", scenario.Server{Listen: cleartext, Dial: dial(true)}, "http/2", "(*shop).order"),
	serving("x/net h2c", scenario.Server{Listen: cleartextOfXNet, Dial: dial(true)}, "http/2", "(*shop).order"),
}

// order is the handler of all servers based on net/http.
func (s *shop) order(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, s.do(r.Context())) }

// guarded wraps a mux in middleware of a library and of the service.
func guarded(do func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", authorized((&shop{do}).order))
	return logged(otelhttp.NewHandler(mux, "shop"))
}

func authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			next.ServeHTTP(w, r)
		}
	}
}

func logged(next http.Handler) http.Handler {
	logger := log.New(io.Discard, "", log.LstdFlags)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		logger.Print(r.Method, r.URL)
	})
}

func plain(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	return scenario.ServeHTTP(ctx, &http.Server{Handler: guarded(do)})
}

func overTLS(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	certificate, err := selfSigned()
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: guarded(do), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go s.ServeTLS(l, "", "")
	context.AfterFunc(ctx, func() { s.Close() })
	return "https://" + l.Addr().String(), nil
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func cleartext(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	s := &http.Server{Handler: guarded(do), Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	return scenario.ServeHTTP(ctx, s)
}

func cleartextOfXNet(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	return scenario.ServeHTTP(ctx, &http.Server{Handler: h2c.NewHandler(guarded(do), &http2.Server{})})
}

// dial returns a client of any HTTP version, which trusts any certificate.
func dial(http2 bool) func(scenario.Env, string) load.Session {
	return func(_ scenario.Env, url string) load.Session {
		return scenario.Dial(load.Config{URL: url, HTTP2: http2, Insecure: true})
	}
}
