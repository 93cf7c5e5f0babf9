package rules

import (
	"slices"

	"timesink/analyze/breakdown"
)

// unread are the functions of clients whose goroutines wait in a select until somebody
// reads a response to its end or closes it. Each has a connection, which serves no other
// call meanwhile.
var unread = []string{
	"net/http.(*persistConn).readLoop",
}

// AwaitsReader reports whether a wait is for a response to be read or closed.
func AwaitsReader(c *breakdown.Cause) bool {
	if Reason(c) != "select" {
		return false
	}
	i := slices.IndexFunc(c.Stack, func(f breakdown.Frame) bool { return packageOf(f.Function) != "runtime" })
	return i >= 0 && slices.Contains(unread, c.Stack[i].Function)
}
