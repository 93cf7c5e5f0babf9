// Package memory tests the promise of --memory: traces that would otherwise
// need unbounded memory are analyzed within the limit, and the answer states
// what was lost.
package memory_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/cmd/internal/testbin"
)

// recordInto, if set, makes this test binary record the trace of a hostile
// service, given by number and file. The recording runs in a separate process
// because the peak memory of a process includes its parent's at the start.
const recordInto = "TIMESINK_RECORD_HOSTILE"

func TestMain(m *testing.M) {
	number, path, ok := strings.Cut(os.Getenv(recordInto), ":")
	if !ok {
		testbin.Main(m)
		return
	}
	i, err := strconv.Atoi(number)
	if err == nil {
		err = record(path, hostile[i].do)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Each entry is a service that makes the analysis keep too much, with the code
// of the warning about the loss. The ones marked larger would exceed the limit
// without it. The ones marked timely must not take more than twice the processor
// time that they take with plenty of memory.
var hostile = []struct {
	name           string
	loss           string
	memory         int64
	larger, timely bool
	do             func(short func())
}{
	{"a request waits while 100,000 goroutines come and go", "history-forgotten", little, true, false, comeAndGo},
	{"a request takes a million steps", "paths-condensed", little, true, false, manySteps},
	{"20,000 stacks are distinct", "stacks-cut", little, true, false, manyStacks},
	{"50,000 goroutines are there at once", "goroutines-unfollowed", little, false, false, manyGoroutines},
	{"10,000 goroutines run again and again", "", least, false, true, crowd(10_000)},
	// Here, some requests are on goroutines that are no longer followed, and missing.
	{"100,000 goroutines run again and again", "goroutines-unfollowed", least, true, false, crowd(100_000)},
}

// crowded adds the last of them, which takes half a minute.
var crowded = flag.Bool("crowded", false, "also analyze a service with 100,000 goroutines")

const (
	little = 128_000_000
	least  = 64_000_000 // that --memory accepts
	plenty = 16_000_000_000
	// fixed is the memory of the process outside the analysis: its code, the
	// runtime, and the JSON.
	fixed = 40_000_000
)

func TestTheAnalysisStaysWithinItsMemory(t *testing.T) {
	exe := testbin.Build(t, "cmd/timesink")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	services := hostile
	switch {
	case *crowded:
	case tracetest.Long: // each takes some seconds and 500 MB
		services = services[:len(services)-1]
	default:
		services = services[:1]
	}
	for i, h := range services {
		t.Run(h.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trace.out")
			recording := exec.CommandContext(t.Context(), self)
			recording.Env = append(os.Environ(), fmt.Sprintf("%s=%d:%s", recordInto, i, path))
			if out, err := recording.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			low := analyze(t, exe, path, h.memory, 2)
			high := analyze(t, exe, path, plenty, 2)
			t.Logf("%d MB of trace: peak %d MB in %v with --memory %d MB, %d MB in %v with plenty", low.trace/1e6, low.peak/1e6, low.cpu, h.memory/1e6, high.peak/1e6, high.cpu)
			if low.peak > h.memory+fixed {
				t.Errorf("the peak is %d MB", low.peak/1e6)
			}
			if h.larger && peakKnown && high.peak < h.memory+fixed {
				t.Errorf("with plenty of memory the peak is %d MB: the test tests nothing", high.peak/1e6)
			}
			// The quickest of several, side by side, because a busy machine slows down both.
			for range 4 {
				if !h.timely || low.cpu <= 2*high.cpu {
					break
				}
				low.cpu = min(low.cpu, analyze(t, exe, path, h.memory, 2).cpu)
				high.cpu = min(high.cpu, analyze(t, exe, path, plenty, 2).cpu)
			}
			if h.timely && low.cpu > 2*high.cpu {
				t.Errorf("it takes %v, with plenty of memory %v", low.cpu, high.cpu)
			}
			if h.loss != "" && !slices.Contains(low.codes, h.loss) {
				t.Errorf("no warning %s: %q", h.loss, low.codes)
			}
			if slices.Contains(high.codes, h.loss) {
				t.Errorf("a warning %s with plenty of memory", h.loss)
			}
			most := int64(0)
			if i == len(hostile)-1 {
				most = high.requests / 50
			}
			if lost := high.requests - low.requests; lost < 0 || lost > most {
				t.Errorf("%d requests, with plenty of memory %d", low.requests, high.requests)
			}
			if alone := analyze(t, exe, path, h.memory, 1); !bytes.Equal(alone.json, low.json) {
				t.Error("on one processor the answer is another than on two")
			}
		})
	}
}

// An answer is one run of timesink analyze.
type answer struct {
	json     []byte
	codes    []string // of the warnings
	requests int64
	peak     int64 // bytes
	cpu      time.Duration
	trace    int64 // bytes
}

func analyze(t *testing.T, exe, path string, memory int64, processors int) answer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), exe, "analyze", "-f", "json", "--memory", fmt.Sprint(memory), path)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", processors))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Endpoints []struct {
			Requests, Incomplete int64
			Wall                 struct {
				Total int64 `json:"total_ns"`
			}
			Buckets []struct {
				Total int64 `json:"total_ns"`
			}
		}
		Warnings []struct{ Code string }
	}
	if err := json.Unmarshal(out, &b); err != nil {
		t.Fatal(err)
	}
	a := answer{json: out, peak: peakMemory(cmd.ProcessState), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	for _, e := range b.Endpoints {
		a.requests += e.Requests + e.Incomplete
		sum := int64(0)
		for _, bucket := range e.Buckets {
			sum += bucket.Total
		}
		if sum != e.Wall.Total {
			t.Errorf("the buckets sum to %d of %d", sum, e.Wall.Total)
		}
	}
	for _, w := range b.Warnings {
		a.codes = append(a.codes, w.Code)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	a.trace = info.Size()
	return a
}

// record traces a server while it serves some short requests around one that
// calls do.
func record(path string, do func(short func())) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var work http.HandlerFunc
	mux := http.NewServeMux()
	mux.HandleFunc("/short", func(http.ResponseWriter, *http.Request) { block() })
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) { work(w, r) })
	server := httptest.NewServer(mux)
	defer server.Close()
	get := func(page string) {
		resp, failed := http.Get(server.URL + page)
		if failed != nil {
			err = failed
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if err := trace.Start(f); err != nil {
		return err
	}
	defer trace.Stop()
	short := func() {
		for range 20 {
			get("/short")
		}
	}
	short()
	work = func(http.ResponseWriter, *http.Request) { do(short) }
	get("/work")
	short()
	return err
}

// block waits for another goroutine.
func block() {
	done := make(chan struct{})
	go close(done)
	<-done
}

// comeAndGo waits for a goroutine that waits for many others, one after
// another.
func comeAndGo(short func()) {
	done := make(chan struct{})
	go func() {
		for i := range 100_000 {
			block()
			if i == 50_000 {
				short()
			}
		}
		close(done)
	}()
	<-done
}

// manySteps exchanges messages with another goroutine many times.
func manySteps(short func()) {
	ask, answer := make(chan int), make(chan int)
	defer close(ask)
	go func() {
		for range ask {
			answer <- 1
		}
	}()
	for i := range 250_000 {
		ask <- i
		<-answer
	}
	short()
}

// manyStacks blocks with a different stack each time.
func manyStacks(func()) {
	for way := range 20_000 {
		left(way, 15)
	}
}

//go:noinline
func left(way, deep int) { turn(way, deep) }

//go:noinline
func right(way, deep int) { turn(way, deep) }

//go:noinline
func turn(way, deep int) {
	switch {
	case deep == 0:
		block()
	case way&1 == 0:
		left(way>>1, deep-1)
	default:
		right(way>>1, deep-1)
	}
}

// crowd runs many goroutines that wait for most of the time. They take their turns with
// timers, so that most of them run once while the service is traced for some seconds.
func crowd(n int) func(short func()) {
	return func(short func()) {
		over := make(chan struct{})
		var all sync.WaitGroup
		var shared sync.Mutex
		turns := 0
		for i := range n {
			all.Go(func() {
				tick := time.NewTimer(time.Duration(i) * time.Second / time.Duration(n))
				defer tick.Stop()
				for {
					select {
					case <-tick.C:
					case <-over:
						return
					}
					shared.Lock()
					turns++
					shared.Unlock()
					tick.Reset(time.Second)
				}
			})
		}
		for range 10 {
			time.Sleep(300 * time.Millisecond)
			short()
		}
		close(over)
		all.Wait()
	}
}

// manyGoroutines lets many goroutines wait for the same event.
func manyGoroutines(short func()) {
	release := make(chan struct{})
	var all sync.WaitGroup
	for range 50_000 {
		all.Go(func() { <-release })
	}
	short()
	close(release)
	all.Wait()
}
