package report

import (
	"io"

	"timesink/analyze/breakdown"
)

// A RequestDocument is one request as RequestJSON writes it, in the schema named by
// breakdown.RequestSchema. Times within the request are relative to its start.
type RequestDocument struct {
	Schema   string              `json:"schema"`
	Target   string              `json:"target,omitempty"`
	Case     string              `json:"case,omitempty"`
	Redacted bool                `json:"redacted,omitempty"`
	ID       breakdown.RequestID `json:"id"`
	// Which is what the request is an example of: "slowest", "p99".
	Which      []string `json:"which"`
	Endpoint   string   `json:"endpoint"`
	Route      string   `json:"route,omitempty"`
	Kind       string   `json:"kind"`
	Wall       int64    `json:"wall_ns"`
	Incomplete bool     `json:"incomplete"`
	// Condensed, if not 0, is the time up to which the path holds sums and not their
	// order.
	Condensed int64            `json:"condensed_ns,omitempty"`
	Buckets   []RequestBucket  `json:"buckets"`
	Path      []RequestStep    `json:"path"`
	Calls     []RequestCall    `json:"calls"`
	Client    []RequestsClient `json:"client"`
}

// A RequestBucket is the time of a request in one bucket and phase.
type RequestBucket struct {
	Bucket breakdown.Bucket `json:"bucket"`
	Phase  breakdown.Phase  `json:"phase"`
	Time   int64            `json:"time_ns"`
}

// A RequestStep is a segment of a request's path with its evidence.
type RequestStep struct {
	Start     int64            `json:"start_ns"`
	End       int64            `json:"end_ns"`
	Goroutine int64            `json:"goroutine"`
	Bucket    breakdown.Bucket `json:"bucket"`
	Phase     breakdown.Phase  `json:"phase"`
	System    string           `json:"system,omitempty"`
	breakdown.Place
	State  string `json:"state,omitempty"`
	Reason string `json:"reason,omitempty"`
	Rule   string `json:"rule,omitempty"`
}

// A RequestCall is a call that a request made.
type RequestCall struct {
	Start     int64            `json:"start_ns"`
	End       int64            `json:"end_ns"`
	Goroutine int64            `json:"goroutine"`
	Bucket    breakdown.Bucket `json:"bucket"`
	System    string           `json:"system,omitempty"`
	breakdown.Place
	OnPath int64 `json:"on_path_ns"`
	Dialed bool  `json:"dialed"`
}

// A RequestsClient is a phase of what the client saw.
type RequestsClient struct {
	Phase string `json:"phase"`
	Start int64  `json:"start_ns"`
	End   int64  `json:"end_ns"`
}

// RequestJSON writes one request with its whole path and all of its calls. b must have
// been made with detail.
func RequestJSON(w io.Writer, b *breakdown.Breakdown, s *breakdown.Specimen) error {
	return writeJSON(w, documentOf(b, s), "the request")
}

func documentOf(b *breakdown.Breakdown, s *breakdown.Specimen) *RequestDocument {
	r := &s.Request
	d := &RequestDocument{
		Schema: breakdown.RequestSchema, Target: b.Source.Target, Case: b.Source.Case, Redacted: b.Source.Redacted,
		ID: s.ID, Which: []string{}, Endpoint: r.Endpoint, Kind: r.Kind, Wall: r.Wall(), Incomplete: r.Incomplete,
		Buckets: []RequestBucket{}, Path: []RequestStep{}, Calls: []RequestCall{}, Client: []RequestsClient{},
	}
	if r.Condensed != 0 {
		d.Condensed = r.Condensed - r.Start
	}
	if e := endpointOf(b, r); e != nil {
		d.Route = e.Route
		d.Which = append(d.Which, whichOf(e, s.ID)...)
	}
	for _, seg := range joined(r.Path) {
		step := RequestStep{Start: seg.Start - r.Start, End: seg.End - r.Start, Goroutine: seg.Goroutine, Bucket: seg.Bucket, Phase: seg.Phase}
		if c := seg.Cause; c != nil {
			step.System, step.Place, step.State, step.Reason, step.Rule = c.System, breakdown.Place(c.Site), c.State, c.Reason, c.Rule
		}
		d.Path = append(d.Path, step)
	}
	for i := range r.Calls {
		c := &r.Calls[i]
		d.Calls = append(d.Calls, RequestCall{c.Start - r.Start, c.End - r.Start, c.Goroutine, c.Bucket, c.System, breakdown.Place(c.Site), c.OnPath, c.Dialed})
	}
	d.Buckets = append(d.Buckets, bucketsOf(r)...)
	if s.Client != nil {
		at := s.Client.Start - r.Start
		for _, p := range s.Client.Phases {
			d.Client = append(d.Client, RequestsClient{p.Phase, at, at + p.Mean})
			at += p.Mean
		}
	}
	return d
}

// bucketsOf sums a request's path by bucket and phase, in their order.
func bucketsOf(r *breakdown.Request) (list []RequestBucket) {
	var sums [breakdown.NumBuckets][breakdown.NumPhases]int64
	for i := range r.Path {
		s := &r.Path[i]
		sums[s.Bucket][s.Phase] += s.End - s.Start
	}
	for b := range sums {
		for p, ns := range sums[b] {
			if ns > 0 {
				list = append(list, RequestBucket{breakdown.Bucket(b), breakdown.Phase(p), ns})
			}
		}
	}
	return list
}

// endpointOf returns the endpoint that a request belongs to, nil if it is not in b.
func endpointOf(b *breakdown.Breakdown, r *breakdown.Request) *breakdown.Endpoint {
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; e.Name == r.Endpoint && e.Kind == r.Kind {
			return e
		}
	}
	return nil
}

// whichOf names what a request is an example of.
func whichOf(e *breakdown.Endpoint, id breakdown.RequestID) (names []string) {
	for _, x := range e.Examples() {
		if x.ID == id {
			names = append(names, x.Which)
		}
	}
	return names
}
