package timeline

import (
	"timesink/analyze/rules"
	"timesink/analyze/trace"
)

// This file lists the recognizers and dispatches to them. Only the recognizers know
// where requests begin and end; each has its own file.

// A recognizer knows one way in which requests begin and end. It is stateless: what
// it remembers about a goroutine is kept in the goroutine's stage and memo. It opens
// and closes requests with begin, done and drop.
type recognizer interface {
	// claims classifies a stack. It is called once for each distinct stack, outside
	// the machine. It reports whether the recognizer claims goroutines that start
	// with the stack, and whether it may claim an unclaimed goroutine that shows it.
	claims(c *class) (starting, showing bool)

	// start is called for a goroutine created with a stack that the recognizer
	// claims.
	start(m *machine, g *goroutine, at int64)

	// meet is called for a goroutine that existed before the window, with its first
	// stack and its intervals before that. It reports whether it claimed the
	// goroutine; show is then called with the same stack.
	meet(m *machine, g *goroutine, c *class, early []interval) bool

	// adopt is called for an unclaimed goroutine that shows a stack the recognizer
	// claims. It reports whether it has handled the stack.
	adopt(m *machine, g *goroutine, at int64, c *class, state trace.State) bool

	// show is called with each stack of a goroutine that the recognizer has claimed.
	show(m *machine, g *goroutine, at int64, c *class, state trace.State)

	// resume is called at the end of each wait of a goroutine that the recognizer has
	// claimed.
	resume(m *machine, g *goroutine, w wakeup)
}

// recognizers are tried in this order. The first that claims a stack gets it.
var recognizers = [...]recognizer{
	unseen:    nil,
	unclaimed: nil,
	stream{},
	connection{},
	consumers{},
	loops{},
	units{},
}

// A claim identifies the recognizer that a goroutine or a stack belongs to, as an
// index into recognizers.
type claim uint8

const (
	unseen    claim = iota // existed before the window; no stack seen yet
	unclaimed              // every recognizer has declined
)

// claimOf returns the claim of a recognizer, or unclaimed if it is not in the list.
func claimOf(k recognizer) claim {
	for i := range recognizers {
		if recognizers[i] == k {
			return claim(i)
		}
	}
	return unclaimed
}

// A stage is the state of a goroutine in its recognizer. Its meaning depends on the
// recognizer.
type stage uint8

// passive has do-nothing methods for recognizers to embed, except claims, start and show,
// which each has.
type passive struct{}

func (passive) meet(*machine, *goroutine, *class, []interval) bool { return false }

func (passive) adopt(*machine, *goroutine, int64, *class, trace.State) bool { return false }

// A wakeup is the end of a wait.
type wakeup struct {
	at     int64
	waited *class // nil for none
	reason trace.Reason
	waker  *goroutine // nil if the network, a timer or the collector ended it
	by     *class     // the waker's stack
}

// offer sets the claims on a stack by calling each recognizer.
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

// isWorker reports whether the goroutine receives no requests by itself, so that
// others may hand it work. A goroutine in a unit counts, since it may be a worker
// between units, and so does a loop that the user named.
func (g *goroutine) isWorker() bool {
	return g.claim == unclaimed || g.claim == ofUnits || g.claim == ofLoops && g.memo.(*loop).of != nil
}

// begun handles a new goroutine by the stack it was created with.
func (m *machine) begun(g *goroutine, at int64) {
	g.claim = unclaimed
	if k := g.start.starting; k != unseen {
		recognizers[k].start(m, g, at)
	}
}

// seen handles a stack of a goroutine: one with which it blocked, entered the kernel,
// or woke or created another goroutine.
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
	if c.Accepts && g.acceptor == nil {
		m.accepting(g)
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

// seenInPassing handles a stack at which the collector, the scheduler or a lock stopped a
// goroutine, or at which it released a lock.
func (m *machine) seenInPassing(g *goroutine, at int64, c *class, state trace.State) {
	before, depth, sampled := m.served(g), 0, false
	if before != nil {
		depth, sampled = before.depth, before.NamedBySample || before.NamedInPassing
	}
	m.seen(g, at, c, state)
	if r := m.served(g); r != nil && r.depth > 0 && (r != before || r.depth > depth || sampled) {
		r.NamedInPassing = true
	}
}

// collects reports whether the stack looks idle but is working for the collector: an
// allocation there started a collection or had to assist one.
func (c *class) collects() bool {
	return c.GC && (c.readsRequest() || c.Role == rules.Fetch)
}

// stopped reports whether the collector made the goroutine wait, wherever it was:
// before, during or after a read.
func (g *goroutine) stopped(state trace.State) bool {
	return state == trace.StateWaiting && g.reason == trace.ReasonGC
}

// recognize handles the first stack of a goroutine that existed before the window. If
// the goroutine serves a request, the window's start cut that request.
func (m *machine) recognize(g *goroutine, c *class) {
	g.root.Goroutines--
	g.birth = m.birthBefore(c)
	g.root.Goroutines++
	early := g.early
	m.shows(g.opening, c)
	if c.Kind != "" && c.Role < rules.Fetch {
		m.forgetEarly(g)
	}
	for _, k := range recognizers[unclaimed+1:] {
		if k.meet(m, g, c, early) {
			return
		}
	}
	g.claim = unclaimed
}

// mayBe keeps the first intervals of a goroutine that existed before the window, as
// long as it may turn out to serve a connection or a queue.
func (m *machine) mayBe(g *goroutine, iv *interval) {
	const most = 16
	switch {
	case g.claim == unclaimed && g.early == nil: // as for almost all
	case g.claim == unseen && len(g.early) < most, g.claim == unclaimed && 0 < len(g.early) && len(g.early) < most:
		rare := g.ensureRare()
		rare.early = append(rare.early, *iv)
		m.weight += intervalSize
	case g.claim == unclaimed:
		m.forgetEarly(g) // its first unit will remain unknown
	}
}

func (m *machine) forgetEarly(g *goroutine) {
	if g.early != nil {
		m.weight -= int64(len(g.early)) * intervalSize
		g.early = nil
	}
}
