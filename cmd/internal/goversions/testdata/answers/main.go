// Command answers is a service whose handlers hardly ever wait, so that the
// connections of clients that ask without a pause do not either. It builds with any
// Go from 1.19 on.
//
// A request names itself, and says what its handler does:
//
//	/answer?id=0/17&compute=2&sleep=2ms&read=1&length=1&bytes=100000
//
// It prints what it was built with and where it is, as a line of JSON, and ends
// with its standard input.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/trace"
	"strconv"
	"strings"
	"time"
)

// A request is what one measured of itself, in the form that a truth has.
type request struct {
	Route     string `json:"route"`
	ID        string `json:"vin"`
	Goroutine int64  `json:"goroutine"`
	Start     int64  `json:"start_ns"`
	End       int64  `json:"end_ns"`
	Steps     []step `json:"steps"`
}

type step struct {
	Kind  string `json:"kind"`
	Start int64  `json:"start_ns"`
	End   int64  `json:"end_ns"`
}

// ended takes the requests: one that keeps itself waits for no other.
var ended = make(chan *request, 1<<15)

var began = time.Now()

// now is Unix time in nanoseconds, by the monotonic clock.
func now() int64 { return began.UnixNano() + int64(time.Since(began)) }

func main() {
	go logTime()
	ready := map[string]string{"go": runtime.Version() + " " + runtime.GOARCH}
	for name, handler := range map[string]http.Handler{"work": http.HandlerFunc(answer), "tls": http.HandlerFunc(answer), "admin": admin()} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		ready[name] = l.Addr().String()
		if name == "tls" {
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate()}})
		}
		go http.Serve(l, handler)
	}
	json.NewEncoder(os.Stdout).Encode(ready)
	io.Copy(io.Discard, os.Stdin)
}

// logTime says in traces what time it is. The event follows the reading by less
// than a microsecond, unless the thread was held up between.
func logTime() {
	for {
		trace.Log(context.Background(), "clock", strconv.FormatInt(now(), 10))
		time.Sleep(5 * time.Millisecond)
	}
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// admin serves pprof and what was measured.
func admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/truth", func(w http.ResponseWriter, r *http.Request) {
		requests := []*request{}
		for len(ended) > 0 {
			requests = append(requests, <-ended)
		}
		json.NewEncoder(w).Encode(map[string]interface{}{"requests": requests})
	})
	return mux
}

var block = make([]byte, 8<<20)

func answer(w http.ResponseWriter, r *http.Request) {
	m := &request{Route: "/answer", Goroutine: goroutine(), Start: now()}
	form := r.URL.Query()
	number := func(name string) int {
		n, _ := strconv.Atoi(form.Get(name))
		return n
	}
	m.ID = form.Get("id")
	if number("read") > 0 {
		m.time("client_io", func() { io.Copy(io.Discard, r.Body) })
	}
	m.time("compute", func() { sha256.Sum256(block[:number("compute")<<10]) })
	if d, err := time.ParseDuration(form.Get("sleep")); err == nil {
		m.time("sleep", func() { time.Sleep(d) })
	}
	if number("length") > 0 {
		w.Header().Set("Content-Length", form.Get("bytes"))
	}
	m.time("client_io", func() { w.Write(block[:number("bytes")]) })
	m.End = now()
	ended <- m
}

// time does a step.
func (m *request) time(kind string, do func()) {
	start := now()
	do()
	m.Steps = append(m.Steps, step{kind, start, now()})
}

// goroutine is the number of the calling one, as traces have it.
func goroutine() int64 {
	var line [32]byte
	n := runtime.Stack(line[:], false)
	id, _ := strconv.ParseInt(strings.Fields(string(line[:n]))[1], 10, 64)
	return id
}
