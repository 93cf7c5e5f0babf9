package analyze

import (
	"strings"

	"timesink/analyze/breakdown"
)

// The runtime counts a call to C as a system call: it does not know whether the C code
// computes or waits. CPU samples tell, but only for all calls of a C function together:
// a short call gets none. So requests are held back until there is evidence about the
// functions that they call, or too many are held.
//
// C code that computes without a core gets no samples either, in that call. But it has a
// core in others, where C code that waits gets next to no samples at all, however often it
// is called. So a low rate of samples shows that a function computes, once enough were
// expected for chance not to explain the lack of them.

// cCalls decides which C functions compute, and counts their time in requests as cpu.
type cCalls struct {
	period    int64 // ns of CPU time that a sample stands for
	functions map[string]*cFunction
	of        map[*breakdown.Cause]*cFunction
	goCode    exposure
	held      []*breakdown.Request
	undecided int  // functions of held requests without enough evidence
	hasty     bool // too many requests were held: no more are
}

// A cFunction is what is known about a C function.
type cFunction struct {
	exposure
	awaited  bool // held requests wait for evidence about it
	computes bool
}

const (
	// enoughInC is how much time in a C function decides what it does, in samples that
	// it is expected to get if it computes. Of 200, one that gets them at 0.4 of the
	// rate of Go code has fewer than a quarter of them in one of 7000 captures.
	enoughInC = 200
	// enoughInGo is how much running time shows how often Go code has a core, in samples
	// that it gets on one.
	enoughInGo = 12
	// leastComputing is the least rate of samples in a C function that computes, where
	// that of Go code is 1. The runtime bounds the threads in Go code, but not those in
	// C. So where cores are scarce, a thread in C shares its core with more others, and
	// the kernel prefers threads that run briefly, as those in Go code do.
	leastComputing = 0.25
	// mostHeld bounds the number of requests held back.
	mostHeld = 4096
)

func newCCalls(period int64) *cCalls {
	return &cCalls{period: period, functions: map[string]*cFunction{}, of: map[*breakdown.Cause]*cFunction{}}
}

// add takes a request and calls yield with those that are decided, in the order in which
// they were added. The request is valid only until add returns.
func (c *cCalls) add(r *breakdown.Request, yield func(*breakdown.Request)) {
	c.goCode.add(r)
	if !r.InC && len(c.held) == 0 {
		yield(r)
		return
	}
	if r.InC {
		c.learn(r)
	}
	if c.hasty || c.undecided == 0 && len(c.held) == 0 {
		c.settle(r)
		yield(r)
		return
	}
	c.held = append(c.held, clone(r))
	if c.hasty = len(c.held) >= mostHeld; c.hasty || c.undecided == 0 {
		c.release(yield)
	}
}

// learn adds the evidence of a request about the C functions that it called.
func (c *cCalls) learn(r *breakdown.Request) {
	for i := range r.Path {
		if s := &r.Path[i]; s.Phase == breakdown.CCall {
			c.function(s.Cause).ran += s.End - s.Start
		}
	}
	for _, cause := range r.Samples {
		if f := c.function(cause); f != nil && cause.State == "syscall" {
			f.samples++
		}
	}
	for i := range r.Path {
		if s := &r.Path[i]; s.Phase == breakdown.CCall {
			c.judge(c.function(s.Cause))
		}
	}
}

// judge decides what a function does from the evidence so far, and whether that is
// enough. Go code, which may lack cores as well, shows how many samples to expect.
func (c *cCalls) judge(f *cFunction) {
	expected := float64(f.ran) / float64(c.period)
	if ran := float64(c.goCode.ran) / float64(c.period); ran >= enoughInGo {
		expected *= min(1, float64(c.goCode.samples)/ran)
	}
	f.computes = f.samples > 0 && float64(f.samples) >= leastComputing*expected
	if enough := expected >= enoughInC; f.awaited == enough {
		f.awaited = !enough
		if enough {
			c.undecided--
		} else {
			c.undecided++
		}
	}
}

// release yields the requests held back, with what is known by now.
func (c *cCalls) release(yield func(*breakdown.Request)) {
	for _, r := range c.held {
		c.settle(r)
		yield(r)
	}
	c.held = nil
}

// settle counts a request's time in functions that compute as cpu.
func (c *cCalls) settle(r *breakdown.Request) {
	if !r.InC {
		return
	}
	for i := range r.Path {
		s := &r.Path[i]
		if s.Phase == breakdown.CCall && c.function(s.Cause).computes {
			s.Bucket, s.Phase = breakdown.CPU, breakdown.NoPhase
			r.Ran += s.End - s.Start
		}
	}
	for _, cause := range r.Samples {
		if f := c.function(cause); f != nil && f.computes && cause.State == "syscall" {
			r.RanSampled++
		}
	}
}

// function returns what is known about the C function that a cause is in, nil for none.
func (c *cCalls) function(cause *breakdown.Cause) *cFunction {
	f, ok := c.of[cause]
	if ok {
		return f
	}
	if name := cName(cause); name != "" {
		if f = c.functions[name]; f == nil {
			f = &cFunction{}
			c.functions[name] = f
		}
	}
	c.of[cause] = f
	return f
}

// cName returns the name of the C function that a cause is in, as Go calls it, "" for
// none: "main._Cfunc_hash".
func cName(cause *breakdown.Cause) string {
	for i, f := range cause.Stack {
		switch {
		case isCFunction(f.Function):
			return f.Function
		case f.Function == "runtime.cgocall" && i+1 < len(cause.Stack):
			if next := cause.Stack[i+1].Function; !strings.HasPrefix(next, "runtime.") {
				return next
			}
		case !strings.HasPrefix(f.Function, "runtime."):
			return ""
		}
	}
	return ""
}

// isCFunction reports whether cgo gave a function its name: the Go side of a C function.
func isCFunction(name string) bool {
	return strings.Contains(name, "._Cfunc_") || strings.Contains(name, "._C2func_")
}
