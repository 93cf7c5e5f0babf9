package analyze

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

// A C function that gets CPU samples as Go code does is cpu in all requests, also in
// those before the evidence came. Another one is not.
func TestSamplesTellWhatCCodeDoes(t *testing.T) {
	const each = 4_500_000 // ns of a call
	causes := map[string]*breakdown.Cause{}
	for _, name := range []string{"main._Cfunc_hash", "main._Cfunc_wait", "main._Cfunc_once"} {
		causes[name] = &breakdown.Cause{State: "syscall", Stack: []breakdown.Frame{{Function: "runtime.cgocall"}, {Function: name}, {Function: "main.get"}}}
	}
	call := func(i int, name string) *breakdown.Request {
		start := int64(i) * 1e7
		r := &breakdown.Request{Start: start, End: start + each, InC: true, Ran: 1e6,
			Path: []breakdown.Segment{{Start: start, End: start + each, Bucket: breakdown.Unknown, Phase: breakdown.CCall, Cause: causes[name]}}}
		if name == "main._Cfunc_hash" && i%2 == 1 {
			r.Samples = []*breakdown.Cause{causes[name]}
		}
		if i%10 == 0 { // Go code has a core all the time
			r.RanSampled = 1
		}
		return r
	}
	for _, c := range []struct {
		name     string
		requests int
		of       func(i int) *breakdown.Request
		held     int              // the most requests held back
		cpu      func(i int) bool // which requests are cpu in the end
	}{
		{"one that computes", 1000, func(i int) *breakdown.Request { return call(i, "main._Cfunc_hash") }, 445, func(int) bool { return true }},
		{"one that waits", 1000, func(i int) *breakdown.Request { return call(i, "main._Cfunc_wait") }, 445, func(int) bool { return false }},
		{"one called once, and Go code", 100, func(i int) *breakdown.Request {
			if i == 0 {
				return call(i, "main._Cfunc_once")
			}
			return &breakdown.Request{Start: int64(i) * 1e7, Ran: 1e6, RanSampled: int64(i % 2)}
		}, 100, func(int) bool { return false }},
		{"one that no request calls", 100, func(i int) *breakdown.Request { return &breakdown.Request{Start: int64(i) * 1e7} }, 0, func(int) bool { return false }},
		{"one called once, and more requests than may be held", mostHeld + 50, func(i int) *breakdown.Request {
			if i == 0 {
				return call(i, "main._Cfunc_once")
			}
			return &breakdown.Request{Start: int64(i) * 1e7}
		}, mostHeld, func(int) bool { return false }},
	} {
		all := newCCalls(defaultPeriod)
		var out []breakdown.Request
		yield := func(r *breakdown.Request) { out = append(out, *r) }
		held := 0
		for i := range c.requests {
			r := c.of(i)
			all.add(r, yield)
			held = max(held, i+1-len(out))
			clear(r.Path) // it is valid no longer
		}
		all.release(yield)
		if len(out) != c.requests || !slices.IsSortedFunc(out, func(a, b breakdown.Request) int { return int(a.Start - b.Start) }) {
			t.Errorf("%s: %d of %d requests, or not in order", c.name, len(out), c.requests)
		}
		if held > c.held {
			t.Errorf("%s: %d requests held back, more than %d", c.name, held, c.held)
		}
		for i, r := range out {
			if !r.InC {
				continue
			}
			if isCPU := r.Ran > 1e6; isCPU != c.cpu(i) {
				t.Errorf("%s: request %d: cpu is %v", c.name, i, isCPU)
				break
			}
		}
	}
}

// Under a CPU limit, C code that computes gets few samples, and so does Go code.
func TestCCodeIsComparedWithGoCode(t *testing.T) {
	cause := &breakdown.Cause{State: "syscall", Stack: []breakdown.Frame{{Function: "runtime.cgocall"}, {Function: "main._Cfunc_hash"}}}
	for share, want := range map[int64]breakdown.Bucket{5: breakdown.CPU, 1: breakdown.Unknown} {
		all := newCCalls(defaultPeriod)
		var last breakdown.Bucket
		yield := func(r *breakdown.Request) { last = r.Path[0].Bucket }
		for i := range int64(250) {
			// A fifth of the time on a core, in C code and, if share is 5, in Go code.
			r := &breakdown.Request{InC: true, Ran: 1e7, End: 1e7, Path: []breakdown.Segment{{End: 1e7, Phase: breakdown.CCall, Bucket: breakdown.Unknown, Cause: cause}}}
			if i%5 == 0 {
				r.Samples = []*breakdown.Cause{cause}
			}
			if i%share == 0 {
				r.RanSampled = 1
			}
			all.add(r, yield)
		}
		all.release(yield)
		if last != want {
			t.Errorf("with a %d. of Go's samples: %s, not %s", share, last, want)
		}
	}
}
