package analyze

import (
	"context"
	"fmt"
	"regexp"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// A Listing lists all requests of an answer, one by one, by reading the captures again.
// Between the two readings it holds only the endpoint of each of the analysis's sums, so
// it needs no more memory than the analysis does, however many requests there are.
type Listing struct {
	captures []*capture.Capture
	opts     Options
	b        *breakdown.Breakdown
	places   []breakdown.Listed // by the order in which the sums were created, from 1
	each     func(e *endpoint, r *breakdown.Request)
}

// NewListing analyzes captures, as Captures does, and prepares to list their requests.
func NewListing(ctx context.Context, captures []*capture.Capture, opts Options) (*Listing, *breakdown.Breakdown, error) {
	l := &Listing{captures: captures, opts: opts}
	l.opts.Detail, l.opts.list = true, l
	b, err := Captures(ctx, captures, l.opts)
	if err != nil {
		return nil, nil, err
	}
	if l.opts.FindUnits && l.opts.Units == nil && b.Source.Units != "" {
		if l.opts.Units, err = regexp.Compile(b.Source.Units); err != nil {
			return nil, nil, err
		}
	}
	l.opts.FindUnits, l.b = false, b
	return l, b, nil
}

// Each reads the captures again and calls yield with each request, in an order that is
// the same every time. The requests of an endpoint sum to exactly what the answer says of
// it. If yield returns an error, Each stops and returns it. An answer that rests on
// samples has no requests to list.
func (l *Listing) Each(ctx context.Context, yield func(*breakdown.Listed) error) error {
	if l.b.Estimate {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	views, places := l.views(), l.places
	var failed error
	l.each = func(e *endpoint, r *breakdown.Request) {
		switch {
		case failed != nil:
			return
		case e.nth >= len(places):
			failed = fmt.Errorf("reading the requests again gives others, which is a bug in timesink: there is no endpoint %d of %d", e.nth, len(places))
		default:
			at := places[e.nth]
			at.ID, at.Request = e.id(r.Goroutine, r.Start), r
			at.Client = views[at.ID]
			failed = yield(&at)
		}
		if failed != nil {
			cancel()
		}
	}
	defer func() { l.each = nil }()
	_, err := once(ctx, l.captures, l.opts)
	if failed != nil {
		return failed
	}
	return err
}

// views returns what the clients saw of the requests that answered a probe.
func (l *Listing) views() map[breakdown.RequestID]*breakdown.ClientView {
	views := map[breakdown.RequestID]*breakdown.ClientView{}
	for i := range l.b.Endpoints {
		if d := l.b.Endpoints[i].Detail; d != nil {
			for k := range d.Probed {
				views[d.Probed[k].ID] = &d.Probed[k].View
			}
		}
	}
	return views
}

// watch sees the requests that are added to a fold, if they are to be listed.
func (l *Listing) watch(f *fold) {
	if l != nil {
		f.each = l.each
	}
}

// settle records the endpoint that each of a fold's sums went to. The fold must have been
// settled.
func (l *Listing) settle(f *fold) {
	if l == nil || l.each != nil {
		return
	}
	l.places = make([]breakdown.Listed, f.made+1)
	for _, e := range f.all() {
		to := e
		for to.into != nil {
			to = to.into
		}
		l.places[e.nth] = breakdown.Listed{Endpoint: to.key.name, Kind: to.key.kind, Route: routeOf(to), Inferred: e.dealt}
	}
}
