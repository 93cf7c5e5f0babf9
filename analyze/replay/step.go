package replay

import "timesink/analyze/breakdown"

// A kind is what a step of a thread does.
type kind uint8

const (
	runs   kind = iota // needs a processor for the step's time
	stays              // lasts for the step's time, whatever else happens
	queues             // waited for the step's time, until the goroutine arg ended that
	forks              // starts the thread with number arg
	joins              // waits for the end of the threads of joint arg
	takes              // waits until one of resource arg is free, and takes it
	gives              // gives it back
	none               // is left out
)

// A step is a part of what a thread does.
type step struct {
	time int64 // ns; of joins, as recorded; of takes, when it was taken in the recording
	what int32 // index into Recording.whats, of runs, stays and queues
	arg  int32 // of runs that take no time: how long the goroutine waited for a processor, ns; of stays, from 1, the await
	by   int32 // the goroutine that does it, an index into Recording.goroutines; 0 for the request's own
	call int16 // the request's call that it is part of, from 1; 0 if none
	kind kind
}

const stepSize = 24 // bytes

// A what says what a step's time is spent on.
type what struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase
	cause  *breakdown.Cause // nil if not known
}

// A request is one request as recorded. Times are in ns since the window's start.
type request struct {
	start, end int64
	goroutine  int64
	own        int32 // the goroutine's index
	name       int32 // index into the recorder's names
	// whole is set if it began and ended in the window. Others are replayed as load.
	whole bool
	// threads are what it did; the first is its own goroutine.
	threads [][]step
	begins  []int64   // when each began, as recorded
	joints  [][]int32 // the threads that a join waits for
	calls   []call
	spent   [breakdown.NumBuckets]int64
}

// wall returns how long it took, in ns.
func (r *request) wall() int64 { return r.end - r.start }

// size returns an estimate of the request's memory, in bytes.
func (r *request) size() int64 {
	n := int64(8*int(breakdown.NumBuckets) + 160 + 16*cap(r.calls))
	for _, t := range r.threads {
		n += 32 + stepSize*int64(cap(t))
	}
	for _, j := range r.joints {
		n += 24 + 4*int64(cap(j))
	}
	return n
}

// A call is one call of a request to another system.
type call struct {
	site    int32 // index into Recording.sites
	dialing int64 // how long it waited for a connection to be made, ns
}

// A site is a place of the service's code that makes calls.
type site struct {
	bucket breakdown.Bucket
	system string
	frame  breakdown.Frame
	way    *breakdown.Way
	cause  *breakdown.Cause // of calls of which no more is known; nil until needed
}
