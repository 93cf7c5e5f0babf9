package report

import (
	"slices"

	"timesink/analyze/breakdown"
)

// defaultSpread is how many requests of an endpoint SpreadOver takes at most.
const defaultSpread = 200

// SpreadOver is the requests that OTLP shows where nobody asks for certain ones: of
// each endpoint the slowest, and an example of each bar of its distribution, of
// bars evenly apart where there are more than most, 200 where that is 0. It is a
// sample, of durations and not of requests: the tail is there as the middle is,
// and to count its traces says nothing of how often something happens.
func SpreadOver(b *breakdown.Breakdown, most int) []breakdown.RequestID {
	if most <= 0 {
		most = defaultSpread
	}
	var ids []breakdown.RequestID
	taken := map[breakdown.RequestID]bool{}
	for _, e := range b.Endpoints {
		for _, id := range spread(e.Detail, most) {
			if !taken[id] {
				taken[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// spread is one endpoint's, the quickest first.
func spread(d *breakdown.Detail, most int) []breakdown.RequestID {
	if d == nil || len(d.Bars) == 0 {
		return nil
	}
	var ids []breakdown.RequestID
	for _, bar := range d.Bars {
		if bar.Example != d.Slowest {
			ids = append(ids, bar.Example)
		}
	}
	if others := most - 1; len(ids) > others {
		picked := make([]breakdown.RequestID, others)
		for i := range picked {
			picked[i] = ids[i*len(ids)/others]
		}
		ids = picked
	}
	return slices.Concat(ids, []breakdown.RequestID{d.Slowest})
}
