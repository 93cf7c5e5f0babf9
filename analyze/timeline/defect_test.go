package timeline_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// A panic on any goroutine that works on a trace is an error that says where it was.
func TestAPanicIsAnError(t *testing.T) {
	data := record(t, func() {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "done") }))
		defer s.Close()
		for range 300 { // more than are handed on at once
			get(t, s.Client(), s.URL)
		}
	})
	for _, workers := range []int{1, 2} {
		for _, c := range []struct {
			name    string
			panicOn int
		}{{"the first request", 1}, {"the last requests", 290}} {
			n := 0
			_, err := timeline.Read(t.Context(), bytes.NewReader(data), rules.New(), workers, func(*breakdown.Request) {
				if n++; n == c.panicOn {
					fails()
				}
			})
			d, ok := errors.AsType[*timeline.Defect](err)
			if !ok || len(d.At) == 0 || !strings.Contains(d.At[0], "timeline_test.fails (defect_test.go:") {
				t.Errorf("%d workers, a panic on %s: %v", workers, c.name, err)
			}
			if n != c.panicOn {
				t.Errorf("%d workers: %d requests were delivered, %d of them after a panic", workers, n, n-c.panicOn)
			}
		}
	}
}

//go:noinline
func fails() {
	var none *breakdown.Request
	none.End = 1
}
