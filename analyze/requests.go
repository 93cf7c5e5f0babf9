package analyze

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// Requests reads captures again and returns the requests with the given ids, in the
// order of ids. opts must be those that b was made with. A request that is not there,
// or was dropped to stay within memory, is left out. It reads no further than it has
// to.
func Requests(ctx context.Context, captures []*capture.Capture, opts Options, b *breakdown.Breakdown, ids []breakdown.RequestID) ([]breakdown.Specimen, error) {
	if opts.FindUnits && opts.Units == nil && b.Source.Units != "" {
		units, err := regexp.Compile(b.Source.Units)
		if err != nil {
			return nil, err
		}
		opts.Units = units
	}
	found := map[breakdown.RequestID]*breakdown.Request{}
	windows, _ := capture.AllWindows(captures)
	for i, c := range windows {
		wanted := map[breakdown.RequestID]bool{}
		for _, id := range ids {
			if id.Capture == i {
				wanted[id] = true
			}
		}
		if err := pick(ctx, c, i, opts, wanted, found); err != nil {
			return nil, err
		}
	}
	views := map[breakdown.RequestID]*breakdown.ClientView{}
	owners := map[breakdown.RequestID]*breakdown.Endpoint{}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Detail == nil {
			continue
		}
		owners[e.Detail.Slowest] = e
		for _, bar := range e.Detail.Bars {
			owners[bar.Example] = e
		}
		for i := range e.Detail.Probed {
			p := &e.Detail.Probed[i]
			views[p.ID], owners[p.ID] = &p.View, e
		}
	}
	out := []breakdown.Specimen{}
	for _, id := range ids {
		if r := found[id]; r != nil {
			if e := owners[id]; r.Endpoint == "" && e != nil {
				r.Endpoint, r.Kind = e.Name, e.Kind
			}
			r.Endpoint, r.Kind = b.EndpointOf(r)
			out = append(out, breakdown.Specimen{ID: id, Request: *r, Client: views[id]})
		}
	}
	return out, nil
}

// pick copies the wanted requests of one capture into found.
func pick(ctx context.Context, c *capture.Capture, number int, opts Options, wanted map[breakdown.RequestID]bool, found map[breakdown.RequestID]*breakdown.Request) error {
	if len(wanted) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	trace, err := c.Trace()
	if err != nil {
		return err
	}
	defer trace.Close()
	left, decided := len(wanted), newCCalls(defaultPeriod)
	each := func(r *breakdown.Request) {
		id := breakdown.RequestID{Capture: number, Goroutine: r.Goroutine, Start: r.Start}
		if !wanted[id] || found[id] != nil {
			return
		}
		found[id] = clone(r)
		if left--; left == 0 {
			cancel()
		}
	}
	_, err = opts.completed().reader().Read(ctx, trace, func(r *breakdown.Request) { decided.add(r, each) })
	decided.release(each)
	if left == 0 || err == nil {
		return nil
	}
	return fmt.Errorf("reading the requests to show: %w", hinted(err, c))
}

// clone returns a copy of a request that stays valid. The causes are shared.
func clone(r *breakdown.Request) *breakdown.Request {
	c := *r
	c.Path, c.Calls, c.Samples, c.Chains = slices.Clone(r.Path), slices.Clone(r.Calls), slices.Clone(r.Samples), slices.Clone(r.Chains)
	c.Waits = slices.Clone(r.Waits)
	for i := range c.Path {
		c.Path[i].Behind = slices.Clone(c.Path[i].Behind)
	}
	return &c
}
