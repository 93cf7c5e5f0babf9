package analyze

import (
	"cmp"
	"math"
	"slices"

	"timesink/analyze/breakdown"
)

// mostInTail is how many call sites and holders a tail lists.
const mostInTail = 5

// render returns what the slowest requests do, nil if there are too few to tell.
func (t *tails) render(e *endpoint) *breakdown.Tail {
	if t == nil {
		return nil
	}
	out := &breakdown.Tail{P95: t.beyond(e, 0.95), P99: t.beyond(e, 0.99)}
	if out.P95 == nil && out.P99 == nil {
		return nil
	}
	return out
}

// beyond returns the requests in the steps above the one that holds a quantile.
func (t *tails) beyond(e *endpoint, q float64) *breakdown.Slowest {
	rank := int64(math.Ceil(q * float64(e.requests)))
	sum, tail, from := int64(0), tailStep{}, int64(0)
	parts := map[tailPart]int64{}
	t.steps.each(func(i int, s *tailStep) {
		if sum < rank {
			sum += s.requests
			return
		}
		if tail.requests == 0 {
			from = stepFrom(i)
		}
		tail.requests += s.requests
		tail.wall += s.wall
		for b := range tail.spent {
			tail.spent[b] += s.spent[b]
		}
		for i, n := range s.began {
			tail.began[i] += n
		}
		for _, p := range s.parts {
			parts[p.tailPart] += p.time
		}
	})
	if tail.requests < breakdown.FewestInTail {
		return nil
	}
	others := e.requests - tail.requests
	out := &breakdown.Slowest{From: from, Requests: tail.requests, Mean: mean(tail.wall, tail.requests), OthersMean: mean(e.wallTotal-tail.wall, others),
		Buckets: []breakdown.TailBucket{}, Sites: []breakdown.TailSite{}, Holders: []breakdown.TailHolder{}, Burst: t.burst(e, &tail)}
	for b := range tail.spent {
		if e.buckets[b].total > 0 {
			out.Buckets = append(out.Buckets, breakdown.TailBucket{Bucket: breakdown.Bucket(b), Mean: mean(tail.spent[b], tail.requests), OthersMean: mean(e.buckets[b].total-tail.spent[b], others)})
		}
	}
	slices.SortStableFunc(out.Buckets, func(a, b breakdown.TailBucket) int { return cmp.Compare(b.Longer(), a.Longer()) })
	e.tailParts(out, parts, others)
	return out
}

// tailParts adds the call sites and the holders.
func (e *endpoint) tailParts(out *breakdown.Slowest, parts map[tailPart]int64, others int64) {
	sites, holders := map[breakdown.TailSite]int64{}, map[breakdown.TailHolder]int64{}
	for p, t := range parts {
		if p.cause.Site == (breakdown.Frame{}) {
			continue
		}
		in := breakdown.TailBucket{Bucket: p.bucket}
		if p.held {
			holders[breakdown.TailHolder{Frame: p.cause.Site, TailBucket: in, Doing: p.doing}] += t
		} else {
			sites[breakdown.TailSite{Frame: p.cause.Site, TailBucket: in}] += t
		}
	}
	for s, t := range sites {
		whole := int64(0)
		for c, t := range e.buckets[s.Bucket].causes {
			if c.Site == s.Frame {
				whole += t.ns
			}
		}
		s.Mean, s.OthersMean = mean(t, out.Requests), mean(max(whole-t, 0), others)
		out.Sites = append(out.Sites, s)
	}
	for h, t := range holders {
		whole := int64(0)
		for k, t := range e.buckets[h.Bucket].holders {
			if k.release.Site == h.Frame && k.doing == h.Doing {
				whole += *t
			}
		}
		h.Mean, h.OthersMean = mean(t, out.Requests), mean(max(whole-t, 0), others)
		out.Holders = append(out.Holders, h)
	}
	slices.SortFunc(out.Sites, func(a, b breakdown.TailSite) int {
		return cmp.Or(cmp.Compare(b.Longer(), a.Longer()), compareFrames(a.Frame, b.Frame), cmp.Compare(a.Bucket, b.Bucket))
	})
	slices.SortFunc(out.Holders, func(a, b breakdown.TailHolder) int {
		return cmp.Or(cmp.Compare(b.Longer(), a.Longer()), compareFrames(a.Frame, b.Frame), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Doing, b.Doing))
	})
	out.Sites, out.Holders = out.Sites[:min(len(out.Sites), mostInTail)], out.Holders[:min(len(out.Holders), mostInTail)]
}

// Requests came together if most of them began while few of the others did, and by more
// than chance explains.
const (
	mostOfBurst  = 0.8
	othersAtMost = 0.25
	burstScore   = 5 // standard deviations
)

// burst returns when the slowest requests began, nil if they are spread like the others.
func (t *tails) burst(e *endpoint, tail *tailStep) *breakdown.Burst {
	if t.mixed {
		return nil
	}
	var all [tailSlots]int64
	t.steps.each(func(_ int, s *tailStep) {
		for i, n := range s.began {
			all[i] += int64(n)
		}
	})
	others := max(e.requests-tail.requests, 1)
	expected := func(i int) float64 { return float64(tail.requests) * float64(all[i]) / float64(e.requests) }
	score, filled := 0.0, -1.0
	var order []int
	for i, n := range tail.began {
		if all[i] == 0 {
			continue
		}
		filled++
		score += (float64(n) - expected(i)) * (float64(n) - expected(i)) / expected(i)
		if n > 0 {
			order = append(order, i)
		}
	}
	if filled < 1 || score < filled+burstScore*math.Sqrt(2*filled) {
		return nil
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(float64(tail.began[b])/float64(all[b]), float64(tail.began[a])/float64(all[a])), cmp.Compare(a, b))
	})
	in, rest, n := int64(0), int64(0), 0
	for ; n < len(order) && float64(in) < mostOfBurst*float64(tail.requests); n++ {
		slow := int64(tail.began[order[n]])
		in, rest = in+slow, rest+all[order[n]]-slow
	}
	out := &breakdown.Burst{Share: share(in, tail.requests), OthersShare: share(rest, others), Within: int64(n) << t.slot}
	if out.OthersShare > othersAtMost {
		return nil
	}
	slots := order[:n]
	slices.Sort(slots)
	for i, s := range slots {
		if i == 0 || s != slots[i-1]+1 {
			out.Times++
		}
	}
	out.Start = max(e.began(t.capture)+int64(slots[0])<<t.slot, 0)
	return out
}
