package timeline

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	rtrace "runtime/trace"
	"slices"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// benchTrace returns the trace named by TIMESINK_BIG_TRACE, or one of a few thousand
// requests recorded for this run. The figures per event are comparable between runs.
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

// modest returns the trace of a server whose requests wait for a lock, for their own
// workers and for a shared one.
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
	if err := rtrace.Start(&buf); err != nil {
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
	rtrace.Stop()
	return buf.Bytes()
})

// perEvent reports the time per event.
func perEvent(b *testing.B, events int64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}

// BenchmarkAttribute applies decoded records: it measures the recognition of
// requests, the following of wake-ups, and the attribution.
func BenchmarkAttribute(b *testing.B) {
	data := benchTrace(b)
	b.ReportAllocs()
	var events int64
	for b.Loop() {
		b.StopTimer()
		in, err := trace.NewReader(bytes.NewReader(data), trace.Options{Attach: classify(rulesTable())})
		if err != nil {
			b.Fatal(err)
		}
		var ready []*trace.Generation
		var records [][]trace.Record
		for g := range in.Generations(b.Context()) {
			ready = append(ready, g)
			records = append(records, slices.Concat(slices.Collect(g.Records())...))
			if len(ready) == 4 { // the records of a big trace would not fit
				break
			}
		}
		if err := in.Err(); err != nil {
			b.Fatal(err)
		}
		m := newMachine(rulesTable(), func(*breakdown.Request) {})
		events = 0
		b.StartTimer()
		for i, g := range ready {
			m.startGeneration(g.First)
			m.apply(records[i], tables{g.IDs, m.admit(nil, slices.Clone(g.Stacks)), g.Names})
			events += g.Events
		}
		m.finish()
	}
	perEvent(b, events)
}

// BenchmarkRead reads a trace from bytes to requests.
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
