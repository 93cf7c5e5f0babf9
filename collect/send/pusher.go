package send

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"
)

// A Pusher sends items to their destinations. Each is kept in the spool from before it is
// first sent until it has been taken, so each is sent at least once, in this run or a later
// one.
type Pusher struct {
	Destinations []Destination
	Spool        *Spool
	// Patience is how long one item may be tried for in this run.
	Patience time.Duration
	// Note, if set, is called when sending waits before it tries again.
	Note func(to string, wait time.Duration, err error)
}

// A Result is what became of the items of one run.
type Result struct {
	Sent int // also those of earlier runs
	Kept int // in the spool, for a later run
	// Failures are why items were not sent: one for each destination whose items are kept,
	// and one for each item that is not.
	Failures []Failure
}

// A Failure is why items were not sent.
type Failure struct {
	To   string
	Err  error
	Kept int // how many items are in the spool; 0 if one item was given up
	// Passing is set if the items are kept and the cause passes by itself.
	Passing bool
}

// Push sends items, and what earlier runs left for the same destinations: the oldest first.
// A destination that fails keeps the rest of its items in the spool. When ctx ends, Push
// stops trying and keeps what was not sent.
func (p *Pusher) Push(ctx context.Context, items []Item) Result {
	var r Result
	for _, to := range p.Destinations {
		p.pushTo(ctx, to, items, &r)
	}
	return r
}

func (p *Pusher) pushTo(ctx context.Context, to Destination, items []Item, r *Result) {
	var unkept []Item
	var whys []error
	for _, i := range items {
		if i.To != to.String() {
			continue
		}
		if err := p.Spool.Add(i); err != nil {
			unkept, whys = append(unkept, i), append(whys, err)
		}
	}
	list, err := p.Spool.List(to.String())
	if err != nil {
		r.Failures = append(r.Failures, Failure{To: to.String(), Err: p.Spool.failed(err)})
	}
	var stuck error // why the destination takes nothing at the moment
	for k, i := range unkept {
		err := stuck
		if err == nil {
			err = p.try(ctx, to, i)
			if lasts(err) {
				stuck = err
			}
		}
		if err != nil {
			r.Failures = append(r.Failures, Failure{To: to.String(), Err: errors.Join(err, whys[k])})
			continue
		}
		r.Sent++
	}
	kept := 0
	for _, i := range list {
		err := stuck
		if err == nil {
			err = p.try(ctx, to, i)
		}
		switch {
		case err == nil:
			r.Sent++
			p.Spool.Remove(i)
		case errors.Is(err, fs.ErrNotExist):
			p.Spool.Remove(i) // sent by another process
		case !lasts(err):
			p.Spool.Remove(i)
			r.Failures = append(r.Failures, Failure{To: to.String(), Err: err})
		default:
			stuck = err
			kept++
		}
	}
	if r.Kept += kept; kept > 0 {
		passing := errors.Is(stuck, ErrUnreachable) || ctx.Err() != nil
		r.Failures = append(r.Failures, Failure{To: to.String(), Err: stuck, Kept: kept, Passing: passing})
	}
}

// lasts reports whether an error is about the destination, so that the next item would meet
// it as well, and the items are worth keeping.
func lasts(err error) bool { return err != nil && !errors.Is(err, ErrRefused) }

// The waits between tries double, from the first to the longest.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
)

// try sends an item until it is taken, refused, or has been tried for long enough. It
// tries again only where the cause passes by itself.
func (p *Pusher) try(ctx context.Context, to Destination, i Item) error {
	began, wait := time.Now(), firstWait
	for {
		err := to.Send(ctx, i)
		if err == nil || !errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		// Many that failed at once must not all come back at once.
		pause := wait/2 + rand.N(wait/2)
		var f *failure
		if errors.As(err, &f) && f.after > pause {
			pause = f.after
		}
		if time.Since(began)+pause > p.Patience {
			return err
		}
		if p.Note != nil {
			p.Note(to.String(), pause, err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		wait = min(2*wait, longestWait)
	}
}
