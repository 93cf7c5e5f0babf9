package speed_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// An outcome is what the clients saw in a run.
type outcome struct {
	took      time.Duration
	cpu       time.Duration // used by the service, 0 if unknown
	failed    int
	latencies []float64 // s, of all requests, sorted
}

// check fails the benchmark if requests failed.
func (o *outcome) check(b *testing.B) {
	b.Helper()
	if o.failed > 0 || len(o.latencies) == 0 {
		b.Errorf("%d requests failed, of %d", o.failed, len(o.latencies))
	}
}

// paced sends requests at a fixed rate per second until the context ends, whether
// or not earlier ones were answered, and waits for the answers. A request's
// latency counts from the time it was due, so that a late sender hides nothing.
func paced(ctx context.Context, rate float64, url func(i int) string) outcome {
	transport := &http.Transport{MaxIdleConnsPerHost: 512}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	var (
		o   outcome
		mu  sync.Mutex
		all sync.WaitGroup
	)
	begin := time.Now()
	for i := 0; ; i++ {
		due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			err := get(client, url(i))
			took := time.Since(due).Seconds()
			mu.Lock()
			defer mu.Unlock()
			o.latencies = append(o.latencies, took)
			if err != nil {
				o.failed++
			}
		})
	}
	o.took = time.Since(begin)
	all.Wait()
	slices.Sort(o.latencies)
	return o
}

func get(c *http.Client, url string) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
