package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// callState is where a goroutine stands in what it asks of another system.
type callState struct {
	req    *request // nil where the calls are nobody's yet
	reqSeq uint64
	index  int // into the request's Calls, or the loose ones
	open   bool
	phase  breakdown.Phase
	// answered: something was read since the last write. ended: the answer to
	// an HTTP request has come, or to one that others write and read.
	answered, ended bool
	begins          bool     // the call was last seen to begin
	asked           []*class // stacks that wrote, or waited for an answer
	from            []breakdown.Frame
	// loose are the calls of a goroutine that worked for no request that was
	// known then; the one that turns out to have waited for them claims them.
	loose []breakdown.Call
}

// noteCall sees what an interval of a goroutine says of its calls, for the
// request that it works for or, nil, for one not known yet. A trace shows no
// beginning of a call, only what it waits for; a new one began where the phases
// start over, or where after an answer the same stack asks again or the service
// came another way.
func (m *machine) noteCall(r *request, g *goroutine, iv *interval) {
	if iv.class == nil || (iv.state != stateWaiting && iv.state != stateSyscall) {
		return
	}
	c, own := iv.class, iv.rule()
	if own == nil || own.Bucket > breakdown.Upstream {
		return
	}
	if iv.reason == reasonSync && !iv.endsWhole() || iv.reason == reasonGC || c.GC || r != nil && iv.end <= r.Start {
		return // a library's own lock is no step, nor is the collector
	}
	if c.NoCall || (r == nil || r.g != g) && g.helps(c) {
		return
	}
	if g.call == nil {
		g.own().call = &callState{}
	}
	s := g.call
	calls := &s.loose
	if r != nil {
		calls = &r.Calls
	}
	phase := iv.phase()
	writes := isWrite(c) && phase != breakdown.BodyRead // there it says how much it has read
	if !s.open || s.req != r || r != nil && s.reqSeq != r.seq || (*calls)[s.index].Bucket != own.Bucket ||
		s.startsOver(c, phase, writes) || s.ended && iv.endsWhole() {
		if r != nil && !m.mayCall(r) {
			s.open = false
			return
		}
		*s = callState{req: r, index: len(*calls), open: true, asked: s.asked[:0], loose: s.loose, from: c.caller()}
		if r != nil {
			s.reqSeq = r.seq
		}
		*calls = append(*calls, breakdown.Call{Start: iv.start, Goroutine: g.id, Bucket: own.Bucket, System: cmp.Or(c.System, own.System), Site: c.Site})
		if r == nil {
			m.kept += looseSize
		}
	}
	call := &(*calls)[s.index]
	call.End = iv.end
	if getsReady(s.phase) && !getsReady(phase) {
		call.Site, s.from = c.Site, c.caller() // the connection may have been asked for elsewhere
	}
	s.phase, s.begins = max(s.phase, phase), c.Begins
	if call.System == rules.GenericSQL {
		call.System = c.System
	}
	call.Dialed = call.Dialed || iv.aide != nil && iv.aide.start.Dials || phase == breakdown.DNS || phase == breakdown.Connect || phase == breakdown.TLS
	switch {
	case getsReady(phase):
	case writes:
		s.answered = false
		s.ask(c)
	case iv.endsWhole():
		s.ended, s.answered = true, true
	case phase == breakdown.ResponseWait && iv.state == stateWaiting:
		s.ended = true
		s.ask(c)
	default:
		s.answered = true
	}
}

// getsReady tells a phase in which a connection is waited for or made: nothing is
// asked of the other side yet.
func getsReady(p breakdown.Phase) bool { return p != breakdown.NoPhase && p <= breakdown.TLS }

// helps tells a goroutine, with a stack of its, that a library began: what it
// does is part of the call that it was begun for, also where the service's code
// is called back.
func (g *goroutine) helps(c *class) bool {
	if g.created == nil {
		return !c.InService
	}
	return g.created.Own != nil && g.created.Own.Bucket <= breakdown.Upstream || !g.created.InService && !c.InService
}

// noteOpen sees the calls that a request leaves behind when it ends.
func (m *machine) noteOpen(r *request, at int64) {
	for _, g := range r.branches {
		if m.tag(g) == r && !g.dead && g.since < at {
			m.noteCall(r, g, &interval{start: g.since, end: at, class: g.class, state: g.state, reason: g.reason, open: true})
		}
	}
}

// ask remembers a stack that wrote, or waited for an answer.
func (s *callState) ask(c *class) {
	if !slices.Contains(s.asked, c) {
		s.asked = append(s.asked, c)
	}
}

func (s *callState) startsOver(c *class, phase breakdown.Phase, writes bool) bool {
	switch {
	case phase < s.phase, c.Begins && !s.begins:
		return true
	case phase == breakdown.ResponseWait:
		return s.ended && (slices.ContainsFunc(s.asked, c.waitsLike) || !slices.Equal(c.caller(), s.from))
	}
	return writes && s.answered && (slices.Contains(s.asked, c) || !slices.Equal(c.caller(), s.from))
}

// caller is the part of a stack that the service's code is: from its call into
// the library outwards.
func (c *class) caller() []breakdown.Frame {
	return c.Stack[max(slices.Index(c.Stack, c.Site), 0):]
}

// waitsLike tells two stacks that wait at the same place in the same function,
// whatever led there.
func (c *class) waitsLike(o *class) bool {
	const top = 2 // the runtime's function and its caller
	return slices.Equal(c.Stack[:min(top, len(c.Stack))], o.Stack[:min(top, len(o.Stack))])
}

// endsWhole tells a wait for an answer that another goroutine reads: it ends with
// the answer's end.
func (iv *interval) endsWhole() bool {
	if iv.state != stateWaiting || iv.reason == reasonNetwork {
		return false
	}
	return iv.class.Whole && iv.reason != reasonSync || iv.wakerClass != nil && iv.wakerClass.Answers != nil
}

// phase is the step of a call that an interval was spent in: its stack's, unless
// the goroutine that ended a select tells another.
func (iv *interval) phase() breakdown.Phase {
	if iv.reason == reasonSelect && iv.wakerClass != nil && iv.wakerClass.Wakes != breakdown.NoPhase {
		return iv.wakerClass.Wakes
	}
	if r := iv.answers(); r != nil {
		return r.Phase
	}
	return iv.class.Phase
}

// rule says what an interval was spent on: that of its own stack, else that of the
// client that called the service back.
func (iv *interval) rule() *rules.Rule {
	if iv.class != nil && iv.class.Own != nil {
		return iv.class.Own
	}
	return iv.answers()
}

// claim gives a request the calls that a shared worker made while the request
// waited for it.
func (m *machine) claim(r *request, g *goroutine, a, b int64) {
	s := g.call
	if s == nil || r == nil || len(s.loose) == 0 {
		return
	}
	kept, last := s.loose[:0], false // the last one may go on
	for _, c := range s.loose {
		last = c.Start >= b || c.End <= a
		switch {
		case last:
			kept = append(kept, c)
		case m.mayCall(r):
			r.Calls = append(r.Calls, c)
		}
	}
	m.kept -= looseSize * (len(s.loose) - len(kept))
	if s.req == nil {
		s.open, s.index = s.open && last, len(kept)-1
	}
	s.loose = kept
}

// forgetCalls drops the loose calls that ended before the horizon.
func (m *machine) forgetCalls(g *goroutine, horizon int64) {
	s := g.call
	if s == nil || len(s.loose) == 0 || s.loose[0].End > horizon {
		return
	}
	i := slices.IndexFunc(s.loose, func(c breakdown.Call) bool { return c.End > horizon })
	if i < 0 {
		i = len(s.loose)
	}
	if s.req == nil {
		// The last one may go on.
		i = min(i, len(s.loose)-1)
		s.index -= i
	}
	m.kept -= looseSize * i
	s.loose = append(s.loose[:0], s.loose[i:]...)
}

// isWrite tells a stack that is writing to the network.
func isWrite(c *class) bool {
	return c.endsIn("syscall.write", "syscall.Write", "internal/poll.(*FD).Write", "internal/poll.(*FD).Writev", "syscall.sendto")
}

// isRead tells a stack that is reading from the network.
func isRead(c *class) bool {
	return c.endsIn("internal/poll.(*FD).Read", "internal/poll.(*FD).RawRead")
}

// endsIn tells whether one of the functions is near the stack's leaf.
func (c *class) endsIn(functions ...string) bool {
	return slices.ContainsFunc(c.Stack[:min(len(c.Stack), 4)], func(f breakdown.Frame) bool { return slices.Contains(functions, f.Function) })
}

// placeCalls puts the calls in order and says how much of each lies on the path.
func (m *machine) placeCalls(r *request) {
	if len(r.Calls) == 0 {
		return
	}
	slices.SortStableFunc(r.Calls, func(a, b breakdown.Call) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Goroutine, b.Goroutine))
	})
	for i := range r.Calls {
		c := &r.Calls[i]
		c.Start = min(max(c.Start, r.Start), r.End)
		c.End = max(min(c.End, r.End), c.Start)
	}
	r.placeCalls(r.Path[r.inOrder():])
}

// placeCalls adds to each call how much of it lies on a part of the path.
func (r *request) placeCalls(path []breakdown.Segment) {
	for i := range r.Calls {
		c := &r.Calls[i]
		j, _ := slices.BinarySearchFunc(path, c.Start+1, func(s breakdown.Segment, t int64) int { return cmp.Compare(s.End, t) })
		for ; j < len(path) && path[j].Start < c.End; j++ {
			if s := &path[j]; s.Goroutine == c.Goroutine && s.Bucket == c.Bucket {
				c.OnPath += min(s.End, c.End) - max(s.Start, c.Start)
			}
		}
	}
}
