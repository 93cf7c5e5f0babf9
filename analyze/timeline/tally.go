package timeline

import (
	"slices"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// This file finds out whose time it was that a request spent waiting for a lock, for a
// pooled connection or for a busy worker. The goroutine that ended the wait may itself
// have waited for another one: a writer for a reader, the holder of one lock for the holder
// of the next. The time belongs to the goroutine at the end of the chain, and so do the
// frames.

// A tally sums what holders did while a request waited for them.
type tally struct {
	m    *machine
	sums []deed
	// The holder whose time is being added, where it released what it held, and where
	// the request itself was released, nil if there.
	holder           *goroutine
	release, through *class
}

// A deed is what a holder did in one bucket with one cause.
type deed struct {
	holder           *goroutine
	release, through *class
	bucket           breakdown.Bucket
	cause            *breakdown.Cause
	time             int64
}

// mostHeld is how many causes a tally tells apart. What comes later is added to the time
// in the same bucket.
const mostHeld = 16

// add adds time of the current holder.
func (t *tally) add(bucket breakdown.Bucket, cause *breakdown.Cause, time int64) {
	same := -1
	for i := range t.sums {
		s := &t.sums[i]
		if s.release != t.release || s.through != t.through || s.bucket != bucket {
			continue
		}
		if s.cause == cause {
			s.time += time
			return
		}
		same = i
	}
	if same >= 0 && len(t.sums) >= mostHeld {
		t.sums[same].time += time
		return
	}
	t.sums = append(t.sums, deed{t.holder, t.release, t.through, bucket, cause, time})
}

// behind returns what the holder of a lock, or a busy worker, did while a request waited
// for its release.
func (m *machine) behind(holder *goroutine, release *class, a, b int64, depth int) []breakdown.Behind {
	return m.tallyOf(func(w *walk) { w.heldBy(holder, release, a, b, depth) })
}

// behindWait is like behind, for a wait for a lock or for a pooled connection.
func (m *machine) behindWait(iv *interval, a, b int64, depth int) []breakdown.Behind {
	if iv.class.Phase == breakdown.PoolWait {
		return m.tallyOf(func(w *walk) { w.connection(iv, a, b, depth) })
	}
	held := m.behind(iv.waker, iv.wakerClass, a, b, depth)
	for i := range held {
		held[i].By = iv.waker.id
	}
	return held
}

// tallyOf returns what a walk finds that holders did.
func (m *machine) tallyOf(walks func(*walk)) (out []breakdown.Behind) {
	t := tally{m: m, sums: m.tallied[:0]}
	m.tallied = nil // in use
	walks(&walk{m: m, holder: true, tally: &t})
	for i := range t.sums {
		s := &t.sums[i]
		if s.bucket == breakdown.Unknown {
			continue
		}
		b := breakdown.Behind{Release: m.releaseCause(s.release), Doing: s.cause, Bucket: s.bucket, Time: s.time, Batch: s.release.endsBatches(s.holder)}
		if s.through != nil {
			b.Through = m.releaseCause(s.through)
		}
		out = append(out, b)
	}
	clear(t.sums)
	m.tallied = t.sums[:0]
	return out
}

// releaseCause returns the evidence for a release.
func (m *machine) releaseCause(c *class) *breakdown.Cause {
	return m.causeOf(c, trace.StateRunning, trace.ReasonNone, nil)
}

// spentBehind returns what a holder did, from its time in each bucket.
func (m *machine) spentBehind(holder *goroutine, release *class, spent *[breakdown.NumBuckets]int64) (out []breakdown.Behind) {
	for bucket, t := range spent {
		if t > 0 && breakdown.Bucket(bucket) != breakdown.Unknown {
			out = append(out, breakdown.Behind{Release: m.releaseCause(release), Bucket: breakdown.Bucket(bucket), Time: t, Batch: release.endsBatches(holder)})
		}
	}
	return out
}

// heldBy adds what a holder did in [a, b) to the walk's tally.
func (w *walk) heldBy(holder *goroutine, release *class, a, b int64, depth int) {
	t := w.tally
	before := *t
	t.holder, t.release = holder, release
	inner := *w
	inner.at = release
	inner.stretch(holder, a, b, depth+1)
	t.holder, t.release = before.holder, before.release
}

// chain attributes [a, b) of a holder's wait to what the next holder did, for whose
// release the first one waited.
func (w *walk) chain(iv *interval, next *goroutine, a, b int64, depth int) {
	t := w.tally
	if t == nil {
		w.stretch(next, a, b, depth+1)
		return
	}
	through := t.through
	if t.through == nil {
		t.through = t.release
	}
	if iv.class != nil && iv.class.Own != nil && iv.class.Phase == breakdown.PoolWait {
		w.connection(iv, a, b, depth)
	} else {
		w.heldBy(next, iv.wakerClass, a, b, depth)
	}
	t.through = through
}

// connection attributes the part [a, b) of a wait for a pooled connection to what those
// did that had it, one after another. Unlike a lock's waiters, a pool's need not get their
// turn in the order in which they came: what a holder did before it had the connection is
// no reason for the wait, even if it did it meanwhile.
func (w *walk) connection(iv *interval, a, b int64, depth int) {
	own := iv.class.Own
	for i := 0; a < b && iv.waker != nil && i < maxHolders; i++ {
		before := iv.waker.gotConnection(own.Bucket, a, b)
		from := a
		if before != nil {
			from = before.end
		}
		w.heldBy(iv.waker, iv.wakerClass, from, b, depth)
		if before == nil || before.dialer() != nil {
			return
		}
		iv, b = before, from
	}
}

// gotConnection returns the last wait for a connection that ended in (a, b), and that
// another goroutine ended. It returns nil if there is none: the goroutine had its
// connection before.
func (g *goroutine) gotConnection(bucket breakdown.Bucket, a, b int64) *interval {
	for i := len(g.past) - 1; i >= 0 && g.past[i].end > a; i-- {
		iv := &g.past[i]
		if iv.end < b && iv.state == trace.StateWaiting && iv.waker != nil && iv.class != nil && iv.class.Own != nil && iv.class.Phase == breakdown.PoolWait && iv.class.Own.Bucket == bucket {
			return iv
		}
	}
	return nil
}

// serves reports whether the goroutine receives requests by itself.
func (g *goroutine) serves() bool { return g.claim > unclaimed && !g.isWorker() }

// sameHeld reports whether two are the same but for their time.
func sameHeld(a, b breakdown.Behind) bool {
	a.Time, b.Time, a.By, b.By = 0, 0, 0, 0
	return a == b
}

// addBehind adds up what holders did.
func addBehind(sums, more []breakdown.Behind) []breakdown.Behind {
	for _, b := range more {
		if i := slices.IndexFunc(sums, func(o breakdown.Behind) bool { return sameHeld(o, b) }); i >= 0 {
			sums[i].Time += b.Time
		} else {
			sums = append(sums, b)
		}
	}
	return sums
}

// givesConnection records that a goroutine gave a pooled connection to one that waited for
// it. If it gives two in a row, it has had both at once.
func (m *machine) givesConnection(g *goroutine, c *class) {
	r := m.worksFor(g)
	if r == nil || r.g != g || !c.InService {
		return
	}
	if g.gave != nil {
		r.Nested.Inner, r.Nested.Outer = m.releaseCause(g.gave), m.releaseCause(c)
		r.Nested.Count++
	}
	g.ensureRare().gave = c
}

// asksForConnection reports whether a goroutine may have got a pooled connection in the
// interval: it waited for one, or asked the database anew. While rows are read, it has the
// one that it had.
func (iv *interval) asksForConnection() bool {
	c := iv.class
	return c.Own != nil && c.Own.Bucket == breakdown.DB && !c.NoCall && c.Phase != breakdown.Rows && (c.Hold == breakdown.NoHold || c.Hold.Begins())
}
