package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// Which recognizer knows a goroutine, and what each is asked. Where requests begin and
// end is known to the recognizers alone, one file each; this one knows only their list.

// A recognizer knows one way in which requests begin and end. It has no state of its
// own: what it remembers of a goroutine is in its stage and in what it keeps. It opens
// and closes requests by begin, done and drop.
type recognizer interface {
	// claims is asked of each distinct stack once, beside the machine: whether a
	// goroutine that starts with the stack belongs to the recognizer, and whether one
	// that nobody has claimed may do so when it shows it.
	claims(c *class) (starting, showing bool)

	// start receives a goroutine that was created with a stack that it claims.
	start(m *machine, g *goroutine, at int64)

	// meet is asked of a goroutine that was there before the window, with its first
	// stack and what it did before that. It reports whether it claimed the goroutine,
	// which then shows it the same stack.
	meet(m *machine, g *goroutine, c *class, early []interval) bool

	// adopt is asked of an unclaimed goroutine that shows a stack that it claims. It
	// reports whether the stack is dealt with.
	adopt(m *machine, g *goroutine, at int64, c *class, state trace.State) bool

	// show receives each stack of a goroutine that it has claimed.
	show(m *machine, g *goroutine, at int64, c *class, state trace.State)

	// resume receives the end of each wait of a goroutine that it has claimed.
	resume(m *machine, g *goroutine, w wakeup)
}

// recognizers are asked in this order; the first to claim a stack has it.
var recognizers = [...]recognizer{
	unseen:    nil,
	unclaimed: nil,
	stream{},
	connection{},
	consumers{},
	units{},
}

// A claim says which recognizer a goroutine, or a stack, belongs to: its place in the
// list.
type claim uint8

const (
	unseen    claim = iota // there before the window; no stack seen yet
	unclaimed              // every recognizer has passed
)

// claimOf returns the claim of a recognizer in the list.
func claimOf(k recognizer) claim {
	for i := range recognizers {
		if recognizers[i] == k {
			return claim(i)
		}
	}
	return unclaimed
}

// A stage is where a goroutine stands, as its recognizer counts.
type stage uint8

// passive is embedded by recognizers that have no answer to some of the questions. All
// have one to claims and start.
type passive struct{}

func (passive) meet(*machine, *goroutine, *class, []interval) bool { return false }

func (passive) adopt(*machine, *goroutine, int64, *class, trace.State) bool { return false }

func (passive) show(*machine, *goroutine, int64, *class, trace.State) {}

func (passive) resume(*machine, *goroutine, wakeup) {}

// A wakeup is the end of a wait.
type wakeup struct {
	at     int64
	waited *class // nil for none
	reason trace.Reason
	waker  *goroutine // nil where the network, a timer or the collector ended it
	by     *class     // of the waker
}

// offer asks the recognizers who claims a stack.
func (c *class) offer() {
	for i, k := range recognizers {
		if k == nil {
			continue
		}
		starting, showing := k.claims(c)
		if starting && c.starting == unseen {
			c.starting = claim(i)
		}
		if showing && c.showing == unseen {
			c.showing = claim(i)
		}
	}
}

// isWorker reports whether no requests come to the goroutine by themselves, so that
// others may hand it work. One that is in a unit may be a worker between two.
func (g *goroutine) isWorker() bool { return g.claim == unclaimed || g.claim == ofUnits }

// begun looks at a new goroutine's first frame.
func (m *machine) begun(g *goroutine, at int64) {
	g.claim = unclaimed
	if k := g.start.starting; k != unseen {
		recognizers[k].start(m, g, at)
	}
}

// seen looks at a stack of a goroutine: one that it blocked or entered the
// kernel with, or one with which it woke or created another.
func (m *machine) seen(g *goroutine, at int64, c *class, state trace.State) {
	at = max(at, g.since)
	if c.collects() || c.Role == rules.Fetch && g.stopped(state) {
		return
	}
	if c.before != nil {
		m.learn(g, c)
	}
	g.was = nil
	if g.claim == unseen {
		m.recognize(g, c)
	}
	if m.units && g.isWorker() {
		m.below(g, at, c)
	}
	if g.claim != unclaimed {
		recognizers[g.claim].show(m, g, at, c, state)
	} else if c.showing == unseen || !recognizers[c.showing].adopt(m, g, at, c, state) {
		m.seenOnBranch(g, c)
	}
}

// collects tells a stack that would be idle, but is at work for the collector: an
// allocation there began a collection, or had to assist one.
func (c *class) collects() bool {
	return c.GC && (c.readsRequest() || c.Role == rules.Fetch)
}

// stopped tells that the collector made a goroutine wait, wherever it was: before,
// amid or after a read.
func (g *goroutine) stopped(state trace.State) bool {
	return state == trace.StateWaiting && g.reason == trace.ReasonGC
}

// recognize looks at the first stack of a goroutine that was there before the
// window. If it serves a request, that one was cut by the window's edge.
func (m *machine) recognize(g *goroutine, c *class) {
	g.root.Goroutines--
	g.root = m.rootOf(c)
	g.root.Goroutines++
	early := g.early
	m.shows(g.opening, c)
	if c.Kind != "" && c.Role < rules.Fetch {
		g.forgetEarly()
	}
	for _, k := range recognizers[unclaimed+1:] {
		if k.meet(m, g, c, early) {
			return
		}
	}
	g.claim = unclaimed
}

// mayBe keeps the first of what a goroutine did that was there before the window,
// as long as it may turn out to be a connection's or a consumer's.
func (g *goroutine) mayBe(iv *interval) {
	const most = 16
	switch {
	case g.claim == unseen && len(g.early) < most, g.claim == unclaimed && 0 < len(g.early) && len(g.early) < most:
		rare := g.ensureRare()
		rare.early = append(rare.early, *iv)
	case g.claim == unclaimed:
		g.forgetEarly() // its first unit will not be known
	}
}

func (g *goroutine) forgetEarly() {
	if g.early != nil {
		g.early = nil
	}
}
