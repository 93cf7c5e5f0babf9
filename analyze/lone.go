package analyze

import (
	"cmp"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
)

// Transactions of one statement, which is one by itself: beginning and ending them costs
// further round trips.

// A loneSum sums such transactions that begin at one place.
type loneSum struct{ times, ns int64 } // ns that beginning and ending them takes

// A bracket is a transaction on a request's path.
type bracket struct {
	begun       *breakdown.Cause // nil for none
	goroutine   int64
	since, till int64 // from the answer to its beginning to its end, 0 if that was not seen
	ns          int64
	waits       int // for answers in between
}

// addLone adds the transactions of a complete request that make a single call.
func (e *endpoint) addLone(r *breakdown.Request) {
	var b bracket
	path := r.Path
	for i := range path {
		s := &path[i]
		if s.Bucket != breakdown.DB || s.Start < r.Condensed || s.Phase.Stage() != breakdown.Asking || rules.OneWriter(s.Cause.System) {
			continue // a database in the process takes no round trips
		}
		switch hold := s.Cause.Hold; {
		case hold == breakdown.BeginsTx:
			if b.till != 0 || b.begun == nil || b.goroutine != s.Goroutine {
				e.lone(&b, r)
				b = bracket{begun: s.Cause, goroutine: s.Goroutine}
			}
			b.since, b.ns, b.waits = s.End, b.ns+s.End-s.Start, 0
		case hold == breakdown.EndsTx && b.begun != nil && b.goroutine == s.Goroutine:
			if b.till == 0 {
				b.till = s.Start
			}
			b.ns += s.End - s.Start
		case s.Cause.State == "waiting" && b.till == 0:
			b.waits++
		}
	}
	e.lone(&b, r)
}

// lone adds a transaction if a single answer was waited for in it, and nothing else was
// called. A mapper's call may be the transaction as a whole.
func (e *endpoint) lone(b *bracket, r *breakdown.Request) {
	if b.till == 0 || b.waits != 1 {
		return
	}
	calls := 0
	for i := range r.Calls {
		if c := &r.Calls[i]; c.Start >= b.since && c.Start < b.till {
			if calls++; calls > 1 || c.Bucket != breakdown.DB {
				return
			}
		}
	}
	sum := e.lones[b.begun.Site]
	if sum == nil {
		if !e.spend(sumSize) {
			return
		}
		if e.lones == nil {
			e.lones = map[breakdown.Frame]*loneSum{}
		}
		sum = &loneSum{}
		e.lones[b.begun.Site] = sum
	}
	sum.times, sum.ns = sum.times+1, sum.ns+b.ns
}

// mergeLones adds the transactions of o.
func (p *patterns) mergeLones(o *patterns) {
	for site, s := range o.lones {
		if have := p.lones[site]; have != nil {
			have.times, have.ns = have.times+s.times, have.ns+s.ns
			continue
		}
		if p.lones == nil {
			p.lones = map[breakdown.Frame]*loneSum{}
		}
		p.lones[site] = s
	}
}

// loneTransactions returns the place whose transactions of one statement take the longest to
// begin and to end, nil if there is none.
func (e *endpoint) loneTransactions() (most *diagnosis.Lone) {
	for site, s := range e.lones {
		x := &diagnosis.Lone{Site: site, Times: float64(s.times) / float64(max(e.requests, 1)), Time: mean(s.ns, e.requests)}
		if most == nil || cmp.Or(cmp.Compare(most.Time, x.Time), compareFrames(site, most.Site)) < 0 {
			most = x
		}
	}
	return most
}
