package breakdown

import "fmt"

// A Request is one unit of work that a server goroutine did for a client.
//
// Its wall time runs from the first byte's arrival to the moment the goroutine
// is idle again, or ends. Path accounts for that time without gap or overlap;
// Calls are what the request asked of others, on all its branches, and may
// overlap. Times are nanoseconds on the trace's clock.
type Request struct {
	Goroutine int64
	// Endpoint is what the innermost dispatch called, "" where no stack told it.
	// Where that is middleware, which calls the next function by itself, Chains
	// tell the handler: see Passages.
	Endpoint string
	Chains   []*Chain
	Kind     string // "http/1", "http/2", "grpc", of streams "http/1 stream" and so on
	Start    int64
	End      int64
	// Incomplete requests were cut by an edge of the window: Start or End is
	// that edge.
	Incomplete bool
	Path       []Segment
	Calls      []Call
	// Condensed, where it is not 0, is a moment up to which the path tells only
	// sums, a segment of each kind, and not their order: there were too many.
	Condensed int64
	// NamedBySample tells that only a CPU sample told the endpoint: the request
	// never blocked where its stack would have.
	NamedBySample bool
	// Waits are those in the service's own code for a channel, a select or a Cond,
	// by where they were and by what ended them.
	Waits []Waited
	// Samples are the CPU samples that hit goroutines of this request, in the
	// state that they were in.
	Samples []*Cause
}

// A Chain is what a stack of a request shows from its Endpoint inwards, as far as
// the request may have been passed on, the Endpoint first. Chains are shared.
type Chain []Step

// A Step is a function, and the place in it where it called the next one: of a
// chain's last step only the function is known.
type Step struct {
	Frame
	PC uint64 // the call's
}

// A Waited is a wait of a request, or several that are alike.
type Waited struct {
	Site  *Frame // in the service's code; shared
	By    Ender
	Count int64
	Time  int64 // ns
	// ByRequest: Teller is the other request. Later tells that it began when the
	// wait had begun, so that this was not for what it had.
	Teller Teller
	Later  bool
	// ByNews: First tells that it is the first wait that the same news ended, Last
	// that no other request was left waiting at this place.
	First, Last bool
}

// An Ender is what ended a wait.
type Ender uint8

const (
	// ByOwn: something that was done for this request, or for those before it.
	ByOwn Ender = iota
	// ByNobody: the window's end, or the client that left.
	ByNobody
	// ByTimer: a timer, while nothing was done for this request.
	ByTimer
	// ByRequest: another request, which was given nothing by this one.
	ByRequest
	// ByNews: a goroutine of no request, which had nothing to do meanwhile.
	ByNews
)

// A Teller is a request that ended another one's wait, by what the stack with which
// it did tells of its handler.
type Teller struct {
	Endpoint string
	Chain    *Chain
}

// Passages are the calls by which middleware passed requests on.
type Passages map[Passage]bool

// A Passage is the call of one function at one place.
type Passage struct {
	File   string
	Line   int
	Callee string
}

// Handler is the function that answered a request, as far as its own stacks tell:
// where the passages lead from its Endpoint.
func (p Passages) Handler(r *Request) string {
	handler, furthest := r.Endpoint, 0
	for _, c := range r.Chains {
		i := 0
		for i+1 < len(*c) && p[Passage{(*c)[i].File, (*c)[i].Line, (*c)[i+1].Function}] {
			i++
		}
		if i > furthest {
			handler, furthest = (*c)[i].Function, i
		}
	}
	return handler
}

// Wall is the request's wall time, or the part of it inside the window.
func (r *Request) Wall() int64 { return r.End - r.Start }

// A Segment is a part of a request's path: in [Start, End) the request was held
// up by, or busy with, what Bucket, Phase and Cause say.
type Segment struct {
	Start, End int64
	// Goroutine is the one that was doing it: the request's own, or one it was
	// waiting for.
	Goroutine int64
	Bucket    Bucket
	Phase     Phase
	Cause     *Cause
	// Behind tells, for lock, wait and pool_wait time, who kept the request
	// waiting; the parts sum to at most the segment's length.
	Behind []Behind
}

// Behind is time spent waiting for a holder that was itself in Bucket.
type Behind struct {
	Release *Cause // where the holder let go
	Bucket  Bucket
	Time    int64
}

// A Cause is the evidence of an attribution, and is shared by all the segments
// that rest on the same: what state the goroutine was in, why, and where.
// Causes are compared by pointer within one analysis.
type Cause struct {
	State  string // "running", "runnable", "waiting", "syscall"
	Reason string // the runtime's: "select", "network", "sync" …
	System string // "postgres", "http" …, "" where no rule names one
	Rule   string // the rule's frame, "" where none matched
	Of     Bucket // the rule's; where none matched, it says nothing
	// Library is, where no rule matched, the package of the library that the
	// service's code called, "" where there is none.
	Library string
	Site    Frame   // in the service's own code, or the nearest to it
	Stack   []Frame // leaf first
}

// A Call is something a request asked of another system.
type Call struct {
	Start, End int64
	Goroutine  int64
	Bucket     Bucket
	System     string
	Site       Frame
	// Dialed tells that a connection was made for this call.
	Dialed bool
	// Between is how much of it the goroutine spent on other calls, before it went on
	// with this one.
	Between int64
	// OnPath is how much of the call the request waited for.
	OnPath int64
}

// Time is how long the call itself took.
func (c *Call) Time() int64 { return c.End - c.Start - c.Between }

// GoOn adds a part of the call that came apart from it.
func (c *Call) GoOn(part *Call) {
	gap := part.Start - c.End
	if part.Start < c.Start {
		gap = c.Start - part.End
	}
	c.Between += part.Between + max(0, gap)
	c.Start, c.End = min(c.Start, part.Start), max(c.End, part.End)
	c.Dialed = c.Dialed || part.Dialed
}

// Check holds the accounting identity: the path's segments follow one another
// without gap or overlap from Start to End, and no call claims more of the path
// than it lasted, nor all calls of a bucket more than the bucket has of it.
func (r *Request) Check() error {
	at := r.Start
	var spent, claimed [NumBuckets]int64
	for i := range r.Path {
		s := &r.Path[i]
		if s.Start != at || s.End < s.Start {
			return fmt.Errorf("request on goroutine %d: segment %d is [%d, %d) where the path had come to %d", r.Goroutine, i, s.Start, s.End, at)
		}
		if s.Bucket >= NumBuckets || s.Phase >= NumPhases {
			return fmt.Errorf("request on goroutine %d: segment %d has bucket %d, phase %d", r.Goroutine, i, s.Bucket, s.Phase)
		}
		behind := int64(0)
		for _, b := range s.Behind {
			behind += b.Time
		}
		if behind > s.End-s.Start {
			return fmt.Errorf("request on goroutine %d: segment %d of %d ns has %d ns behind holders", r.Goroutine, i, s.End-s.Start, behind)
		}
		spent[s.Bucket] += s.End - s.Start
		at = s.End
	}
	if at != r.End {
		return fmt.Errorf("request on goroutine %d: the path ends at %d, the request at %d", r.Goroutine, at, r.End)
	}
	for i, c := range r.Calls {
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
