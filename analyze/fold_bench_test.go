package analyze

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/trace"
	"slices"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// benchTrace returns the trace that TIMESINK_BIG_TRACE names, or else one of some
// thousand requests, recorded for this run.
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

// modest returns the trace of a server with a few endpoints.
var modest = sync.OnceValue(func() []byte {
	var mu sync.Mutex
	mux := http.NewServeMux()
	for path, handle := range map[string]http.HandlerFunc{
		"/quick": func(http.ResponseWriter, *http.Request) {},
		"/sleep": func(http.ResponseWriter, *http.Request) { time.Sleep(50 * time.Microsecond) },
		"/lock": func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(20 * time.Microsecond)
		},
		"/branches": func(http.ResponseWriter, *http.Request) {
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() { time.Sleep(50 * time.Microsecond) })
			}
			all.Wait()
		},
	} {
		mux.HandleFunc(path, handle)
	}
	s := httptest.NewServer(mux)
	defer s.Close()
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		panic(err)
	}
	var clients sync.WaitGroup
	for range 2 {
		for _, path := range []string{"/quick", "/sleep", "/lock", "/branches"} {
			clients.Go(func() {
				c := &http.Client{Transport: &http.Transport{}}
				defer c.CloseIdleConnections()
				for range 500 {
					if resp, err := c.Get(s.URL + path); err == nil {
						resp.Body.Close()
					}
				}
			})
		}
	}
	clients.Wait()
	trace.Stop()
	return buf.Bytes()
})

// BenchmarkCaptures analyzes a trace from its bytes to the Breakdown, on as many
// cores as -cpu says.
func BenchmarkCaptures(b *testing.B) {
	data := benchTrace(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := capture.Read("trace.out", bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Captures(b.Context(), []*capture.Capture{c}, Options{}); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkFold adds requests to the sums. BenchmarkEndpoints renders the sums.
func BenchmarkFold(b *testing.B) {
	requests := benchRequests(b)
	b.ReportAllocs()
	for b.Loop() {
		foldAll(requests)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(requests)), "ns/request")
}

func BenchmarkEndpoints(b *testing.B) {
	sums := settle(foldAll(benchRequests(b)))
	b.ReportAllocs()
	for b.Loop() {
		if len(render(sums, defaultPeriod, nil)) == 0 {
			b.Fatal("no endpoints")
		}
	}
}

func foldAll(requests []breakdown.Request) *fold {
	f := newFold(0)
	for i := range requests {
		f.add(&requests[i])
	}
	return f
}

// benchRequests returns the first requests of the trace, as many as fit.
func benchRequests(b *testing.B) (all []breakdown.Request) {
	b.Helper()
	_, err := timeline.Read(b.Context(), bytes.NewReader(benchTrace(b)), rules.New(), 2, func(r *breakdown.Request) {
		if len(all) < 100_000 {
			kept := *r
			kept.Path, kept.Calls, kept.Samples = slices.Clone(r.Path), slices.Clone(r.Calls), slices.Clone(r.Samples)
			kept.Chains, kept.Waits = slices.Clone(r.Chains), slices.Clone(r.Waits)
			all = append(all, kept)
		}
	})
	if err != nil || len(all) == 0 {
		b.Fatal(fmt.Sprint(len(all), " requests: ", err))
	}
	return all
}
