package ticket_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/report"
)

// A page of 50,000 requests is small enough for a ticket and quick to write. It
// states what it does not show.
func TestAPageOfFiftyThousandRequests(t *testing.T) {
	const requests = 50_000
	b, specimens := analyzed(t, record(t, requests), analyze.Options{})
	seen := int64(0)
	for _, e := range b.Endpoints {
		seen += e.Requests
	}
	if seen < requests*9/10 {
		t.Fatalf("the capture has %d requests of %d", seen, requests)
	}
	var page bytes.Buffer
	start := time.Now()
	if err := report.HTML(&page, b, specimens, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%d requests: %d bytes in %v", seen, page.Len(), took)
	if page.Len() > 2_000_000 {
		t.Errorf("the page has %d bytes", page.Len())
	}
	if took > 5*time.Second {
		t.Errorf("the page took %v", took)
	}
	tab := open(t, file(t, page.Bytes()), desk)
	tab.drawn()
	tab.picture("large")
	tab.parts("large")
}

// record traces this process while it answers requests, each of which waits for a
// lock, sleeps, or calls another service, at a different stack depth.
func record(t *testing.T, requests int64) string {
	t.Helper()
	var locked sync.Mutex
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	defer other.Close()
	var n atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := n.Add(1)
		deep(int(i%60), func() {
			switch {
			case i%50 == 0:
				if answer, err := http.Get(other.URL); err == nil {
					answer.Body.Close()
				}
			case i%7 == 0:
				locked.Lock()
				time.Sleep(50 * time.Microsecond)
				locked.Unlock()
			default:
				time.Sleep(time.Duration(i%40) * 10 * time.Microsecond)
			}
		})
		fmt.Fprintln(w, i)
	}))
	defer service.Close()
	path := filepath.Join(t.TempDir(), "trace.out")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := trace.Start(out); err != nil {
		t.Fatal(err)
	}
	load(t, service.URL, requests)
	trace.Stop()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// deep calls f below n frames.
func deep(frames int, f func()) {
	if frames == 0 {
		f()
		return
	}
	deep(frames-1, f)
}

// load sends requests over a few connections.
func load(t *testing.T, url string, requests int64) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(requests)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
				if err == nil {
					var answer *http.Response
					if answer, err = client.Do(r); err == nil {
						answer.Body.Close()
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
