package report

import (
	"slices"

	"timesink/analyze/breakdown"
)

// defaultSpread is the most requests that SpreadOver returns for an endpoint.
const defaultSpread = 200

// SpreadOver returns the requests that OTLP shows unless the user names some: of each
// endpoint the slowest, and an example from each bar of its distribution, or from
// evenly spaced bars if there are more than most. A most of 0 means 200. It is a sample
// of durations, not of requests: the tail is represented like the middle, so the number
// of traces says nothing about frequency.
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

// spread returns the sample of one endpoint, the fastest request first.
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
