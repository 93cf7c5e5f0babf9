package timeline

import (
	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// This file accounts for the whole process: the time of all goroutines by root, and how
// much of what they do is done for requests.

// account adds a closed interval of a goroutine that works for r, which is nil if it
// works for no request. The requests that observe the service do not count.
func (m *machine) account(r *request, g *goroutine, iv *interval) {
	length := iv.end - iv.start
	running := iv.state == trace.StateRunning
	if running {
		m.ran(r, iv.start, iv.end, iv.assist)
	}
	if r != nil && r.observer || iv.class != nil && iv.class.Observer {
		return
	}
	bucket := ownBucket(iv)
	if r == nil && m.rests(g, iv, bucket) {
		bucket = breakdown.Wait
	}
	g.root.Spent[bucket] += length
	if serves := r != nil && r.g == g; g.root.runtime || bucket.Idle() && !serves {
		return
	}
	c := &m.sum.Coverage
	c.AtWork += length
	if running {
		c.Running += length
	}
	if r != nil {
		c.AtWorkInRequests += length
		if running {
			c.RunningInRequests += length
		}
	}
}

// ran counts running time, and brief stretches of it apart.
func (m *machine) ran(r *request, start, end int64, assist bool) {
	length := end - start
	briefly := length
	if length >= briefRun {
		briefly = 0
	}
	m.sum.Running += length
	if l := m.sum.Load; l != nil {
		l.Add(start, end)
	}
	m.sum.RunningBriefly += briefly
	if r != nil && !assist {
		r.Ran += length
		r.RanBriefly += briefly
	}
}

// covers counts a CPU sample of a goroutine that works for r, which may be nil.
func (m *machine) covers(r *request, g *goroutine, c *class) {
	if g.root.runtime || r != nil && r.observer || c != nil && c.Observer {
		return
	}
	m.sum.Coverage.Samples++
	if r != nil {
		m.sum.Coverage.SamplesInRequests++
	}
}

// rests reports whether a goroutine without a request had nothing to do in an interval
// that looks as if it had:
//
//   - It has been waiting since before the window, for what is not known.
//   - It waited for a message, in no client that a rule knows, as a client's own
//     goroutine, or for a queue's next one.
//   - It is the runtime's, and waited for work.
//   - It was in a system call all the time, which no rule explains or which reads a
//     file: a terminal, a pipe or an event queue in which nothing happens.
func (m *machine) rests(g *goroutine, iv *interval, bucket breakdown.Bucket) bool {
	switch {
	case iv.hasNoStack() && (iv.state == trace.StateWaiting || iv.state == trace.StateSyscall):
		return true // it is what the goroutine was doing before the window
	case iv.state == trace.StateWaiting:
		if c := iv.class; c != nil && !c.InService && bucket.External() {
			return true // a client's own goroutine, on behalf of others or for messages to come
		}
		return g.root.runtime || bucket == breakdown.Unknown && iv.reason == trace.ReasonNetwork || iv.class != nil && iv.class.Role == rules.Fetch
	case iv.state == trace.StateSyscall:
		return iv.open && iv.start <= m.from && (bucket == breakdown.Unknown || bucket == breakdown.File)
	}
	return false
}

// ownBucket returns the bucket of an interval by its own stack, for goroutines that
// serve no request.
func ownBucket(iv *interval) breakdown.Bucket {
	c := iv.class
	switch {
	case iv.state == trace.StateRunning && !iv.assist:
		return breakdown.CPU
	case iv.state == trace.StateRunnable && !iv.assist:
		return breakdown.Scheduler
	case iv.assist, iv.reason == trace.ReasonGC, iv.state == trace.StateWaiting && c != nil && c.GC:
		return breakdown.GC
	case idles(c):
		return breakdown.Wait
	case c != nil && c.Own != nil:
		return c.Own.Bucket
	case iv.reason == trace.ReasonSleep:
		return breakdown.Sleep
	case iv.state != trace.StateWaiting || iv.reason == trace.ReasonNetwork || iv.hasNoStack():
		return breakdown.Unknown
	case iv.waker == nil && !iv.open && iv.reason != trace.ReasonSync && iv.reason != trace.ReasonCond:
		return breakdown.Sleep // a timer ended it
	}
	return breakdown.Wait
}

// idles reports whether the stack waits for a client to connect or to send a request,
// or for a signal.
func idles(c *class) bool {
	return c != nil && (c.Role == rules.Idle || c.Role == rules.NotRequest || c.Role == rules.Background)
}

// countTurns adds up the waits for messages by the root of their stacks.
func (m *machine) countTurns() {
	for _, c := range m.admitted {
		if c.rested > 0 {
			m.rootOf(c).Turns += c.rested
		}
	}
}
