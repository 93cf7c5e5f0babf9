package rules

import "timesink/analyze/breakdown"

// waits are the runtime's functions that goroutines wait in, with the reason that a trace
// gives for a wait that begins there.
var waits = map[string]string{
	"internal/poll.runtime_pollWait": "network",
	"runtime.chanrecv":               "chan receive",
	"runtime.chansend":               "chan send",
	"runtime.selectgo":               "select",
	"time.Sleep":                     "sleep",
}

// Reason returns the runtime's reason for a wait. For one that was under way when the
// window opened a trace holds only the stack, which begins with the runtime's own
// functions. It returns "" if the stack does not show the reason either.
func Reason(c *breakdown.Cause) string {
	if c.Reason != "" {
		return c.Reason
	}
	for _, f := range c.Stack {
		if reason := waits[f.Function]; reason != "" {
			return reason
		}
		if packageOf(f.Function) != "runtime" {
			break
		}
	}
	return ""
}
