package timeline

import "timesink/analyze/trace"

// A goroutine is what the machine knows of one: its present state, its past as
// far as it may be needed, and the request it works for. It is small, as a busy
// service begins one for each request.
type goroutine struct {
	// What every event asks about comes first: it is one line of the cache.

	state    trace.State
	reason   trace.Reason
	claim    claim
	stage    stage // what it says is for the recognizer to know
	assist   bool  // in a GC mark assist
	fresh    bool  // it was created in the window: before it was born, it was not
	dead     bool
	buried   bool // ended, and not yet forgotten
	borrowed bool
	open     bool // it is among the open waits

	// The last state that it waited in and that nobody ended, as long as no stack
	// was seen since.
	wasState  trace.State
	wasReason trace.Reason

	// The request it works for; stale once that request has ended. A borrowed
	// goroutine is a shared worker that was woken by the request's own.
	reqSeq uint32
	req    *request

	since int64 // when the present state began
	class *class
	was   *class // of wasState
	root  *Root  // what its time counts for in a trace without requests
	*rare

	// past holds closed intervals, the oldest first, that end after the horizon.
	past []interval

	id      int64
	born    int64 // when it was created, or the window's start
	died    int64
	created *class
	start   *class
	creator *goroutine // as long as it may be asked for

	// Its place among the open waits that may have to be followed.
	older, newer *goroutine

	timed bool // a timer created it
}

// rare is what most goroutines have nothing of. These share one, to be read only:
// whoever writes to it asks for the goroutine's own.
type rare struct {
	// handed are the moments at which it let a request go on, passes those at
	// which it gave something to, or took it from, another one.
	handed []handover
	passes []pass

	early   []interval // before the first stack told what it is
	opening *opening
	rank    int        // how many requests wait longer with the same stack when the window closes
	aide    *goroutine // the last one it created to make a connection, or to write a request
	wrote   int64      // of an aide that writes: until when
	call    *asking

	memo    any        // of the recognizer that claimed it
	ran     []interval // since its last stack, and
	outside bool       // whether one was not of a unit

	called *class // the system call of a file's that it made last, until its next event

	// That its request waits at, if the stack is Bare; and when the goroutine, which
	// has none, last had news.
	waitsAt *class
	news    int64
}

var nothing rare

// ensureRare returns the goroutine's own rare part, to write to.
func (g *goroutine) ensureRare() *rare {
	if g.rare == &nothing {
		g.rare = &rare{}
	}
	return g.rare
}
