// Command computing serves handlers that compute and seldom block, each with a
// stopwatch. Its test compares timesink's answer about them with the stopwatches: a
// handler that does not block leaves no stack in a trace, so its requests have to be
// inferred.
//
//	computing
//
// It prints one line of JSON with its URL when it is ready, and exits with its standard
// input. A request says how long to compute, in microseconds, and how long to sleep:
// GET /first?compute=1200&sleep=0.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"strconv"
	"sync"
	"time"

	"timesink/cmd/internal/meter"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "computing: %v\n", err)
		os.Exit(1)
	}
}

// A Timed is a request as its handler's stopwatch saw it, in Unix nanoseconds.
type Timed struct {
	Handler   string `json:"handler"`
	Goroutine int64  `json:"goroutine"`
	Start     int64  `json:"start_ns"`
	End       int64  `json:"end_ns"`
}

func serve(stdin io.Reader, stdout io.Writer) error {
	calibrate()
	for path, handle := range map[string]http.HandlerFunc{
		"/first": first, "/second": second, "/third": third, "/fourth": fourth, "/fifth": fifth, "/locked": locked, "/truth": all,
	} {
		http.HandleFunc(path, handle)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &http.Server{}
	go s.Serve(l)
	go func() {
		defer cancel()
		io.Copy(io.Discard, stdin)
	}()
	if err := json.NewEncoder(stdout).Encode("http://" + l.Addr().String()); err != nil {
		return err
	}
	<-ctx.Done()
	return s.Close()
}

func first(w http.ResponseWriter, r *http.Request)  { answer("first", w, r) }
func second(w http.ResponseWriter, r *http.Request) { answer("second", w, r) }
func third(w http.ResponseWriter, r *http.Request)  { answer("third", w, r) }
func fourth(w http.ResponseWriter, r *http.Request) { answer("fourth", w, r) }
func fifth(w http.ResponseWriter, r *http.Request)  { answer("fifth", w, r) }

var shared sync.Mutex

// locked computes while it holds a lock, so that only some of its requests wait.
func locked(w http.ResponseWriter, r *http.Request) {
	start := clock.Now()
	shared.Lock()
	compute(microseconds(r, "compute"))
	shared.Unlock()
	w.WriteHeader(http.StatusNoContent)
	note("locked", start)
}

func answer(handler string, w http.ResponseWriter, r *http.Request) {
	start := clock.Now()
	compute(microseconds(r, "compute"))
	if d := microseconds(r, "sleep"); d > 0 {
		time.Sleep(d)
	}
	w.WriteHeader(http.StatusNoContent)
	note(handler, start)
}

func microseconds(r *http.Request, key string) time.Duration {
	n, _ := strconv.Atoi(r.URL.Query().Get(key))
	return time.Duration(n) * time.Microsecond
}

var (
	clock   = meter.NewClock()
	perHash time.Duration // for a thousand
)

// calibrate measures how long a thousand hashes take.
func calibrate() {
	perHash = time.Second
	for range 50 {
		start := time.Now()
		hash(1000)
		perHash = min(perHash, time.Since(start))
	}
}

// compute uses about d of CPU time. It counts hashes, so that a core taken away
// meanwhile does not count.
func compute(d time.Duration) { hash(int(1000 * d / perHash)) }

func hash(times int) {
	sum := sha256.Sum256(nil)
	for range times {
		sum = sha256.Sum256(sum[:])
	}
}

var (
	mu    sync.Mutex
	notes = make([]Timed, 0, 1<<20) // so that it seldom grows
)

// note keeps a request. It tries the lock rather than wait for it.
func note(handler string, start int64) {
	t := Timed{handler, meter.Goroutine(), start, clock.Now()}
	for !mu.TryLock() {
	}
	notes = append(notes, t)
	mu.Unlock()
}

func all(w http.ResponseWriter, _ *http.Request) {
	mu.Lock()
	defer mu.Unlock()
	json.NewEncoder(w).Encode(notes)
}
