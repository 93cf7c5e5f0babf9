package timeline_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/trace"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

func sleepy(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Millisecond) }

// A trace is read request by request, each with its path.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(sleepy))
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		log.Fatal(err)
	}
	if resp, err := http.Get(server.URL); err == nil {
		resp.Body.Close()
	}
	server.Close()
	trace.Stop()

	sum, err := timeline.Read(context.Background(), &recorded, rules.New(), 1, func(r *breakdown.Request) {
		slept := int64(0)
		for _, s := range r.Path {
			if s.Bucket == breakdown.Sleep {
				slept += s.End - s.Start
			}
		}
		fmt.Println(filepath.Base(r.Endpoint), r.Kind, slept >= int64(5*time.Millisecond), r.Check())
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Requests, "request,", sum.Cut)
	// Output:
	// timeline_test.sleepy http/1 true <nil>
	// 1 request, <nil>
}
