package sampled

import (
	"hash/fnv"
	"io"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/collect/capture"
)

// A state is what a goroutine was doing in a snapshot.
type state uint8

const (
	waiting   state = iota
	computing       // running, or ready to run
	inKernel
	collecting // helping the garbage collector, or stopped by it
)

// A stack is a distinct stack, classified.
type stack struct {
	*rules.Class
	chain *breakdown.Chain // nil if the stack leads no further than to its handler
	// plain is the state of goroutines with this stack where a snapshot states none.
	plain  state
	causes map[string]*breakdown.Cause // by state, as the runtime names it
}

// stacks classifies the stacks of samples.
type stacks struct {
	table *rules.Table
	home  *rules.Home
	all   []*stack
	// received are the same stacks with the frame that goroutines have below them while
	// they receive from a channel: the text form leaves the runtime's frames out.
	received map[*stack]*stack
}

// mostMoves bounds the passes over the stacks after the service's code turned out to be
// elsewhere.
const mostMoves = 4

// classify classifies all stacks.
func classify(table *rules.Table, list []capture.Stack) *stacks {
	s := &stacks{table: table, home: rules.NewHome(table), received: map[*stack]*stack{}}
	of := table.Classify
	for range mostMoves {
		s.all = s.all[:0]
		for i := range list {
			s.all = append(s.all, &stack{Class: of(framesOf(&list[i]))})
		}
		moved := false
		for _, one := range s.all {
			moved = s.home.See(one.Class) || moved
		}
		if !moved {
			break
		}
		of = s.home.Classify
	}
	for i, one := range s.all {
		one.finish()
		if list[i].Elided {
			one.Cut = true
		}
	}
	return s
}

func framesOf(s *capture.Stack) []breakdown.Frame {
	out := make([]breakdown.Frame, len(s.Frames))
	for i, f := range s.Frames {
		out[i] = breakdown.Frame(f)
	}
	return out
}

func (s *stack) finish() {
	s.chain, s.plain, s.causes = chainOf(s.Class), plainState(s.Stack), map[string]*breakdown.Cause{}
}

// receiving returns the stack of a goroutine that receives from a channel.
func (s *stacks) receiving(one *stack) *stack {
	if len(one.Stack) > 0 && strings.HasPrefix(one.Stack[0].Function, "runtime.") {
		return one
	}
	known := s.received[one]
	if known == nil {
		frames := append([]breakdown.Frame{{Function: "runtime.chanrecv2", File: "runtime/chan.go"}}, one.Stack...)
		classify := s.table.Classify
		if s.home.Moved() {
			classify = s.home.Classify
		}
		known = &stack{Class: classify(frames)}
		known.finish()
		s.received[one] = known
	}
	return known
}

// plainState returns the state that a stack alone shows: a goroutine that waits is below
// runtime.gopark, one in a system call below the function that enters the kernel.
func plainState(frames []breakdown.Frame) state {
	if len(frames) == 0 {
		return waiting
	}
	switch leaf := frames[0].Function; {
	case leaf == "runtime.gopark", leaf == "runtime.goparkunlock":
		return waiting
	case entersKernel(leaf):
		return inKernel
	}
	return computing
}

// entersKernel reports whether a goroutine with this innermost function is in the kernel,
// or in C code.
func entersKernel(leaf string) bool {
	switch leaf {
	case "runtime.cgocall", "runtime.notetsleepg", "syscall.Syscall", "syscall.Syscall6", "syscall.syscall", "syscall.syscall6", "syscall.rawVforkSyscall", "syscall.RawSyscall6":
		return true
	}
	return strings.HasPrefix(leaf, "internal/runtime/syscall.Syscall") || strings.HasPrefix(leaf, "runtime/internal/syscall.Syscall")
}

// stateOf returns a goroutine's state from the runtime's name for it.
func stateOf(name string, of *stack) state {
	name = strings.TrimSuffix(name, " (scan)")
	switch {
	case name == "":
		if of.GC {
			return collecting
		}
		return of.plain
	case name == "running", name == "runnable", name == "preempted", name == "copystack":
		return computing
	case name == "syscall":
		return inKernel
	case strings.HasPrefix(name, "GC "), strings.Contains(name, "GC assist"):
		return collecting
	}
	return waiting
}

// chainOf returns the functions through which a request may have been passed on.
func chainOf(c *rules.Class) *breakdown.Chain {
	if len(c.Below) == 0 {
		return nil
	}
	chain := make(breakdown.Chain, len(c.Below))
	for i, at := range c.Below {
		frame := c.Stack[at]
		frame.Function = strings.TrimSuffix(frame.Function, "-fm")
		step := breakdown.Step{Frame: frame, Dispatched: 0 < i && i <= c.Dispatched, Unrouted: i == 0 && c.Unrouted}
		if via := c.Via[i]; via >= 0 {
			step.Via = c.Stack[via]
		}
		if i == len(chain)-1 {
			step.Frame = breakdown.Frame{Function: frame.Function}
		} else {
			step.PC = placeOf(frame)
		}
		chain[i] = step
	}
	return &chain
}

// placeOf stands in for the address of a call, which samples do not have.
func placeOf(f breakdown.Frame) uint64 {
	h := fnv.New64a()
	io.WriteString(h, f.File)
	h.Write([]byte{0, byte(f.Line), byte(f.Line >> 8), byte(f.Line >> 16), 0})
	io.WriteString(h, f.Function)
	return h.Sum64()
}

// cause returns the evidence for a goroutine with this stack and the runtime's name for
// its state.
func (s *stack) cause(name string, is state) *breakdown.Cause {
	if known := s.causes[name]; known != nil {
		return known
	}
	c := &breakdown.Cause{
		State: [...]string{waiting: "waiting", computing: "running", inKernel: "syscall", collecting: "waiting"}[is],
		Site:  s.Site, Stack: s.Stack, System: s.System, Library: s.Library, Timer: s.Timer, Purpose: s.Purpose,
		Activity: s.Activity, Called: s.Called, Collecting: s.Collecting, Outside: !s.InService,
	}
	if is == waiting || is == collecting {
		c.Reason = name
	}
	if s.Own != nil {
		c.Rule, c.Of, c.Hold = s.Own.Func, s.Own.Bucket, s.Hold
	}
	s.causes[name] = c
	return c
}

// serves reports whether a goroutine with this stack serves a request. One whose
// connection waits for the next request, or is being closed, does not.
func (s *stack) serves() bool {
	if s.Kind == "" || s.Observer || !s.Served {
		return false
	}
	switch s.Role {
	case rules.Connection, rules.Stream, rules.Finishing, rules.Callback, rules.NoRole:
		return true
	}
	return false
}
