// Command uploads is a service whose requests send a large body to a peer over
// HTTP/2 and read a large answer, and time both. It builds with any Go from 1.22 on.
//
//	uploads PEER BYTES
//
// PEER is an https URL that answers when it has read the body of so many BYTES.
//
// It prints what it was built with and where it is, as a line of JSON, and ends
// with its standard input.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/trace"
	"strconv"
	"strings"
	"time"
)

func main() {
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	s := &service{
		peer: os.Args[1], body: bytes.Repeat([]byte("x"), size), base: time.Now(), ended: make(chan *request, 1<<14),
		client: &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	}
	go s.logClock()
	ready := map[string]string{"go": runtime.Version() + " " + runtime.GOARCH}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /work/x", s.work)
	for name, handler := range map[string]http.Handler{"work": mux, "admin": s.admin()} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go http.Serve(l, handler)
		ready[name] = "http://" + l.Addr().String()
	}
	json.NewEncoder(os.Stdout).Encode(ready)
	io.Copy(io.Discard, os.Stdin)
}

// A service sends bodies to its peer and keeps what its requests measured.
type service struct {
	peer   string
	body   []byte
	base   time.Time
	client *http.Client
	ended  chan *request
}

// A request is what one measured of itself, in the form that a truth has.
type request struct {
	Route     string `json:"route"`
	Goroutine int64  `json:"goroutine"`
	Start     int64  `json:"start_ns"`
	End       int64  `json:"end_ns"`
	Steps     []step `json:"steps"`
}

// A step is named by the bucket, and the phase, that its waiting belongs to.
type step struct {
	Kind  string `json:"kind"`
	Start int64  `json:"start_ns"`
	End   int64  `json:"end_ns"`
}

// now is Unix time in nanoseconds, by the monotonic clock since the start.
func (s *service) now() int64 { return s.base.UnixNano() + int64(time.Since(s.base)) }

// logClock says in traces what time it is.
func (s *service) logClock() {
	for {
		trace.Log(context.Background(), "clock", strconv.FormatInt(s.now(), 10))
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *service) work(w http.ResponseWriter, r *http.Request) {
	m := &request{Route: "GET /work/x", Goroutine: goroutine(), Start: s.now()}
	err := s.send(r.Context(), m)
	if err == nil {
		s.pause(m)
	}
	m.End = s.now()
	s.ended <- m
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, m.End-m.Start)
}

// send asks the peer. The body is written by a goroutine of the client's own,
// which calls back when it has written all of it.
func (s *service) send(ctx context.Context, m *request) error {
	wrote := make(chan int64, 1)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		select {
		case wrote <- s.now():
		default:
		}
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.peer, bytes.NewReader(s.body))
	if err != nil {
		return err
	}
	start := s.now()
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answered := s.now()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK || n != int64(len(s.body))) {
		err = fmt.Errorf("the answer is %s %s and %d bytes", resp.Proto, resp.Status, n)
	}
	written := <-wrote
	m.Steps = append(m.Steps, step{"upstream/request_write", start, written}, step{"upstream/response_wait", written, answered},
		step{"upstream/body_read", answered, s.now()})
	return err
}

func (s *service) pause(m *request) {
	start := s.now()
	time.Sleep(8 * time.Millisecond)
	m.Steps = append(m.Steps, step{"sleep", start, s.now()})
}

// admin serves pprof and what was measured since it was asked last.
func (s *service) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/truth", func(w http.ResponseWriter, r *http.Request) {
		requests := []*request{}
		for len(s.ended) > 0 {
			requests = append(requests, <-s.ended)
		}
		json.NewEncoder(w).Encode(map[string]interface{}{"requests": requests})
	})
	return mux
}

// goroutine is the number of the calling one, as traces have it.
func goroutine() int64 {
	var line [32]byte
	n := runtime.Stack(line[:], false)
	id, _ := strconv.ParseInt(strings.Fields(string(line[:n]))[1], 10, 64)
	return id
}
