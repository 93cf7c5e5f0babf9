package timeline

import "timesink/analyze/trace"

// A goroutine is what the machine knows about one: its current state, its past as far
// as it may be needed, and the request it works for. It is small, since a busy
// service starts one for each request.
type goroutine struct {
	// Fields needed for every event come first: they fit one cache line.

	state    trace.State
	reason   trace.Reason
	claim    claim
	stage    stage // its meaning depends on the recognizer
	assist   bool  // in a GC mark assist
	fresh    bool  // created in the window, so it did not exist before it was born
	dead     bool
	buried   bool // ended, and not yet dropped
	borrowed bool
	open     bool // among the open waits

	// The last state that it waited in and that no goroutine ended, as long as no
	// stack was seen since.
	wasState  trace.State
	wasReason trace.Reason

	// The request it works for; stale once that request has ended. A borrowed
	// goroutine is a shared worker that the request's own goroutine woke.
	reqSeq uint32
	req    *request

	since int64 // when the current state began, or when it ended
	class *class
	was   *class // of wasState
	*birth
	*rare

	// A second line holds the rest.

	// past holds closed intervals that end after the horizon, oldest first.
	past    []interval
	creator *goroutine // as long as it may be needed
	born    int64      // when it was created, or the start of the window
	id      int64

	// Neighbors among the open waits that may have to be followed.
	older, newer *goroutine
}

// died returns when a dead goroutine ended.
func (g *goroutine) died() int64 { return g.since }

// A birth is how goroutines came to be. Those that began alike may share one, so it must
// not be modified.
type birth struct {
	created *class
	origin  *class // created, or that of the nearest creator in the service's code; may be nil
	start   *class
	root    *Root // the sum its time counts toward in a trace without requests
	timed   bool  // a timer created it
	dials   bool  // it began in a function that makes a connection for another goroutine
}

// birthOf returns the birth of a goroutine that starts with a stack. parent may be nil.
func (m *machine) birthOf(created, start *class, parent *goroutine, timed bool) *birth {
	origin := created
	if created != nil && parent != nil && !created.InService {
		origin = parent.origin
	}
	if start == nil {
		if created == nil && origin == nil && !timed {
			return m.birthBefore(nil)
		}
		return &birth{created: created, origin: origin, root: m.rootOf(nil), timed: timed}
	}
	if b := start.birth; b == nil || b.created != created || b.origin != origin || b.timed != timed {
		start.birth = &birth{created: created, origin: origin, start: start, root: m.rootOf(start), timed: timed, dials: start.Dials}
	}
	return start.birth
}

// birthBefore returns the birth of a goroutine from before the window of which a stack, which
// may be nil, is the first that was seen. There may be very many that wait with the same one.
func (m *machine) birthBefore(c *class) *birth {
	of := c
	if of == nil {
		of = &m.none
	}
	if of.older == nil {
		of.older = &birth{root: m.rootOf(c), dials: c != nil && c.Dials}
	}
	return of.older
}

// rare holds fields that most goroutines do not use. These share one read-only value.
// To write, call ensureRare first.
type rare struct {
	// handed are the moments at which it woke a request. passes are those at which it
	// gave something to, or took it from, another goroutine.
	handed []handover
	passes []pass
	batch  toil // what it did before the last run of handovers

	early   []interval // before the first stack showed what it is
	opening *opening
	aide    *goroutine // the last one it created to make a connection or to write a request
	wrote   int64      // of an aide that writes: until when
	call    *asking

	memo    any        // state of the recognizer that claimed it
	ran     []interval // since its last stack, and
	outside bool       // whether one of them was outside a unit
	rank    int32      // how many requests wait longer with the same stack when the window closes

	notice   notice    // the last time that it noticed something from the network
	idled    idle      // the last time that it waited for a timer of its library
	acceptor *acceptor // of a goroutine that accepts connections

	resolution       // what it had looked up since its last call took note
	lastAsked  int64 // when it last started a goroutine that asks a name server

	called *class // the last system call it made on a file, until its next event

	expired bool // a deadline ended its last wait, and
	ownWait bool // whether that was in the service's own code
	// gave is where it last gave a pooled connection to a goroutine that waited for one,
	// until it asks for one again.
	gave *class

	// waitsAt is the stack its request waits with, if that is Bare; then comes when
	// the goroutine, if it has no request, last had news.
	waitsAt *class
	news    int64
}

// An idle is a wait for a timer of a library.
type idle struct {
	start, end int64
	class      *class
	reason     trace.Reason
}

var nothing rare

// ensureRare returns the goroutine's own rare part, for writing.
func (g *goroutine) ensureRare() *rare {
	if g.rare == &nothing {
		g.rare = &rare{}
	}
	return g.rare
}

// ofHandlers reports whether the service's own code started a goroutine, or a handler
// between it and the server: no library did for itself.
func (g *goroutine) ofHandlers() bool {
	return g.created != nil && (g.created.InService || g.created.Between) && g.created.Own == nil
}
