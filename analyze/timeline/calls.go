package timeline

import (
	"cmp"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// asking is what a goroutine asks of other systems.
type asking struct {
	req    *request // nil where the calls are nobody's yet
	reqSeq uint32
	// calls are those that may go on, at most one for each bucket, and one beside it
	// for a stream; last is the one that was last seen.
	calls []callState
	last  int
	// loose are the calls of a goroutine that worked for no request that was
	// known then; the one that turns out to have waited for them claims them. The
	// ended ones are in the order of their end. As many as enough need not be
	// forgotten yet.
	loose  []looseCall
	enough int
}

// maxStates is how many calls of a goroutine may go on at once.
var maxStates = len(breakdown.BucketsOf(breakdown.External)) + 1

type looseCall struct {
	breakdown.Call
	stream bool
	opened bool // then it goes on with no other
}

// streamCall is the last stream that a goroutine opened, or listened to, for a
// request.
type streamCall struct {
	goroutine int64
	index     int // into the request's Calls
}

// callState is where a goroutine stands in a call.
type callState struct {
	bucket breakdown.Bucket
	stream bool // a client's, whose messages others may be asked between
	index  int  // into the request's Calls, or the loose ones
	open   bool
	phase  breakdown.Phase
	// answered: something was read since the last write. ended: the answer to
	// an HTTP request has come, or to one that others write and read.
	answered, ended bool
	begins          bool     // the call was last seen to begin
	asked           []*class // stacks that wrote, or waited for an answer
	from            []breakdown.Frame
}

// noteCall sees what an interval of a goroutine says of its calls, for the
// request that it works for or, nil, for one not known yet. A trace shows no
// beginning of a call, only what it waits for; a new one began where the phases
// start over, or where after an answer the same stack asks again or the service
// came another way.
func (m *machine) noteCall(r *request, g *goroutine, iv *interval) {
	if iv.class == nil || (iv.state != trace.StateWaiting && iv.state != trace.StateSyscall) {
		return
	}
	c, rule := iv.class, iv.rule()
	if rule == nil || !rule.Bucket.External() || c.opening != nil {
		return
	}
	if iv.reason == trace.ReasonSync && !iv.endsWhole() || iv.reason == trace.ReasonGC || c.GC || r != nil && iv.end <= r.Start {
		return // a library's own lock is no step, nor is the collector
	}
	if c.NoCall || (r == nil || r.g != g) && g.helps(c) {
		return
	}
	a := g.asks(r)
	s, between := a.state(rule.Bucket, c.Stream)
	phase := iv.phase()
	writes := c.writes && phase != breakdown.BodyRead // there it says how much it has read
	if !s.open || s.beginsAnew(iv, phase, writes, between) {
		if !r.resume(g, s, c) && !m.openCall(r, g, s, c, rule, iv.start) {
			return
		}
	}
	call := a.call(s.index)
	if between && call.End < iv.start {
		call.Between += iv.start - call.End
	}
	call.End = iv.end
	if getsReady(s.phase) && !getsReady(phase) {
		call.Site, s.from = c.Site, c.caller() // the connection may have been asked for elsewhere
	}
	s.phase, s.begins = max(s.phase, phase), c.Begins || c.Opens
	if call.System == rules.GenericSQL {
		call.System = c.System
	}
	call.Dialed = call.Dialed || iv.aide != nil && iv.aide.start.Dials || phase.Stage() == breakdown.Dialing
	switch {
	case getsReady(phase):
	case writes:
		s.answered = false
		s.ask(c)
	case iv.endsWhole():
		s.ended, s.answered = true, true
	case phase == breakdown.ResponseWait && iv.state == trace.StateWaiting:
		s.ended = true
		s.ask(c)
	default:
		s.answered = true
	}
}

// noteStream sees that a goroutine opened a stream, for the request that it works for
// or, nil, for one not known yet: the client began a goroutine of its own for it.
func (m *machine) noteStream(r *request, g *goroutine, c *class, at int64) {
	if (r == nil || r.g != g) && g.helps(c) {
		return
	}
	at = max(at, g.since)
	s, _ := g.asks(r).state(c.Own.Bucket, true)
	if s.open && s.begins || m.openCall(r, g, s, c, c.Own, at) {
		s.begins = false
	}
}

// openCall makes a state that of a new call, unless no more of them are kept.
func (m *machine) openCall(r *request, g *goroutine, s *callState, c *class, rule *rules.Rule, at int64) bool {
	call := breakdown.Call{Start: at, End: at, Goroutine: g.id, Bucket: rule.Bucket, System: cmp.Or(c.System, rule.System), Site: c.Site}
	a := g.call
	*s = callState{bucket: s.bucket, stream: s.stream, open: r == nil || m.mayCall(r), asked: s.asked[:0], from: c.caller()}
	switch {
	case !s.open:
	case r == nil:
		s.index = len(a.loose)
		a.loose = append(a.loose, looseCall{call, s.stream, c.Opens})
		m.kept += looseSize
	default:
		s.index = len(r.Calls)
		r.Calls = append(r.Calls, call)
		if s.stream {
			r.listens(g, s.index)
		}
	}
	return s.open
}

// listens notes that a goroutine goes on with a stream.
func (r *request) listens(g *goroutine, index int) {
	for i := range r.listening {
		if r.listening[i].goroutine == g.id {
			r.listening[i].index = index
			return
		}
	}
	r.listening = append(r.listening, streamCall{g.id, index})
}

// streamOf is the index of the call that a goroutine's stream is, -1 for none. One
// that another goroutine opened and left alone is that of who listens to it first.
func (r *request) streamOf(g *goroutine, b breakdown.Bucket) int {
	for _, s := range r.listening {
		if s.goroutine == g.id && r.Calls[s.index].Bucket == b {
			return s.index
		}
	}
	for i := range r.listening {
		s := &r.listening[i]
		if c := &r.Calls[s.index]; c.Start == c.End && c.Bucket == b {
			s.goroutine, c.Goroutine = g.id, g.id
			return s.index
		}
	}
	return -1
}

// resume makes a state go on with the goroutine's stream, where it has worked for
// nobody, or for others, meanwhile.
func (r *request) resume(g *goroutine, s *callState, c *class) bool {
	if r == nil || s.open || !s.stream || c.Opens {
		return false
	}
	s.index = r.streamOf(g, s.bucket)
	s.open = s.index >= 0
	return s.open
}

// asks is what the goroutine asks for a request; none of another's calls goes on.
func (g *goroutine) asks(r *request) *asking {
	if g.call == nil {
		g.ensureRare().call = &asking{}
	}
	a := g.call
	if a.req != r || r != nil && a.reqSeq != r.seq {
		a.req, a.calls = r, a.calls[:0]
		if r != nil {
			a.reqSeq = r.seq
		}
	}
	return a
}

// call is the one at an index that a state has.
func (a *asking) call(index int) *breakdown.Call {
	if a.req == nil {
		return &a.loose[index].Call
	}
	return &a.req.Calls[index]
}

// state returns where the goroutine stands with what it asks of a kind of system,
// and whether it asked another one since.
func (a *asking) state(bucket breakdown.Bucket, stream bool) (s *callState, between bool) {
	last := a.last
	for a.last = 0; a.last < len(a.calls); a.last++ {
		if s = &a.calls[a.last]; s.bucket == bucket && s.stream == stream {
			return s, last != a.last
		}
	}
	a.calls = slices.Grow(a.calls, 1)[:a.last+1]
	s = &a.calls[a.last]
	*s = callState{bucket: bucket, stream: stream, asked: s.asked[:0]} // used again
	return s, true
}

// beginsAnew tells that an interval is of another call than the state's. Where others
// were asked between, only more of an answer, or of a stream, is of the same.
func (s *callState) beginsAnew(iv *interval, phase breakdown.Phase, writes, between bool) bool {
	c := iv.class
	switch {
	case s.stream:
		return c.Opens && !s.begins
	case between:
		return phase != breakdown.Rows && phase != breakdown.BodyRead || writes || c.Begins
	}
	return s.startsOver(c, phase, writes) || s.ended && iv.endsWhole()
}

// getsReady tells a phase in which a connection is waited for or made: nothing is
// asked of the other side yet.
func getsReady(p breakdown.Phase) bool {
	return p.Stage() == breakdown.Pooling || p.Stage() == breakdown.Dialing
}

// helps tells a goroutine, with a stack of its, that a library began: what it
// does is part of the call that it was begun for, also where the service's code
// is called back.
func (g *goroutine) helps(c *class) bool {
	if g.created == nil {
		return !c.InService
	}
	return g.created.Own != nil && g.created.Own.Bucket.External() || !g.created.InService && !c.InService
}

// noteOpen sees the calls that a request leaves behind when it ends.
func (m *machine) noteOpen(r *request, at int64) {
	for _, g := range r.branches {
		if m.worksFor(g) == r && !g.dead && g.since < at {
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
	if iv.state != trace.StateWaiting || iv.reason == trace.ReasonNetwork {
		return false
	}
	return iv.class.Whole && iv.reason != trace.ReasonSync || iv.wakerClass != nil && iv.wakerClass.Answers != nil
}

// phase is the step of a call that an interval was spent in: its stack's, unless
// the goroutine that ended a select tells another.
func (iv *interval) phase() breakdown.Phase {
	if iv.reason == trace.ReasonSelect && iv.wakerClass != nil && iv.wakerClass.Wakes != breakdown.NoPhase {
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
func (m *machine) claim(r *request, g *goroutine, from, to int64) {
	a := g.call
	if a == nil || r == nil || len(a.loose) == 0 {
		return
	}
	m.dropLoose(a, func(_ int, c *looseCall) bool {
		if c.Start >= to || c.End <= from {
			return false
		}
		at := -1
		if c.stream && !c.opened {
			at = r.streamOf(g, c.Bucket)
		}
		switch {
		case at >= 0:
			r.Calls[at].GoOn(&c.Call)
		case m.mayCall(r):
			r.Calls = append(r.Calls, c.Call)
			if c.stream {
				r.listens(g, len(r.Calls)-1)
			}
		}
		return true
	})
}

// forgetCalls drops the loose calls that ended before the horizon, but for those that
// may go on.
func (h *history) forgetCalls(g *goroutine, horizon int64) {
	a := g.call
	if a == nil || len(a.loose) == 0 || len(a.loose) < a.enough {
		return
	}
	over := func(i int) bool { return a.loose[i].End <= horizon && !a.goesOn(i) }
	for i := range min(len(a.loose), maxStates+1) { // among them is the first to end
		if over(i) {
			h.dropLoose(a, func(i int, _ *looseCall) bool { return over(i) })
			a.enough = len(a.loose) + len(a.loose)/4
			return
		}
	}
}

// goesOn tells a loose call that may go on.
func (a *asking) goesOn(i int) bool {
	return a.req == nil && slices.ContainsFunc(a.calls, func(s callState) bool { return s.open && s.index == i })
}

// dropLoose takes loose calls away; what was one of them does not go on.
func (h *history) dropLoose(a *asking, gone func(int, *looseCall) bool) {
	kept := a.loose[:0]
	for i := range a.loose {
		stays := !gone(i, &a.loose[i])
		if a.req == nil {
			for j := range a.calls {
				if s := &a.calls[j]; s.index == i {
					s.index, s.open = len(kept), s.open && stays
				}
			}
		}
		if stays {
			kept = append(kept, a.loose[i])
		}
	}
	h.kept -= looseSize * (len(a.loose) - len(kept))
	a.loose = kept
}

// newClass returns the class of a stack that was classified as c.
func newClass(of *rules.Class) *class {
	c := &class{Class: of}
	c.offer()
	if len(c.Stack) == 0 {
		return c
	}
	c.receives = strings.HasPrefix(c.Stack[0].Function, "runtime.chanrecv")
	c.reads = c.endsIn("internal/poll.(*FD).Read", "internal/poll.(*FD).RawRead")
	c.writes = c.endsIn("syscall.write", "syscall.Write", "internal/poll.(*FD).Write", "internal/poll.(*FD).Writev", "syscall.sendto")
	c.unlocks = c.endsIn("sync.(*Mutex).Unlock", "sync.(*RWMutex).Unlock", "sync.(*RWMutex).RUnlock",
		"internal/sync.(*Mutex).Unlock", "internal/sync.(*Mutex).unlockSlow", "sync.(*Mutex).unlockSlow")
	return c
}

// endsIn reports whether one of the functions is near the stack's leaf.
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
		c.Between = min(c.Between, c.End-c.Start)
	}
	r.placeCalls(r.Path[r.inOrder():])
}

// placeCalls adds to each call how much of it lies on a part of the path.
func (r *request) placeCalls(path []breakdown.Segment) {
	for i := range r.Calls {
		c := &r.Calls[i]
		c.OnPath += onPath(path, c, c.Start, c.End)
	}
	if len(r.listening) > 0 {
		r.unweave(path)
	}
}

// unweave takes from each call what lies in a later one of the same goroutine and
// bucket: what was asked between two messages of a stream.
func (r *request) unweave(path []breakdown.Segment) {
	order := make([]*breakdown.Call, len(r.Calls))
	for i := range r.Calls {
		order[i] = &r.Calls[i]
	}
	slices.SortStableFunc(order, func(a, b *breakdown.Call) int { return cmp.Compare(a.Start, b.Start) })
	for i, c := range order {
		until := c.Start
		for _, in := range order[i+1:] {
			if in.Start >= c.End {
				break
			}
			if in.Goroutine != c.Goroutine || in.Bucket != c.Bucket {
				continue
			}
			from, to := max(in.Start, until), min(in.End, c.End)
			if from < to {
				c.OnPath -= onPath(path, c, from, to)
				until = to
			}
		}
	}
}

// onPath is how much of a part of the path is what a call waits for between two
// moments.
func onPath(path []breakdown.Segment, c *breakdown.Call, from, to int64) (sum int64) {
	i, _ := slices.BinarySearchFunc(path, from+1, func(s breakdown.Segment, t int64) int { return cmp.Compare(s.End, t) })
	for ; i < len(path) && path[i].Start < to; i++ {
		if s := &path[i]; s.Goroutine == c.Goroutine && s.Bucket == c.Bucket {
			sum += min(s.End, to) - max(s.Start, from)
		}
	}
	return sum
}
