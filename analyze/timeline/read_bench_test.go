package timeline

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/trace"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// benchTrace is the trace that TIMESINK_BIG_TRACE names, or else one of some
// thousand requests, recorded for this run: the figures per event are what can be
// compared from run to run.
func benchTrace(b *testing.B) []byte {
	b.Helper()
	if path := os.Getenv("TIMESINK_BIG_TRACE"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	return modest()
}

// modest is the trace of a server whose requests wait for a lock, for workers of
// their own and for one they share.
var modest = sync.OnceValue(func() []byte {
	var mu sync.Mutex
	jobs := make(chan chan int)
	go func() {
		for done := range jobs {
			done <- 1
		}
	}()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		time.Sleep(20 * time.Microsecond)
		mu.Unlock()
		var own sync.WaitGroup
		for range 3 {
			own.Go(func() { time.Sleep(100 * time.Microsecond) })
		}
		own.Wait()
		done := make(chan int)
		jobs <- done
		fmt.Fprintln(w, <-done)
	}))
	defer s.Close()
	defer close(jobs)
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		panic(err)
	}
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for range 500 {
				if resp, err := c.Get(s.URL); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	clients.Wait()
	trace.Stop()
	return buf.Bytes()
})

// perEvent reports the time that each event took.
func perEvent(b *testing.B, events int64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}

// BenchmarkSplit finds the generations' edges.
func BenchmarkSplit(b *testing.B) {
	data := benchTrace(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := newSplitter(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = s.generation()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

// BenchmarkAttribute applies records that are decoded already: the requests'
// edges, the wake-ups that are followed, and the attribution.
func BenchmarkAttribute(b *testing.B) {
	all := generations(b, benchTrace(b))
	all = all[:min(len(all), 4)] // the records of a big trace would not fit
	b.ReportAllocs()
	var events int64
	for b.Loop() {
		b.StopTimer()
		c := newClasses(rulesTable())
		var ready []decoded
		for _, g := range all {
			d, err := decode(g, c, nil)
			if err != nil {
				b.Fatal(err)
			}
			ready = append(ready, d)
		}
		m := newMachine(c, func(*breakdown.Request) {})
		events = 0
		b.StartTimer()
		for i := range ready {
			m.apply(&ready[i])
			events += ready[i].events
		}
		m.finish()
	}
	perEvent(b, events)
}

// BenchmarkRead reads a trace from its bytes to its requests.
func BenchmarkRead(b *testing.B) {
	data := benchTrace(b)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			var sum *Summary
			for b.Loop() {
				var err error
				if sum, err = Read(b.Context(), bytes.NewReader(data), rulesTable(), workers, func(*breakdown.Request) {}); err != nil {
					b.Fatal(err)
				}
			}
			perEvent(b, sum.Events)
		})
	}
}
