package analyze_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"path"
	"runtime/trace"
	"time"

	"timesink/analyze"
	"timesink/collect/capture"
)

// A bare trace is analyzed like a capture.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(resting))
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if resp, err := http.Get(server.URL); err == nil {
			resp.Body.Close()
		}
	}
	server.Close()
	trace.Stop()

	c, err := capture.Read("trace.out", &recorded)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	b, err := analyze.Captures(context.Background(), []*capture.Capture{c}, analyze.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range b.Endpoints {
		top := e.Buckets[0]
		for _, t := range e.Buckets {
			if t.Total > top.Total {
				top = t
			}
		}
		fmt.Println(path.Base(e.Name), e.Requests, "requests, mostly", top.Bucket)
	}
	// Output: analyze_test.resting 3 requests, mostly sleep
}

// resting sleeps for long beside a collection that other tests have left under way.
func resting(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) }
