package timeline

import (
	"cmp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// asking holds the calls that a goroutine makes to other systems.
type asking struct {
	req    *request // nil if the calls belong to no request yet
	reqSeq uint32
	// calls are those that may continue, at most one for each bucket and one more for
	// a stream. last is the index of the one seen last.
	calls []callState
	last  int
	// loose are calls made while the goroutine worked for no known request. The
	// request that turns out to have waited for them claims them. Ended calls are
	// ordered by their end. Up to enough of them need not be dropped yet.
	loose  []looseCall
	enough int
}

// maxStates is how many calls of a goroutine can be in progress at once.
var maxStates = len(breakdown.BucketsOf(breakdown.External)) + 1

// streamCall is the stream that a goroutine last opened, or listened to, for a
// request.
type streamCall struct {
	goroutine int64
	index     int // into the request's Calls
}

// callState is the progress of a goroutine in a call.
type callState struct {
	bucket breakdown.Bucket
	stream bool // a client's stream; calls to others may come between its messages
	index  int  // into the request's Calls, or into loose
	open   bool
	phase  breakdown.Phase
	// answered means that something was read since the last write; ended, that the
	// answer has come to an HTTP request, or to one that other goroutines write and
	// read; pending, that something was written and nothing read since.
	answered, ended bool
	pending         bool
	begins          bool     // the call was at its beginning when last seen
	cut             bool     // the call began before the window
	asked           []*class // stacks that wrote, or waited for an answer
	from            *class   // the stack it came by
}

// mayCall reports whether the interval may be a step of a call: the goroutine was
// waiting or in the kernel, with a stack.
func (iv *interval) mayCall() bool { return iv.class != nil && iv.state >= trace.StateWaiting }

// noteCall updates a goroutine's calls from an interval that may be a step of one, for
// the request that it works for, or for one not yet known if r is nil. A trace does not show where a call
// begins, only what it waits for. A new call is assumed if the phases start over, or
// if after an answer the same stack asks again or the service came by another path.
func (m *machine) noteCall(r *request, g *goroutine, iv *interval) {
	c, rule := iv.class, iv.rule()
	if rule == nil || !rule.Bucket.External() || c.opening != nil {
		return
	}
	if iv.reason == trace.ReasonSync && !iv.endsWhole() || iv.reason == trace.ReasonGC || c.GC || r != nil && iv.end <= r.Start {
		return // neither a library's own lock nor the collector is a step
	}
	if c.NoCall || (r == nil || r.g != g) && g.helps(c) {
		return
	}
	a := m.asks(g, r)
	s, between := a.state(rule.Bucket, c.Stream)
	phase := iv.phase()
	writes := c.writes && phase != breakdown.BodyRead // there, writing reports how much was read
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
	m.noteEnd(call, iv)
	waits := phase == breakdown.ResponseWait && iv.state == trace.StateWaiting
	if getsReady(s.phase) && !getsReady(phase) || waits && !s.ended && !c.comesLike(s.from) {
		call.Site, call.Way, s.from = c.Site, c.comes(), c // the connection may have been requested, or the request written, elsewhere
	}
	s.phase, s.begins = max(s.phase, phase), c.Begins || c.Opens
	if call.System == rules.GenericSQL {
		call.System = c.System
	}
	call.InTransaction, call.Tests, call.Awaits = call.InTransaction || c.Transaction, call.Tests || c.Tests, call.Awaits || c.Awaits || iv.rule() != nil && iv.rule().Awaits
	s.noteSteps(call, g, iv, phase)
	switch {
	case getsReady(phase):
	case writes:
		s.answered, s.pending = false, true
		s.ask(c)
	case iv.endsWhole():
		s.ended, s.answered = true, true
	case waits:
		s.ended = true
		s.ask(c)
	default:
		s.answered = true
	}
}

// noteSteps records how a call gets on: whether it makes a connection, and how often it
// asks.
func (s *callState) noteSteps(call *breakdown.Call, g *goroutine, iv *interval, phase breakdown.Phase) {
	dial := iv.dialer()
	switch c := iv.class; {
	case dial != nil && dial == iv.aide && dial.dials, dial != nil && dial != iv.aide && phase == breakdown.PoolWait:
		call.Dialed, call.DialedAt = true, &c.Site
		call.Dialing += iv.end - max(iv.start, min(dial.born, iv.end))
		looked(call, dial)
	case phase.Stage() == breakdown.Dialing:
		call.Dialed, call.DialedAt = true, &c.Site
		call.Dialing += iv.end - iv.start
		looked(call, g)
	case c.Drops:
		call.Undrained = true
	case s.pending && !c.writes && !getsReady(phase):
		s.pending = false
		call.Trips++
	}
}

// noteStream records that a goroutine opened a stream, for the request that it works
// for, or for one not yet known if r is nil. The client created a goroutine for the
// stream.
func (m *machine) noteStream(r *request, g *goroutine, c *class, at int64) {
	if (r == nil || r.g != g) && g.helps(c) {
		return
	}
	at = max(at, g.since)
	s, _ := m.asks(g, r).state(c.Own.Bucket, true)
	if s.open && s.begins || m.openCall(r, g, s, c, c.Own, at) {
		s.begins = false
	}
}

// openCall starts a new call in a state. It reports false if no more calls are kept.
func (m *machine) openCall(r *request, g *goroutine, s *callState, c *class, rule *rules.Rule, at int64) bool {
	call := breakdown.Call{Start: at, End: at, Goroutine: g.id, Bucket: rule.Bucket, System: cmp.Or(c.System, rule.System), Client: c.Client, Site: c.Site, Way: c.comes(), InTransaction: c.Transaction, Tests: c.Tests, Awaits: c.Awaits || rule.Awaits}
	a := g.call
	*s = callState{bucket: s.bucket, stream: s.stream, open: r == nil || m.mayCall(r), asked: s.asked[:0], from: c, cut: g.answersOpening(c, at)}
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

// answersOpening reports whether a call that a goroutine opens with a stack is what it was
// waiting for when the window opened. It is so only for the goroutine's first call.
func (g *goroutine) answersOpening(c *class, at int64) bool {
	o := g.opening
	if o == nil {
		return !g.fresh && at <= g.born
	}
	first := !o.called
	o.called = true
	return first && o.next == c
}

// listens records that a goroutine continues with a stream.
func (r *request) listens(g *goroutine, index int) {
	for i := range r.listening {
		if r.listening[i].goroutine == g.id {
			r.listening[i].index = index
			return
		}
	}
	r.listening = append(r.listening, streamCall{g.id, index})
}

// streamOf returns the index of the call for the goroutine's stream, or -1. A stream
// that another goroutine opened and never used belongs to the first goroutine that
// listens to it.
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

// resume makes a state continue with the goroutine's stream, if the goroutine has
// worked for no request or for others in the meantime.
func (r *request) resume(g *goroutine, s *callState, c *class) bool {
	if r == nil || s.open || !s.stream || c.Opens {
		return false
	}
	s.index = r.streamOf(g, s.bucket)
	s.open, s.from = s.index >= 0, c // the call keeps the site that opened it
	return s.open
}

// asks returns the goroutine's calls for a request. No call of another request
// continues.
func (h *history) asks(g *goroutine, r *request) *asking {
	a := g.call
	if a == nil {
		if n := len(h.spareCalls); n > 0 {
			a, h.spareCalls = h.spareCalls[n-1], h.spareCalls[:n-1]
		} else {
			a = &asking{}
		}
		h.lend(g)
		g.ensureRare().call = a
	}
	if a.req != r || r != nil && a.reqSeq != r.seq {
		a.req, a.calls = r, a.calls[:0]
		if r != nil {
			a.reqSeq = r.seq
		}
	}
	return a
}

// forget empties it, for another goroutine. It keeps its slices.
func (a *asking) forget() {
	for i := range a.calls {
		a.calls[i] = callState{asked: a.calls[i].asked[:0]}
	}
	*a = asking{calls: a.calls[:0]}
}

// call returns the call that a state refers to by index.
func (a *asking) call(index int) *breakdown.Call {
	if a.req == nil {
		return &a.loose[index].Call
	}
	return &a.req.Calls[index]
}

// state returns the goroutine's state for a bucket, and whether it called another
// system since.
func (a *asking) state(bucket breakdown.Bucket, stream bool) (s *callState, between bool) {
	last := a.last
	for a.last = 0; a.last < len(a.calls); a.last++ {
		if s = &a.calls[a.last]; s.bucket == bucket && s.stream == stream {
			return s, last != a.last
		}
	}
	a.calls = slices.Grow(a.calls, 1)[:a.last+1]
	s = &a.calls[a.last]
	*s = callState{bucket: bucket, stream: stream, asked: s.asked[:0]} // reuse the slice
	return s, true
}

// beginsAnew reports whether an interval belongs to a new call. If other systems were
// called in between, only more of an answer, or of a stream, belongs to the same
// call.
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

// getsReady reports whether the phase waits for a connection or makes one: nothing
// has been asked of the other side yet.
func getsReady(p breakdown.Phase) bool {
	return p.Stage() == breakdown.Pooling || p.Stage() == breakdown.Dialing
}

// helps reports whether a library started the goroutine, which shows stack c. Its
// work is part of the call that it was started for, including calls back into the
// service's code.
func (g *goroutine) helps(c *class) bool {
	if g.created == nil {
		return !c.InService
	}
	return g.created.Own != nil && g.created.Own.Bucket.External() || !g.created.InService && !c.InService
}

// noteOpen handles the calls that a request leaves open when it ends.
func (m *machine) noteOpen(r *request, at int64) {
	for _, g := range r.branches {
		if m.worksFor(g) == r && !g.dead && g.since < at {
			iv := interval{start: g.since, end: at, class: g.class, state: g.state, reason: g.reason, aide: aideOf(g, nil), open: true}
			if iv.mayCall() {
				m.noteCall(r, g, &iv)
			}
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
	case phase == breakdown.ResponseWait && !c.Own.Dialogue:
		return s.ended && (slices.ContainsFunc(s.asked, c.waitsLike) || !c.comesLike(s.from))
	}
	unasked := s.cut && len(s.asked) == 0 // only its answer was seen
	return writes && s.answered && (unasked || slices.Contains(s.asked, c) || !c.comesLike(s.from))
}

// comesLike reports whether the service came to its calls into the library by the same
// path in two stacks.
func (c *class) comesLike(o *class) bool { return c == o || slices.Equal(c.caller(), o.caller()) }

// caller returns the service's part of a stack: from its call into the library
// outward.
func (c *class) caller() []breakdown.Frame {
	return c.Stack[max(slices.Index(c.Stack, c.Site), 0):]
}

// comes returns how the service came to its call into the library.
func (c *class) comes() *breakdown.Way {
	if c.from == nil {
		c.from = breakdown.NewWay(c.caller())
	}
	return c.from
}

// waitsLike reports whether two stacks wait at the same place in the same function,
// regardless of the callers.
func (c *class) waitsLike(o *class) bool {
	const top = 2 // the runtime's function and its caller
	return slices.Equal(c.Stack[:min(top, len(c.Stack))], o.Stack[:min(top, len(o.Stack))])
}

// endsWhole reports whether the wait is for an answer that another goroutine reads.
// It ends when the answer is complete.
func (iv *interval) endsWhole() bool {
	if iv.state != trace.StateWaiting || iv.reason == trace.ReasonNetwork {
		return false
	}
	return iv.class.Whole && iv.reason != trace.ReasonSync || iv.wakerClass != nil && iv.wakerClass.Answers != nil
}

// phase returns the phase of a call that an interval was spent in: that of its stack,
// unless the goroutine that ended a select shows another.
func (iv *interval) phase() breakdown.Phase {
	if iv.reason == trace.ReasonSelect && iv.wakerClass != nil && iv.wakerClass.Wakes != breakdown.NoPhase {
		return iv.wakerClass.Wakes
	}
	if r := iv.answers(); r != nil {
		return r.Phase
	}
	return iv.class.Phase
}

// rule returns the rule for an interval: that of its own stack or, if it has none,
// that of the client that called the service back.
func (iv *interval) rule() *rules.Rule {
	if iv.class != nil && iv.class.Own != nil {
		return iv.class.Own
	}
	return iv.answers()
}
