package collect_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"timesink/collect"
)

// A request for a trace whose connection ends without an answer is not sent again by the
// transport: the trace of the first one may still run.
func TestATraceWithoutAnAnswerIsAskedForOnce(t *testing.T) {
	var asked atomic.Int64
	h := with("trace", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	checkError(t, fail(t, context.Background(), short(t, serve(t, blind(h)))), collect.ErrUnreachable, "", "")
	if n := asked.Load(); n != 1 {
		t.Errorf("the trace was asked for %d times", n)
	}
}
