package rules

import (
	"testing"

	"timesink/analyze/breakdown"
)

func TestAwaitsReader(t *testing.T) {
	for _, c := range []struct {
		name, stack, reason string
		want                bool
	}{
		{"a response that is not closed", "runtime.selectgo < net/http.(*persistConn).readLoop", "select", true},
		{"the same, of which a trace gives only the reason", "net/http.(*persistConn).readLoop", "select", true},
		{"an idle connection", "internal/poll.runtime_pollWait < internal/poll.(*FD).Read < net/http.(*persistConn).Read < bufio.(*Reader).Peek < net/http.(*persistConn).readLoop", "network", false},
		{"the connection's other goroutine", "runtime.selectgo < net/http.(*persistConn).writeLoop", "select", false},
		{"what the loop calls", "runtime.selectgo < net/http.(*Transport).tryPutIdleConn < net/http.(*persistConn).readLoop", "select", false},
	} {
		if got := AwaitsReader(&breakdown.Cause{Reason: c.reason, Stack: stack(c.stack)}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
