package timeline

import (
	"math"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace"
)

// Late news. The network is looked at when a processor has nothing else to run, or every 10
// ms by the runtime's monitor, and a processor's timers when it changes what it runs. While
// all processors are busy, what has arrived is noticed late, and the wait for it looks
// longer than it was. How much longer can only be estimated: the news came at some moment
// of the stretch in which no one looked. If it is known how long waits with the same stack
// last when they are noticed at once, what is beyond their mean is late, and what falls
// short of it counts against that: not all waits at a place are equally long. Otherwise
// half of the stretch is late, and nothing for timers.

// enoughPrompt is how many waits that ended in time show how long they take.
const enoughPrompt = 8

// sameLook is the distance within which goroutines are woken by one look at the network,
// in ns.
const sameLook = 20_000

// A lookout knows when someone last looked for news.
type lookout struct {
	// crowded is since when every processor has been busy, except in stops of the world: no
	// timer is looked at then. It is 0 if not all are.
	crowded int64
	ready   int   // goroutines that are ready to run
	looked  int64 // a goroutine gave its processor up, and none was ready to take it
	polled  int64 // the last look at the network that woke anyone, and
	before  int64 // the one before
}

// A notice is when a goroutine of a client, which serves no request itself, noticed that
// something had arrived from the network.
type notice struct {
	from, at int64 // no one looked from then until then
	queued   int64 // how long it then waited for a processor, in ns
	stop     bool  // the world was stopped meanwhile
}

// afterStop is how long it takes, in ns, until all processors run again after a stop of the
// world.
const afterStop = 50_000

// crowds records that every processor is busy, or not.
func (m *machine) crowds(busy bool, at int64) {
	switch n := len(m.stops); {
	case busy && m.crowded == 0:
		m.crowded = at
	case !busy && m.stopped == 0 && (n == 0 || at-m.stops[n-1].end > afterStop):
		m.crowded = 0
	}
}

// gaveUp records that a goroutine gave its processor up. Without another one to run, that
// looks for news.
func (m *machine) gaveUp(at int64) {
	if m.ready <= 0 || m.sum.Evicted > 0 {
		m.looked = at
	}
}

// gap returns since when no one had looked at the network, when that ends a goroutine's
// wait.
func (m *machine) gap(g *goroutine, at int64) int64 {
	if at-m.polled > sameLook {
		m.before = m.polled
	}
	m.polled = at
	return max(g.since, m.busySince, m.looked, m.before)
}

// lateness estimates how much longer the wait of a goroutine that ends at a moment seems,
// because it was noticed late, in ns. It may be negative: only the sum over many waits
// means something.
func (m *machine) lateness(g *goroutine, at int64, waker *goroutine) int32 {
	if g.reason == trace.ReasonSleep && g.class != nil {
		g.class.slept(at - g.since)
	}
	stopped := m.stoppedUntil(g.since, at)
	still := stopped > sameLook || waker != nil && waker.notice.stop && waker.notice.at > g.since
	if m.crowded == 0 && !still {
		m.prompt(g, at)
	}
	if m.busySince == 0 && !still {
		return 0
	}
	from, noticed, queued := int64(0), at, int64(0)
	if waker == nil && g.reason != trace.ReasonNetwork {
		usual, ok := g.class.usual(g.reason)
		if !ok {
			return 0
		}
		if m.crowded != 0 {
			stopped = max(stopped, at-max(g.since, m.crowded))
		}
		return bounded(at-g.since-usual, stopped)
	} else if waker == nil {
		if from = m.gap(g, at); still {
			from = at - stopped
		}
		if m.worksFor(g) == nil && (g.class == nil || g.class.Kind == "") {
			g.ensureRare().notice = notice{from: from, at: at, stop: still}
		}
	} else if n := &waker.notice; n.at > g.since {
		from, noticed, queued = max(n.from, g.since), n.at, n.queued
	} else {
		return 0
	}
	late := max(0, noticed-from)
	if late+queued <= sameLook {
		m.prompt(g, at)
		return 0
	}
	if c := g.class; c != nil && c.prompts >= enoughPrompt {
		return bounded(at-g.since-c.promptly/c.prompts, late+queued)
	}
	return bounded(late/2+queued, late+queued)
}

// bounded returns a lateness of at most that much.
func bounded(late, most int64) int32 {
	return int32(min(max(min(late, most), math.MinInt32), math.MaxInt32))
}

// enoughSlept is how many sleeps at a place show how long they are meant to be.
const enoughSlept = 20

// slept records a sleep. Those near the shortest one are counted: if they are many, all
// are meant to be that long.
func (c *class) slept(ns int64) {
	if c.sleeps == 0 || ns < c.shortest {
		if 5*ns < 4*c.shortest {
			c.short = 0
		}
		c.shortest = ns
	}
	c.sleeps++
	if 4*ns <= 5*c.shortest {
		c.short++
	}
}

// usual returns how long a wait for a timer is meant to be, as far as is known: as long as
// the shortest, for sleeps that are mostly alike, else as those that were noticed at once.
func (c *class) usual(reason trace.Reason) (ns int64, ok bool) {
	switch {
	case c == nil:
	case reason == trace.ReasonSleep && c.sleeps >= enoughSlept && 5*c.short >= c.sleeps:
		return c.shortest, true
	case c.prompts >= enoughPrompt:
		return c.promptly / c.prompts, true
	}
	return 0, false
}

// prompt records how long a wait lasted that was not noticed late.
func (m *machine) prompt(g *goroutine, at int64) {
	if c := g.class; c != nil && (c.external || g.reason == trace.ReasonSleep) {
		c.prompts++
		c.promptly += at - g.since
	}
}

// late adds what a wait that ends at b seems longer for to the request, in the bucket that
// has the wait's end.
func (w *walk) late(iv *interval, b int64) {
	if iv.late == 0 || iv.end != b || w.r == nil || w.holder || w.branch || w.out != &w.r.Path || len(w.r.Path) == 0 {
		return
	}
	if s := &w.r.Path[len(w.r.Path)-1]; s.End == b && (s.Bucket.External() || s.Bucket == breakdown.Sleep) {
		w.r.Late[s.Bucket] += min(int64(iv.late), s.End-s.Start)
	}
}
