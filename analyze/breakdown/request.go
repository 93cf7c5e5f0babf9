package breakdown

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// A Request is one unit of work that a server goroutine did for a client.
//
// Its wall time runs from the arrival of the first byte until the goroutine is idle
// again, or ends. Path accounts for that time without gap or overlap. Calls are what
// the request asked of other systems, on all its branches; they may overlap. Times are
// in nanoseconds on the trace's clock.
type Request struct {
	Goroutine int64
	// Endpoint is the function that the innermost dispatch called, "" if no stack shows
	// it. If that is middleware that calls the next function directly, Chains lead to
	// the handler: see Passages.
	Endpoint string
	Chains   []*Chain
	Kind     string // "http/1", "http/2", "grpc"; for streams "http/1 stream" and so on
	Start    int64
	End      int64
	// Incomplete is set if an edge of the window cut the request: Start or End is that
	// edge.
	Incomplete bool
	Path       []Segment
	Calls      []Call
	// Condensed, if not 0, is the time before which there were too many segments: up to
	// it, Path has one segment of each kind, with its sum, and not their order.
	Condensed int64
	// NamedBySample is set if only a CPU sample shows the endpoint: the request never
	// blocked where its stack would have shown it.
	NamedBySample bool
	// NamedInPassing is set if only stacks show the endpoint at which the collector, the
	// scheduler or a lock stopped the request. They may be in middleware on the way to a
	// handler, as samples may.
	NamedInPassing bool
	// Waits are the waits in the service's own code for a channel, a select or a Cond,
	// by place and by what ended them.
	Waits []Waited
	// Samples are the CPU samples of this request's goroutines, each with the
	// goroutine's state.
	Samples []*Cause
	// Ran is how long the request's goroutines ran, on all its branches, without helping
	// the garbage collector, and RanBriefly the part of it in stretches of less than 2
	// ms. RanSampled counts the CPU samples in Ran.
	Ran, RanBriefly int64
	RanSampled      int64
	// Late estimates how much of the time in each bucket of other systems, and of sleep, is
	// because what ended a wait was noticed late, in ns: all processors were busy.
	Late [NumBuckets]int64
	// InC is set if a segment of Path is in C code that no rule explains.
	InC bool
	// Stands is what the request's goroutine was waiting for when the window closed. Its
	// Cause is nil if the request had ended or was not waiting.
	Stands Standing
	// Nested is set if it is certain to have held two pooled connections at once.
	Nested Nested
}

// A Standing is a wait that was still open when the window closed.
type Standing struct {
	// Since is when it began, in nanoseconds on the trace's clock. Whole is set if it
	// was under way when the window opened, so that it began at Since or before.
	Since int64
	Whole bool
	Cause *Cause // with the stack of the request's own goroutine
}

// A Chain is the functions on a stack through which a request may have been passed on,
// from its Endpoint inwards. Chains are shared and must not be modified.
type Chain []Step

// A Step is a function with the place where it called the next one. The last step of a
// chain has only a function.
type Step struct {
	Frame
	PC uint64 // the call's
	// Dispatched is set if it is a library's handler: the function before may be the
	// endpoint, or middleware around it.
	Dispatched bool
	// Via is the library's function that called it for the function before, with the
	// place of that call. It is zero if there is none.
	Via Frame
	// Unrouted is set for an Endpoint that no router led to: it may be one itself.
	Unrouted bool
}

// A Waited is one or more similar waits of a request.
type Waited struct {
	Site  *Frame // in the service's code; shared
	By    Ender
	Count int64
	Time  int64 // ns
	// ByRequest: Teller is the other request. Later is set if it began after the wait
	// did, so the wait was not for something that it held.
	Teller Teller
	Later  bool
	// ByNews: First is set for the first wait that the same news ended, Last if no
	// other request was left waiting at this place.
	First, Last bool
}

// An Ender is what ended a wait.
type Ender uint8

const (
	// ByOwn: work done for this request, or for those before it.
	ByOwn Ender = iota
	// ByNobody: the window ended, or the client left.
	ByNobody
	// ByTimer: a timer, while nothing was done for this request.
	ByTimer
	// ByRequest: another request, to which this one had handed nothing.
	ByRequest
	// ByNews: a goroutine that serves no request and was idle in the meantime.
	ByNews
)

// A Teller identifies the handler of a request that ended another one's wait, from the
// stack with which it did.
type Teller struct {
	Endpoint string
	Chain    *Chain
}

// Passages tell how middleware passed requests on.
type Passages struct {
	// Calls are the calls by which it did.
	Calls map[Passage]bool
	// Only holds the functions that were compiled for a single handler, with that
	// handler.
	Only map[string]string
}

// A Passage is a call of one function at one place.
type Passage struct {
	File   string
	Line   int
	Callee string
}

// Handler returns the function that the passages lead to from the request's Endpoint.
// The request may still have gone further without its stacks showing it.
func (p Passages) Handler(r *Request) string {
	handler, furthest := r.Endpoint, 0
	for _, c := range r.Chains {
		i := 0
		for i+1 < len(*c) && p.Calls[Passage{(*c)[i].File, (*c)[i].Line, (*c)[i+1].Function}] {
			i++
		}
		if i > furthest {
			handler, furthest = (*c)[i].Function, i
		}
	}
	if only, ok := p.Only[handler]; ok {
		return only
	}
	return handler
}

// Wall returns the request's wall time, or the part of it inside the window.
func (r *Request) Wall() int64 { return r.End - r.Start }

// A Segment is a part of a request's path: in [Start, End) the request waited for, or
// was busy with, what Bucket, Phase and Cause say.
type Segment struct {
	Start, End int64
	// Goroutine is the goroutine that was doing it: the request's own, or one that it
	// waited for.
	Goroutine int64
	Bucket    Bucket
	Phase     Phase
	Cause     *Cause
	// Behind is, for lock, wait and pool_wait time, what kept the request waiting. The
	// parts sum to at most the segment's length.
	Behind []Behind
}

// Behind is time spent waiting for a holder that was itself in Bucket.
type Behind struct {
	Release *Cause // where the holder released the request
	// Through is where the request was released if the holder released only others, for
	// which the one that released the request had waited. It is nil if the holder
	// released the request itself.
	Through *Cause
	Doing   *Cause // what the holder did, nil if only Bucket is known
	Bucket  Bucket
	Batch   bool // the holder serves several requests at once
	Time    int64
	// By is the goroutine that ended the wait, 0 if that is not known.
	By int64
}

// A Cause is the evidence for an attribution: the goroutine's state, the reason, and
// the stack. Segments with the same evidence share it, so within one analysis causes
// are compared by pointer.
type Cause struct {
	State  string // "running", "runnable", "waiting", "syscall"
	Reason string // the runtime's: "select", "network", "sync" …
	System string // "postgres", "http" …, "" if no rule names one
	Rule   string // the rule's frame, "" if none matched
	Of     Bucket // the rule's; meaningless if none matched
	// Library is the package of the library that the service's code called, if no rule
	// matched. It is "" if there is none.
	Library string
	// Timer names the library whose timer it is, for time in Sleep. It is "" if it is the
	// service's own.
	Timer string
	// Purpose is what the timer in Timer is for.
	Purpose Purpose
	// Hold is what a call to a database does with a connection that its caller keeps.
	Hold  Hold
	Site  Frame   // in the service's own code, or the nearest to it
	Stack []Frame // leaf first
	// Activity is what code with this stack computes, and Called the function that Site
	// called for it, "" if Site is the leaf. Outside is set if no frame is in the service's
	// own code. Collecting is the part of the garbage collector that the stack is in.
	Activity   Activity
	Called     string
	Outside    bool
	Collecting Collecting
}

// A Purpose is what a library's timer is for.
type Purpose uint8

const (
	NoPurpose Purpose = iota // another one, or none that is known
	BackOff                  // to give the other side time before it is asked again
	Limiting                 // to keep to a rate
	Gathering                // for more of the same kind, to ask for all at once
)

// A Call is something a request asked of another system.
type Call struct {
	Start, End int64
	Goroutine  int64
	Bucket     Bucket
	System     string
	Site       Frame
	// Way is how the service came to the call, nil if that is not known.
	Way *Way
	// InTransaction reports whether a transaction of a database made it: no other one can
	// run in it at once.
	InTransaction bool
	// Tests reports whether it asked for nothing, to see whether the other side answers.
	Tests bool
	// Awaits reports whether it waited for a message that others send when they like.
	Awaits bool
	// TimedOut reports whether a deadline ended it. Unread reports whether it ended after
	// a wait for the network after which nothing was read, as by a deadline of the
	// connection.
	TimedOut, Unread bool
	// Client is the library that the service called, in the words of package rules:
	// "database/sql", "go-redis". It is "" for one that is not told apart from others.
	Client string
	// Dialed reports whether a connection was made for this call, Dialing is how long the
	// goroutine waited for that, and DialedAt where in the service's own code: it may be
	// elsewhere than Site. It is shared, and nil if nothing was waited for.
	Dialed   bool
	Dialing  int64
	DialedAt *Frame
	// Trips counts the answers that the goroutine itself read after it had written
	// something, without those of dialing. It is 0 for clients whose connections are
	// written or read on other goroutines.
	Trips int32
	// Lookups counts the host names that were looked up for the call, and Names those
	// that the name servers were asked for, one after another.
	Lookups, Names int32
	// Undrained is set if the response's body was closed before its end, so the
	// connection cannot be used again.
	Undrained bool
	// Between is how much of the call's time the goroutine spent on other calls before
	// it resumed this one.
	Between int64
	// OnPath is the part of the call that lies on the request's path.
	OnPath int64
}

// Time returns how long the call itself took.
func (c *Call) Time() int64 { return c.End - c.Start - c.Between }

// Repeats reports whether another call is made in the same way as this one.
func (c *Call) Repeats(o *Call) bool {
	return c.Bucket == o.Bucket && c.Site == o.Site && c.Way.ID() == o.Way.ID()
}

// A Way is the service's frames that lead to a call, from its site outwards. Ways are
// shared and must not be modified.
type Way struct {
	Frames []Frame
	id     uint64
}

// NewWay returns the way along frames, which it keeps.
func NewWay(frames []Frame) *Way {
	h := fnv.New64a()
	for _, f := range frames {
		fmt.Fprintf(h, "%s\n%s:%d\n", f.Function, f.File, f.Line)
	}
	return &Way{frames, max(h.Sum64(), 1)}
}

// ID returns a number that is the same for ways with the same frames, 0 for nil.
func (w *Way) ID() uint64 {
	if w == nil {
		return 0
	}
	return w.id
}

// Fork returns the innermost function that two ways share, and how many frames lie outside
// of it. It returns "" if they share none.
func (w *Way) Fork(o *Way) (function string, depth int) {
	if w == nil || o == nil {
		return "", 0
	}
	n := min(len(w.Frames), len(o.Frames))
	for depth = range n {
		a, b := w.Frames[len(w.Frames)-1-depth], o.Frames[len(o.Frames)-1-depth]
		if a.Function != b.Function {
			return function, max(depth-1, 0)
		}
		if function = a.Function; a != b {
			return function, depth
		}
	}
	return function, max(n-1, 0)
}

// Depth returns how many frames lie outside of a function, false if the way does not lead
// through it.
func (w *Way) Depth(function string) (depth int, ok bool) {
	if w == nil {
		return 0, false
	}
	i := slices.IndexFunc(w.Frames, func(f Frame) bool { return f.Function == function })
	return len(w.Frames) - 1 - i, i >= 0
}

// GoOn extends the call by a part that is separate from it in time.
func (c *Call) GoOn(part *Call) {
	gap := part.Start - c.End
	if part.Start < c.Start {
		gap = c.Start - part.End
	}
	c.Between += part.Between + max(0, gap)
	c.Start, c.End = min(c.Start, part.Start), max(c.End, part.End)
	c.Dialed, c.Undrained = c.Dialed || part.Dialed, c.Undrained || part.Undrained
	c.Dialing += part.Dialing
	if c.DialedAt == nil {
		c.DialedAt = part.DialedAt
	}
	c.Trips, c.Lookups, c.Names = c.Trips+part.Trips, c.Lookups+part.Lookups, c.Names+part.Names
}

// Check returns an error if the accounting identity does not hold: the path's segments
// follow one another without gap or overlap from Start to End, no call has more time on
// the path than it lasted, and the calls of a bucket together no more than the bucket
// has.
func (r *Request) Check() error {
	at := r.Start
	var spent, claimed [NumBuckets]int64
	path := r.Path
	for i := range path {
		s := &path[i]
		if s.Start != at || s.End < s.Start {
			return fmt.Errorf("request on goroutine %d: segment %d is [%d, %d) where the path had come to %d", r.Goroutine, i, s.Start, s.End, at)
		}
		if s.Bucket >= NumBuckets || s.Phase >= NumPhases {
			return fmt.Errorf("request on goroutine %d: segment %d has bucket %d, phase %d", r.Goroutine, i, s.Bucket, s.Phase)
		}
		if len(s.Behind) > 0 {
			behind := int64(0)
			for _, b := range s.Behind {
				behind += b.Time
			}
			if behind > s.End-s.Start {
				return fmt.Errorf("request on goroutine %d: segment %d of %d ns has %d ns behind holders", r.Goroutine, i, s.End-s.Start, behind)
			}
		}
		spent[s.Bucket] += s.End - s.Start
		at = s.End
	}
	if at != r.End {
		return fmt.Errorf("request on goroutine %d: the path ends at %d, the request at %d", r.Goroutine, at, r.End)
	}
	if len(r.Calls) == 0 {
		return nil
	}
	for i := range r.Calls {
		c := &r.Calls[i]
		if c.End < c.Start || c.OnPath < 0 || c.OnPath > c.End-c.Start {
			return fmt.Errorf("request on goroutine %d: call %d of %d ns has %d ns on the path", r.Goroutine, i, c.End-c.Start, c.OnPath)
		}
		claimed[c.Bucket] += c.OnPath
	}
	for b, sum := range claimed {
		if sum > spent[b] {
			return fmt.Errorf("request on goroutine %d: its %s calls have %d ns of the %d on the path", r.Goroutine, Bucket(b), sum, spent[b])
		}
	}
	return nil
}
