// Package work is what a request of the service does: known steps, each timed.
package work

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/context/ctxhttp"
	"golang.org/x/sync/errgroup"
)

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

// A Service does requests, and keeps what they measured.
type Service struct {
	clock Clock
	peer  string
	scale time.Duration // how many times longer all that waits takes
	// kept dials once and for all, fresh for each call.
	kept, fresh *http.Client
	mu          sync.Mutex
	// ended takes the requests: one that keeps itself waits for no other.
	ended chan *request
}

// New makes one that asks a peer, by its URL, and takes scale times longer for all
// that waits.
func New(peer string, scale int) *Service {
	return &Service{
		clock: Clock{time.Now()}, peer: peer, scale: time.Duration(scale), ended: make(chan *request, 1<<14),
		kept:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		fresh: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// Truth is what has been measured since it was asked last, and what the processors
// did for this process so far.
func (s *Service) Truth() map[string]interface{} {
	requests := []*request{}
	for len(s.ended) > 0 {
		requests = append(requests, <-s.ended)
	}
	ran, delayed := processors()
	return map[string]interface{}{"requests": requests, "ran_ns": ran, "delayed_ns": delayed}
}

// processors is how long this process's threads that still live ran so far, and how
// long the kernel kept them from it, as Linux has it; 0 elsewhere.
func processors() (ran, delayed int64) {
	threads, _ := filepath.Glob("/proc/self/task/*/schedstat")
	for _, t := range threads {
		text, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		var r, d int64
		fmt.Sscan(string(text), &r, &d)
		ran, delayed = ran+r, delayed+d
	}
	return ran, delayed
}

// Clock is the one that it measures with.
func (s *Service) Clock() Clock { return s.clock }

// Work does the steps, one after another.
func (s *Service) Work(w http.ResponseWriter, r *http.Request) {
	m := &request{Route: "GET /work/{name}", Goroutine: goroutine(), Start: s.clock.Now(), Steps: make([]step, 0, 16)}
	err := s.steps(r.Context(), m)
	m.End = s.clock.Now()
	s.ended <- m
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(m.End - m.Start)
}

func (s *Service) steps(ctx context.Context, m *request) error {
	s.inTurn(m)
	if err := s.dial(ctx, m); err != nil {
		return err
	}
	if err := s.both(m); err != nil {
		return err
	}
	s.compute(m)
	if err := s.save(m); err != nil {
		return err
	}
	s.pause(m, 15*time.Millisecond)
	return nil
}

// time adds a step that began then and ends now.
func (s *Service) time(m *request, kind string, start int64) {
	m.Steps = append(m.Steps, step{kind, start, s.clock.Now()})
}

// inTurn holds a mutex while it sleeps.
func (s *Service) inTurn(m *request) {
	start := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.time(m, "lock", start)
	s.pause(m, 8*time.Millisecond)
}

func (s *Service) pause(m *request, d time.Duration) {
	start := s.clock.Now()
	time.Sleep(d * s.scale)
	s.time(m, "sleep", start)
}

// dial asks the peer over a connection of its own. The body is late.
func (s *Service) dial(ctx context.Context, m *request) error {
	at := s.clock.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		s.time(m, "upstream/connect", at)
		at = s.clock.Now()
	}})
	resp, err := s.ask(ctx, s.fresh, 6*time.Millisecond, 4*time.Millisecond)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s.time(m, "upstream/response_wait", at)
	at = s.clock.Now()
	_, err = io.Copy(io.Discard, resp.Body)
	s.time(m, "upstream/body_read", at)
	return err
}

// both asks the peer twice at once: the answers come after 5 and 9 ms. The calls
// share no context: they would wait for its lock, with no stopwatch around that.
func (s *Service) both(m *request) error {
	defer s.time(m, "upstream/response_wait", s.clock.Now())
	var both errgroup.Group
	for _, d := range []time.Duration{5 * time.Millisecond, 9 * time.Millisecond} {
		d := d
		both.Go(func() error { return s.fetch(d) })
	}
	return both.Wait()
}

func (s *Service) fetch(d time.Duration) error {
	resp, err := s.ask(context.Background(), s.kept, d, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// ask has the peer answer after d, and end its answer after body more. It goes
// through a library that calls net/http for it.
func (s *Service) ask(ctx context.Context, c *http.Client, d, body time.Duration) (*http.Response, error) {
	url := fmt.Sprintf("%s?d=%v&body=%v", s.peer, d*s.scale, body*s.scale)
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := ctxhttp.Do(ctx, c, req)
	if err == nil && resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp, err
}

var block = make([]byte, 512<<10)

// compute runs for a millisecond or so; no bucket is held against it alone, since
// what surrounds the other steps runs as well.
func (s *Service) compute(m *request) {
	start := s.clock.Now()
	sha256.Sum256(block)
	s.time(m, "compute", start)
}

// save writes a file through to the disk.
func (s *Service) save(m *request) error {
	defer s.time(m, "file", s.clock.Now())
	f, err := os.CreateTemp("", "steps")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(block[:4<<10]); err != nil {
		return err
	}
	return f.Sync()
}

// goroutine is the number of the calling one, as traces have it.
func goroutine() int64 {
	var line [32]byte
	n := runtime.Stack(line[:], false)
	id, _ := strconv.ParseInt(strings.Fields(string(line[:n]))[1], 10, 64)
	return id
}
