package vin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// Ready is what a process prints, as one line of JSON, when it is ready.
type Ready struct {
	Role     string `json:"role"`               // "service", "upstreams", "standin"
	URL      string `json:"url,omitempty"`      // base URL of what it serves
	Pprof    string `json:"pprof,omitempty"`    // base URL of pprof and /truth
	Postgres string `json:"postgres,omitempty"` // DSN, of the stand-in
	PID      int    `json:"pid"`
}

func pid() int { return os.Getpid() }

// A server is an http.Server and the port that it got.
type server struct {
	*http.Server
	listener net.Listener
	url      string
}

func listen(address string, s *http.Server, secure bool) (*server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if secure {
		certificate, err := selfSigned()
		if err != nil {
			listener.Close()
			return nil, err
		}
		scheme, s.TLSConfig = "https", &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	return &server{s, listener, scheme + "://" + listener.Addr().String()}, nil
}

// serveAll serves until the context ends or one server fails. Requests in flight
// get a second to finish: a trace in progress could take much longer.
func serveAll(ctx context.Context, servers ...*server) error {
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go func() {
			if s.TLSConfig != nil {
				failed <- s.ServeTLS(s.listener, "", "")
			} else {
				failed <- s.Serve(s.listener)
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serving: %w", err)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(grace) != nil {
			s.Close()
		}
	}
	return err
}

// selfSigned returns a certificate for this machine's own addresses, valid for a
// day.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "vinservice"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
