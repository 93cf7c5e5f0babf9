package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// callState is where a goroutine stands in what it asks of another system.
type callState struct {
	req    *request
	reqSeq uint64
	index  int // into the request's Calls
	phase  breakdown.Phase
	// answered: something was read since the last write. ended: the answer to
	// an HTTP request has come.
	answered, ended bool
	wrote           []*class
}

// noteCall sees what an interval of a request's goroutine says of its calls. A
// trace shows no beginning of a call, only what it waits for; a new one began
// where the phases start over, where the answer to the last has come and
// another is waited for, or where the same stack writes again after an answer.
func (m *machine) noteCall(r *request, g *goroutine, iv *interval) {
	c := iv.class
	if c == nil || c.Own == nil || c.Own.Bucket > breakdown.Upstream || iv.end <= r.Start || (iv.state != stateWaiting && iv.state != stateSyscall) {
		return
	}
	if !c.InService && r.g != g && (g.created == nil || !g.created.InService || g.created.Own != nil) {
		return // a library's own goroutine
	}
	phase := c.Phase
	if iv.wakerClass != nil && iv.wakerClass.Wakes != breakdown.NoPhase {
		phase = iv.wakerClass.Wakes
	}
	if g.call == nil {
		g.call = &callState{}
	}
	s := g.call
	writes := iv.state == stateSyscall && isWrite(c)
	if s.req != r || s.reqSeq != r.seq || r.Calls[s.index].Bucket != c.Own.Bucket || s.startsOver(c, phase, writes, &r.Calls[s.index]) {
		*s = callState{req: r, reqSeq: r.seq, index: len(r.Calls), wrote: s.wrote[:0]}
		r.Calls = append(r.Calls, breakdown.Call{Start: iv.start, Goroutine: g.id, Bucket: c.Own.Bucket, System: c.System, Site: c.Site})
	}
	s.phase = max(s.phase, phase)
	call := &r.Calls[s.index]
	call.End = iv.end
	if call.System == rules.GenericSQL {
		call.System = c.System
	}
	call.Dialed = call.Dialed || iv.dial != nil || phase == breakdown.DNS || phase == breakdown.Connect || phase == breakdown.TLS
	switch {
	case writes:
		s.answered = false
		s.wrote = append(s.wrote, c)
	case phase == breakdown.ResponseWait && iv.state == stateWaiting:
		s.ended = true
	default:
		s.answered = true
	}
}

func (s *callState) startsOver(c *class, phase breakdown.Phase, writes bool, call *breakdown.Call) bool {
	switch {
	case phase < s.phase:
		return true
	case phase == breakdown.ResponseWait:
		return s.ended
	case !writes || !s.answered:
		return false
	}
	return slices.Contains(s.wrote, c) || c.Site != call.Site
}

// isWrite tells a stack that is writing to the network.
func isWrite(c *class) bool {
	for _, f := range c.Stack[:min(len(c.Stack), 4)] {
		switch f.Function {
		case "syscall.write", "syscall.Write", "internal/poll.(*FD).Write", "internal/poll.(*FD).Writev", "syscall.sendto":
			return true
		}
	}
	return false
}

// placeCalls says how much of each call lies on the path, and adds the calls
// that shared workers made for the request.
func (m *machine) placeCalls(r *request) {
	own := map[int64]bool{r.Goroutine: true}
	for _, g := range r.branches {
		own[g.id] = true
	}
	counted := len(r.Calls)
	var last *breakdown.Segment
	for i := range r.Path {
		s := &r.Path[i]
		if s.Bucket > breakdown.Upstream || own[s.Goroutine] || m.counted(r.Calls[:counted], s) {
			continue
		}
		if last == nil || last.Goroutine != s.Goroutine || last.Bucket != s.Bucket || last.Cause.Site != s.Cause.Site || s.Phase < last.Phase {
			r.Calls = append(r.Calls, breakdown.Call{Start: s.Start, End: s.End, Goroutine: s.Goroutine, Bucket: s.Bucket,
				System: s.Cause.System, Site: s.Cause.Site})
		}
		r.Calls[len(r.Calls)-1].End = s.End
		last = s
	}
	slices.SortStableFunc(r.Calls, func(a, b breakdown.Call) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Goroutine, b.Goroutine))
	})
	for i := range r.Calls {
		c := &r.Calls[i]
		c.Start = min(max(c.Start, r.Start), r.End)
		c.End = max(min(c.End, r.End), c.Start)
		j, _ := slices.BinarySearchFunc(r.Path, c.Start+1, func(s breakdown.Segment, t int64) int { return cmp.Compare(s.End, t) })
		for ; j < len(r.Path) && r.Path[j].Start < c.End; j++ {
			if s := &r.Path[j]; s.Goroutine == c.Goroutine && s.Bucket == c.Bucket {
				c.OnPath += min(s.End, c.End) - max(s.Start, c.Start)
			}
		}
	}
}

// counted tells whether one of the calls covers a segment.
func (m *machine) counted(calls []breakdown.Call, s *breakdown.Segment) bool {
	return slices.ContainsFunc(calls, func(c breakdown.Call) bool {
		return c.Goroutine == s.Goroutine && c.Start <= s.Start && s.End <= c.End
	})
}
