package diagnosis

import (
	"cmp"

	"timesink/analyze/breakdown"
)

// Waiting while bytes move: to files and pipes, and to and from the client.

// Transfers are the waits of requests while bytes move, in ns per request.
type Transfers struct {
	Synced  int64 // until a file's content was on the disk
	Written int64 // for writes to files and pipes
	ToFiles Moved
	// Sent is how long clients did not take more of the answer, Received how long they did
	// not send the rest of the request.
	Sent, Received int64
	WithClients    Moved
}

// Moved is how long requests wait for each transfer, in ns per request.
type Moved map[Transfer]int64

// A Transfer is a place at which bytes are moved.
type Transfer struct {
	Site   breakdown.Frame // in the service's code
	Called string          // the function that Site called, "" if none is known
	Logger string          // the package of a logger that writes, "" if it is none
}

// most returns the transfer with the most time.
func (m Moved) most() (most Transfer) {
	for t, ns := range m {
		rank := cmp.Or(cmp.Compare(ns, m[most]), cmp.Compare(most.Site.Function, t.Site.Function), cmp.Compare(most.Site.Line, t.Site.Line),
			cmp.Compare(most.Called, t.Called), cmp.Compare(most.Logger, t.Logger))
		if rank > 0 || most == (Transfer{}) {
			most = t
		}
	}
	return most
}

// in reports whether a function is the site of a transfer.
func (m Moved) in(function string) bool {
	for t := range m {
		if t.Site.Function == function {
			return true
		}
	}
	return false
}

// syncFileWrite finds requests that wait for their own writes, such as to a log or a
// journal, or for others that write under the same lock. Requests that wait for a batch
// that is written for several of them have another cause.
func syncFileWrite(s *subject) *found {
	t := &s.Transfers
	if s.Batch != nil && s.Batch.Doing == breakdown.File && s.worth(s.Buckets[breakdown.Wait].Mean) {
		return nil
	}
	own, behind := t.Synced+t.Written, int64(0)
	for _, h := range s.Buckets[breakdown.Lock].Holders {
		if h.Doing == breakdown.File && t.ToFiles.in(h.Function) {
			behind += mean(h.Total, s.Requests)
		}
	}
	if own == 0 || !s.worth(own+behind) {
		return nil
	}
	most := t.ToFiles.most()
	f := &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.File, ns: own}, {bucket: breakdown.Lock, ns: behind}}, saves: -1, key: most.Site.Function,
		facts: breakdown.Facts{spent(own + behind)}}
	f.facts = append(f.facts, taken(breakdown.FactSynced, t.Synced)...)
	f.facts = append(f.facts, taken(breakdown.FactWritten, t.Written)...)
	f.facts = append(f.facts, taken(breakdown.FactBehindWrites, behind)...)
	f.facts = append(f.facts, most.facts()...)
	return f
}

// taken returns a fact of time, none if there was none.
func taken(k breakdown.FactKind, ns int64) breakdown.Facts {
	if ns == 0 {
		return nil
	}
	return breakdown.Facts{{Kind: k, Value: float64(ns)}}
}

// facts returns where bytes are moved, and by what.
func (t *Transfer) facts() breakdown.Facts {
	f := at(t.Site)
	if t.Called != "" {
		f = append(f, breakdown.Fact{Kind: breakdown.FactCalled, Place: breakdown.Place{Function: t.Called}})
	}
	if t.Logger != "" {
		f = append(f, breakdown.Fact{Kind: breakdown.FactLogger, Name: t.Logger})
	}
	return f
}

// slowClient finds requests that wait for their client. One that lasts, as a stream does,
// waits for a client that has nothing to say.
func slowClient(s *subject) *found {
	t := &s.Transfers
	ns := t.Sent + t.Received
	if s.Lasts() || !s.worth(ns) {
		return nil
	}
	most := t.WithClients.most()
	f := &found{sure: breakdown.Certain, claims: []claim{{bucket: breakdown.ClientIO, ns: ns}}, saves: ns, key: s.Name, facts: breakdown.Facts{spent(ns)}}
	f.facts = append(f.facts, taken(breakdown.FactSent, t.Sent)...)
	f.facts = append(f.facts, taken(breakdown.FactReceived, t.Received)...)
	f.facts = append(f.facts, most.facts()...)
	return f
}

// SmallCalls are system calls on files, to the client, or to another system, at one place.
type SmallCalls struct {
	Bucket     breakdown.Bucket
	Site       breakdown.Frame
	Called     string // the function that Site called for them, "" if none is known
	What       string // what they do: "writes", "reads", "sends", or "looks" if they move nothing
	Calls      int64  // in the window
	PerRequest float64
	Each       int64 // ns, a call
	Time       int64 // per request, ns
}

const (
	// manySmall is the number of system calls of one request at one place from which they
	// could be fewer.
	manySmall = 100
	// quick is how long a call takes at most that moves little: the kernel copies a page or
	// two within this time, in ns.
	quick = 20_000
)

// manySystemCalls finds requests that move bytes in small pieces, or that look at many files.
func manySystemCalls(s *subject) *found {
	c := s.Small
	if c == nil || s.Lasts() || !s.worth(c.Time) || c.PerRequest < manySmall || c.What != "looks" && c.Each > quick {
		return nil
	}
	f := &found{sure: breakdown.Likely, claims: []claim{{bucket: c.Bucket, ns: c.Time}}, saves: c.Time, key: c.Site.Function,
		facts: breakdown.Facts{spent(c.Time), {Kind: breakdown.FactSystemCalls, Name: c.What, Value: c.PerRequest}, {Kind: breakdown.FactSystemCall, Value: float64(c.Each)}}}
	if c.Bucket == breakdown.Upstream {
		f.facts = append(f.facts, breakdown.Fact{Kind: breakdown.FactBucket, Name: c.Bucket.String()})
	}
	t := Transfer{Site: c.Site, Called: c.Called}
	f.facts = append(f.facts, t.facts()...)
	return f
}
