package breakdown

import (
	"cmp"
	"slices"
)

// A Holding is everything that one holder did while requests waited for it.
type Holding struct {
	Frame
	Total int64 // ns, over complete requests
	Batch bool  // it serves several requests at once
	// Doing is by bucket, the longest first, and never empty. What the runtime delayed,
	// in the scheduler and the garbage collector, comes last unless it is nearly all: a
	// holder in a call on busy processors is held up by both, and the call is what it did.
	Doing []Holder
}

// At returns the place where the holder did what it did for most of the time: its call
// site, or where it released what it held if that is not known.
func (h *Holding) At() Frame {
	if at := h.Doing[0].At; at != nil {
		return *at
	}
	return h.Frame
}

// Place returns the place to show for the holder: its own function, at the line where it
// did what it did if that is in the same function.
func (h *Holding) Place() Frame {
	if at := h.At(); at.Function == h.Function {
		return at
	}
	return h.Frame
}

// Holdings groups a bucket's holders by frame, the longest first.
func (t *BucketTime) Holdings() []Holding {
	var list []Holding
	for _, h := range t.Holders {
		if h.Total <= 0 {
			continue
		}
		i := slices.IndexFunc(list, func(o Holding) bool { return o.Frame == h.Frame })
		if i < 0 {
			i = len(list)
			list = append(list, Holding{Frame: h.Frame, Batch: h.Batch})
		}
		list[i].Total += h.Total
		list[i].Doing = append(list[i].Doing, h)
	}
	for _, h := range list {
		slices.SortStableFunc(h.Doing, func(x, y Holder) int { return cmp.Compare(h.weight(y), h.weight(x)) })
	}
	slices.SortStableFunc(list, func(x, y Holding) int { return cmp.Compare(y.Total, x.Total) })
	return list
}

// delayedMost is the share of a holder's time in the scheduler and the collector from
// which they are what held it up.
const delayedMost = 0.75

// weight returns what Doing is sorted by: the time, negative if it is a delay that
// counts last.
func (h *Holding) weight(d Holder) int64 {
	if d.Doing != Scheduler && d.Doing != GC {
		return d.Total
	}
	delayed := int64(0)
	for _, o := range h.Doing {
		if o.Doing == Scheduler || o.Doing == GC {
			delayed += o.Total
		}
	}
	if float64(delayed) > delayedMost*float64(h.Total) {
		return d.Total
	}
	return d.Total - h.Total
}

// Culprit returns the holder that accounts for at least half of a bucket's time, or nil
// if there is none.
func (t *BucketTime) Culprit() *Holding {
	if list := t.Holdings(); len(list) > 0 && 2*list[0].Total >= t.Total {
		return &list[0]
	}
	return nil
}
