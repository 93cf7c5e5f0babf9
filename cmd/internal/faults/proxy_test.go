package faults_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A fault is what a proxy does with a request instead of passing it on; to passes it on.
type fault func(w http.ResponseWriter, r *http.Request, to service)

// faults says which pages of a service a proxy spoils, by the last part of their path;
// "" is the index, and "*" every page that has no entry.
type faults map[string]fault

// proxied returns the URL of a proxy before a service that spoils some of its pages.
func proxied(t testing.TB, serviceURL string, spoils faults) string {
	t.Helper()
	to := service{url: serviceURL}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		spoil := spoils[page]
		if spoil == nil {
			spoil = spoils["*"]
		}
		if spoil == nil {
			spoil = pass
		}
		spoil(w, r, to)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// A service passes requests on to a real one.
type service struct{ url string }

// onward sends a request to the service and returns its answer.
func (s service) onward(r *http.Request) (*http.Response, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = u.Scheme, u.Host, ""
	return http.DefaultTransport.RoundTrip(out)
}

// copied passes a request on and writes the answer with copyBody, which gets a writer
// that flushes each write.
func (s service) copied(w http.ResponseWriter, r *http.Request, copyBody func(io.Writer, io.Reader) error) error {
	resp, err := s.onward(r)
	if err != nil {
		http.Error(w, "the proxy cannot reach the service", http.StatusBadGateway)
		return err
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	return copyBody(flushing{w}, resp.Body)
}

type flushing struct{ http.ResponseWriter }

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

func copyAll(w io.Writer, body io.Reader) error {
	_, err := io.Copy(w, body)
	return err
}

// pass does nothing wrong.
func pass(w http.ResponseWriter, r *http.Request, to service) { to.copied(w, r, copyAll) }

// says answers with a status and a text.
func says(status int, text string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ service) {
		if strings.HasPrefix(text, "<") {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

// page is what a catch-all handler, or the login of a proxy, answers.
var page = says(http.StatusOK, "<!DOCTYPE html><html><head><title>Log in</title></head><body>Please</body></html>")

// bytesOf answers with bytes.
func bytesOf(data []byte) fault {
	return func(w http.ResponseWriter, r *http.Request, _ service) { w.Write(data) }
}

// hang never answers.
func hang(_ http.ResponseWriter, r *http.Request, _ service) { <-r.Context().Done() }

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request, service) { panic(http.ErrAbortHandler) }

// reset resets the connection without an answer.
func reset(w http.ResponseWriter, _ *http.Request, _ service) { resetConn(w) }

func resetConn(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// first spoils the first n requests and passes on the others.
func first(n int64, spoil fault) fault {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, to service) {
		if seen.Add(1) <= n {
			spoil(w, r, to)
			return
		}
		pass(w, r, to)
	}
}

// overloaded answers 503 and asks to come again after a time, as HTTP writes it.
func overloaded(retryAfter string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ service) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "overloaded", http.StatusServiceUnavailable)
	}
}

// late waits before it passes a request on.
func late(d time.Duration) fault {
	return func(w http.ResponseWriter, r *http.Request, to service) {
		select {
		case <-time.After(d):
			pass(w, r, to)
		case <-r.Context().Done():
		}
	}
}

// asks passes a request on with another query.
func asks(query string) fault {
	return func(w http.ResponseWriter, r *http.Request, to service) {
		r.URL.RawQuery = query
		pass(w, r, to)
	}
}

// after passes on n bytes of the answer and then calls end, which may write more.
func after(n int64, end func(w http.ResponseWriter, r *http.Request, rest io.Reader)) fault {
	return func(w http.ResponseWriter, r *http.Request, to service) {
		to.copied(w, r, func(out io.Writer, body io.Reader) error {
			if _, err := io.CopyN(out, body, n); err != nil {
				return err
			}
			end(w, r, body)
			return nil
		})
	}
}

func thenEnd(http.ResponseWriter, *http.Request, io.Reader)         {}
func thenHangUp(http.ResponseWriter, *http.Request, io.Reader)      { panic(http.ErrAbortHandler) }
func thenReset(w http.ResponseWriter, _ *http.Request, _ io.Reader) { resetConn(w) }
func thenFallSilent(_ http.ResponseWriter, r *http.Request, rest io.Reader) {
	go io.Copy(io.Discard, rest)
	<-r.Context().Done()
}

// thenSay goes on with bytes that do not belong there.
func thenSay(text string) func(http.ResponseWriter, *http.Request, io.Reader) {
	return func(w http.ResponseWriter, _ *http.Request, _ io.Reader) { io.WriteString(w, text) }
}

// thenSlowDown passes on the rest at rate bytes a second.
func thenSlowDown(rate int64) func(http.ResponseWriter, *http.Request, io.Reader) {
	return func(w http.ResponseWriter, r *http.Request, rest io.Reader) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.CopyN(flushing{w}, rest, rate/50); err != nil || r.Context().Err() != nil {
				return
			}
		}
	}
}

// flip passes on the answer with one byte changed.
func flip(at int64) fault {
	return func(w http.ResponseWriter, r *http.Request, to service) {
		to.copied(w, r, func(out io.Writer, body io.Reader) error {
			if _, err := io.CopyN(out, body, at); err != nil {
				return err
			}
			b := make([]byte, 1)
			if _, err := io.ReadFull(body, b); err != nil {
				return err
			}
			_, err := out.Write([]byte{b[0] ^ 0xff})
			return errors.Join(err, copyAll(out, body))
		})
	}
}

// gzipped returns n times a byte, compressed.
func gzipped(b byte, n int) []byte {
	var out bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	block := bytes.Repeat([]byte{b}, 1<<20)
	for ; n > 0; n -= len(block) {
		zw.Write(block[:min(n, len(block))])
	}
	zw.Close()
	return out.Bytes()
}

// gigabyte is a gigabyte of zeros, compressed.
var gigabyte = sync.OnceValue(func() []byte { return gzipped(0, 1<<30) })

// bomb answers with a gzip file that unpacks to a gigabyte.
func bomb(w http.ResponseWriter, _ *http.Request, _ service) { w.Write(gigabyte()) }

// bombPage answers with a page of a gigabyte, as a client unpacks it.
func bombPage(w http.ResponseWriter, _ *http.Request, _ service) {
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(gigabyte())
}

// withTimings answers with more Server-Timing headers than are kept, some damaged, under
// names of their own.
func withTimings(w http.ResponseWriter, _ *http.Request, _ service) {
	n := timings.Add(1)
	for i := range 150 {
		w.Header().Add("Server-Timing", fmt.Sprintf("m%d-%d;dur=%d;desc=\"open, ;;=, x;dur=NaN", n, i, i))
	}
	io.WriteString(w, "done")
}

var timings atomic.Int64
