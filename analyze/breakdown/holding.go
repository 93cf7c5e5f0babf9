package breakdown

import (
	"cmp"
	"slices"
)

// A Holding is everything that one holder did while requests waited for it.
type Holding struct {
	Frame
	Total int64    // ns, over complete requests
	Doing []Holder // by bucket, the longest first; never empty
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
			list = append(list, Holding{Frame: h.Frame})
		}
		list[i].Total += h.Total
		list[i].Doing = append(list[i].Doing, h)
	}
	for _, h := range list {
		slices.SortStableFunc(h.Doing, func(x, y Holder) int { return cmp.Compare(y.Total, x.Total) })
	}
	slices.SortStableFunc(list, func(x, y Holding) int { return cmp.Compare(y.Total, x.Total) })
	return list
}

// Culprit returns the holder that accounts for at least half of a bucket's time, or nil
// if there is none.
func (t *BucketTime) Culprit() *Holding {
	if list := t.Holdings(); len(list) > 0 && 2*list[0].Total >= t.Total {
		return &list[0]
	}
	return nil
}
