// Package made makes execution traces of a stated shape, so that figures of different
// machines and days compare. The same shape and length always give the same bytes.
//
// A small discrete-event simulation of Go's scheduler runs the goroutines of a service and
// of its clients' connections on two processors (scheduler.go, programs.go). It writes what
// they do in the format of Go 1.26 (writer.go), with stacks of a recorded trace
// (stacks.txt). There are no collections, CPU samples or system calls that block.
package made

import (
	"fmt"
	"io"
	"time"
)

// A Shape is what a service does and how busy it is.
type Shape struct {
	Name   string
	Health Load // requests that never wait
	Calls  Load // a query and four upstream calls, one after another
	FanOut Load // a query through a pool, then Branches at once that share a lock
	// Branches is the fan-out of each of the latter, at least 1.
	Branches int
	// Quiet is the number of goroutines that wait for a message that never comes.
	Quiet int
}

// A Load is what the clients of one kind of request send.
type Load struct {
	Rate        int // requests a second, as far as the service keeps up
	Connections int
}

// Shapes returns the shapes that the benchmarks use.
func Shapes() []Shape {
	return []Shape{
		// As the recorded trace: mostly health checks.
		{Name: "small requests", Health: Load{55_000, 16}, Calls: Load{400, 8}},
		{Name: "five calls each", Calls: Load{3_000, 80}},
		{Name: "fan-out, locks and pools", FanOut: Load{8_000, 64}, Branches: 4},
	}
}

// Made counts what a made trace holds.
type Made struct {
	Events   int64
	Requests int64 // whole ones
}

// Write writes a trace of the given length.
func (s Shape) Write(w io.Writer, length time.Duration) (Made, error) {
	out, err := newWriter(w)
	if err != nil {
		return Made{}, err
	}
	m := newScheduler(out)
	s.start(m)
	m.run(length)
	if err := out.close(); err != nil {
		return Made{}, fmt.Errorf("writing a trace of %s: %w", s.Name, err)
	}
	return Made{Events: out.events, Requests: m.requests}, nil
}
