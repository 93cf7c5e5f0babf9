package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"timesink/cmd/internal/services/scenario"
)

// Peers lists the services to call, and the proxies in front of them.
var Peers = slices.Concat(httpPeers, rpcPeers)

var httpPeers = []scenario.Peer{
	{Name: "http", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
		return serveAt(ctx, "tcp", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(answer)}, ready)
	}},
	{Name: "https", Serve: func(ctx context.Context, _ scenario.Env, ready func(string)) error {
		config, err := slowTLS()
		if err != nil {
			return err
		}
		return serveAt(ctx, "tcp", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(answer), TLSConfig: config}, ready)
	}},
	{Name: "http on a unix socket", Serve: serveUnix},
	{Name: "http proxy", Serve: serveProxy},
	{Name: "dns", Serve: serveDNS},
}

// The peers' delays, unless a query asks for others.
const (
	resolving = 4 * time.Millisecond
	tunneling = 5 * time.Millisecond
	shaking   = 6 * time.Millisecond
)

// part is how much of a request's body answer reads at a time, about as much as may
// be in transit.
const part = 128 << 10

// answer reads a request, pausing after each part if asked to. It delays the header,
// and the end of the body.
func answer(w http.ResponseWriter, r *http.Request) {
	pause, wait, rest := told(r, "pause", 0), told(r, "wait", 7*time.Millisecond), told(r, "rest", 4*time.Millisecond)
	size, err := strconv.Atoi(r.URL.Query().Get("size"))
	if err != nil {
		size = 20_000 // more than a client reads ahead
	}
	for buf := make([]byte, part); ; {
		_, err := io.ReadFull(r.Body, buf)
		if err != nil {
			break
		}
		time.Sleep(pause)
	}
	time.Sleep(wait)
	half := make([]byte, size/2)
	w.Header().Set("Content-Length", strconv.Itoa(2*len(half)))
	w.Write(half)
	http.NewResponseController(w).Flush()
	time.Sleep(rest)
	w.Write(half)
}

// told returns the duration in the query, or the default.
func told(r *http.Request, name string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(r.URL.Query().Get(name)); err == nil {
		return d
	}
	return usual
}

// serveAt serves HTTP/1 and HTTP/2, in clear or, with a TLS configuration, over TLS.
func serveAt(ctx context.Context, network, address string, s *http.Server, ready func(string)) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if c, ok := c.(*net.TCPConn); ok {
			c.SetReadBuffer(part)
		}
		return ctx
	}
	context.AfterFunc(ctx, func() { s.Close() })
	ready(l.Addr().String())
	if s.TLSConfig != nil {
		err = s.ServeTLS(l, "", "")
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// slowTLS delays its first message of the handshake.
func slowTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			time.Sleep(shaking)
			return nil, nil
		},
	}, nil
}

func serveUnix(ctx context.Context, _ scenario.Env, ready func(string)) error {
	folder, err := os.MkdirTemp("", "timesink-unix-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	return serveAt(ctx, "unix", filepath.Join(folder, "s"), &http.Server{Handler: http.HandlerFunc(answer)}, ready)
}

// serveProxy forwards requests and opens tunnels, with a delay.
func serveProxy(ctx context.Context, _ scenario.Env, ready func(string)) error {
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, FlushInterval: -1}
	return serveAt(ctx, "tcp", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			forward.ServeHTTP(w, r)
			return
		}
		time.Sleep(tunneling)
		server, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer server.Close()
		w.WriteHeader(http.StatusOK)
		client, sent, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		go func() {
			defer client.Close()
			io.Copy(client, server)
		}()
		io.Copy(server, sent)
	})}, ready)
}

// serveDNS answers every address query with 127.0.0.1, after a delay.
func serveDNS(ctx context.Context, _ scenario.Env, ready func(string)) error {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { c.Close() })
	ready(c.LocalAddr().String())
	for {
		buf := make([]byte, 512)
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return nil // the context has ended
		}
		go func() {
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				return
			}
			q := m.Questions[0]
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			out, err := m.Pack()
			if err != nil {
				return
			}
			time.Sleep(resolving)
			c.WriteTo(out, from)
		}()
	}
}
