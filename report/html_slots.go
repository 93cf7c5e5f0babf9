package report

import (
	"timesink/analyze/breakdown"
)

// A slot is what a page draws in one color: a bucket, or a phase of a bucket that has a
// color of its own, as waiting for the service's own pool.
type slot struct {
	bucket breakdown.Bucket
	phase  breakdown.Phase // NoPhase for what the bucket's color stands for
}

// slots are the buckets, each at its own index, and after them the distinct phases.
var slots = func() (list []slot) {
	for b := range breakdown.NumBuckets {
		list = append(list, slot{bucket: b})
	}
	for b := range breakdown.NumBuckets {
		for _, p := range b.Info().Phases {
			if p.Distinct() {
				list = append(list, slot{b, p})
			}
		}
	}
	return list
}()

// slotOf returns the index of the slot of a time in a bucket and a phase.
func slotOf(b breakdown.Bucket, p breakdown.Phase) int {
	if p.Distinct() {
		for i, s := range slots {
			if s.bucket == b && s.phase == p {
				return i
			}
		}
	}
	return int(b)
}

// name returns the slot's name in style sheets. Phases have one color in all buckets.
func (s slot) name() string {
	if s.phase.Distinct() {
		return s.phase.String()
	}
	return s.bucket.String()
}

// label names the slot in a legend; bucket is what the bucket is called there.
func (s slot) label(bucket string) string {
	if s.phase.Distinct() {
		return bucket + ", " + s.phase.Info().Label
	}
	return bucket
}

// A slotTime is the time in a slot.
type slotTime struct {
	slot
	of *breakdown.BucketTime // the slot's bucket
	ns int64
}

// slotTimes divides times in buckets into those in slots, each bucket's own first. It
// leaves out slots without time. A phase that is not worth a row is not worth a color:
// below a hundredth of its bucket, it counts as the bucket's own.
func slotTimes(buckets []*breakdown.BucketTime, of func(*breakdown.BucketTime) int64, in func(*breakdown.PhaseTime) int64) (list []slotTime) {
	for _, t := range buckets {
		own := slotTime{slot{bucket: t.Bucket}, t, of(t)}
		var rest []slotTime
		for i := range t.Phases {
			if p := &t.Phases[i]; p.Phase.Distinct() && in(p) > 0 && 100*in(p) >= of(t) {
				own.ns -= in(p)
				rest = append(rest, slotTime{slot{t.Bucket, p.Phase}, t, in(p)})
			}
		}
		if own.ns > 0 {
			list = append(list, own)
		}
		list = append(list, rest...)
	}
	return list
}

// phasesIn returns what goes with of: the same time of a phase.
func phasesIn(e *breakdown.Endpoint) func(*breakdown.PhaseTime) int64 {
	if e.Requests == 0 && e.Sampled == nil {
		return incompleteIn
	}
	return totalIn
}
