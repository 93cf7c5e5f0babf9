package estimates

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"timesink/cmd/internal/testbin"
	"timesink/collect"
	"timesink/collect/capture"
)

var crowded = flag.Duration("crowded", 2*time.Second, "how long a window of the cost test lasts; 100,000 goroutines need 60s for some snapshots")

// stops is what the service says of the time for which it stood still, other than for
// garbage collection. The times are upper bounds.
type stops struct {
	Count, Total, Longest int64
	CPU                   float64
}

// A cost is what sampling cost a service with many goroutines.
type cost struct {
	goroutines      int
	form            string
	snapshots       int
	spent, longest  time.Duration // as the collection states them
	stopped, paused time.Duration // as the service measured them: all, and the longest
	p50, p50Before  time.Duration // latency of its requests, in the window and before
	refused         error
}

// TestSamplingCostsWhatItIsAllowed compares the cost that the collection states with what
// the service measures: how long it stood still, and how long its requests took.
func TestSamplingCostsWhatItIsAllowed(t *testing.T) {
	exe := testbin.Build(t, "cmd/internal/estimates/crowd")
	sizes := []int{100}
	if *whole {
		sizes = append(sizes, 10_000, 100_000)
	}
	var table []cost
	for _, n := range sizes {
		t.Run(strconv.Itoa(n), func(t *testing.T) { table = append(table, crowd(t, exe, n)) })
	}
	fmt.Printf("\n%10s %-8s %9s %10s %10s %10s %10s %10s %10s\n", "goroutines", "form", "snapshots", "spent", "longest", "stopped", "longest", "p50 before", "p50")
	for _, c := range table {
		if c.refused != nil {
			fmt.Printf("%10d refused: %v\n", c.goroutines, c.refused)
			continue
		}
		fmt.Printf("%10d %-8s %9d %10s %10s %10s %10s %10s %10s\n", c.goroutines, c.form, c.snapshots, short(c.spent), short(c.longest), short(c.stopped), short(c.paused), short(c.p50Before), short(c.p50))
	}
}

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }

func crowd(t *testing.T, exe string, n int) (c cost) {
	var ready struct{ URL string }
	testbin.Start(t, exe, []string{strconv.Itoa(n)}, &ready)
	target, err := collect.ParseTarget(ready.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.goroutines, c.p50Before = n, median(t, ready.URL, make(chan struct{}), 200)
	before := stopsOf(t, ready.URL)
	path := filepath.Join(t.TempDir(), "case.zip")
	done := make(chan struct{})
	var loading sync.WaitGroup
	loading.Go(func() { c.p50 = median(t, ready.URL, done, 1<<30) })
	m, err := collect.Run(t.Context(), collect.Config{Target: target, Window: *crowded, NoTrace: true}, path)
	close(done)
	loading.Wait()
	if errors.Is(err, collect.ErrTooCostly) {
		c.refused = err
		return c
	}
	if err != nil {
		t.Fatal(err)
	}
	after := stopsOf(t, ready.URL)
	s := m.Sampling
	c.snapshots, c.spent, c.longest = s.Snapshots, time.Duration(s.Spent), time.Duration(s.Longest)
	c.stopped, c.paused = time.Duration(after.Total-before.Total), time.Duration(after.Longest)
	c.form = formOf(t, path)
	window := time.Duration(m.Window.End - m.Window.Start)
	if allowed := time.Duration(s.Budget * float64(window)); c.spent-c.longest > allowed {
		t.Errorf("the snapshots took %s, of %s allowed", c.spent, allowed)
	}
	// The goroutine profiles before and after the window stop the service, too.
	// A machine that takes the cores away makes stops look longer than any list takes, so
	// only the long version, which runs alone, judges them.
	if least := c.stopped - c.stopped/4; *whole && c.form == capture.FormText && least > c.spent+30*time.Millisecond {
		t.Errorf("the service stood still for %s, the collection states %s", c.stopped, c.spent)
	}
	if c.form == capture.FormText && n > 1000 {
		t.Errorf("%d goroutines were listed in the form that stops the service", n)
	}
	return c
}

// median returns the median latency of that many requests to the service, or of those
// until done is closed.
func median(t *testing.T, url string, done <-chan struct{}, most int) time.Duration {
	var took []time.Duration
	for len(took) < most {
		select {
		case <-done:
			most = 0
			continue
		default:
		}
		begin := time.Now()
		resp, err := http.Get(url + "/work")
		if err != nil {
			t.Error(err)
			return 0
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		took = append(took, time.Since(begin))
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func stopsOf(t *testing.T, url string) (s stops) {
	t.Helper()
	resp, err := http.Get(url + "/stops")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// formOf returns the form of the last snapshot.
func formOf(t *testing.T, path string) (form string) {
	t.Helper()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := c.Part(capture.SamplesPart)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	samples := capture.NewSampleReader(r)
	for {
		s, err := samples.Next()
		if errors.Is(err, io.EOF) {
			return form
		}
		if err != nil {
			t.Fatal(err)
		}
		form = s.Form
	}
}
