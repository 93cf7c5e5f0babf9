package timeline

import (
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A part that turns out to be queueing may hold waits of the worker for locks, with what
// their holders did. No time counts twice.
func TestQueueingBehindALockCountsNoTimeTwice(t *testing.T) {
	m := newMachine(rules.New(), func(*breakdown.Request) {})
	r := &request{}
	r.Path = []breakdown.Segment{
		{Start: 0, End: 10, Bucket: breakdown.Lock, Behind: []breakdown.Behind{{Bucket: breakdown.DB, Time: 8}}},
		{Start: 10, End: 20, Bucket: breakdown.Wait, Behind: []breakdown.Behind{{Bucket: breakdown.CPU, Time: 5}}},
		{Start: 20, End: 25, Bucket: breakdown.File},
	}
	c := newClass(&rules.Class{})
	m.requeue(r, &sharing{start: 0, end: 25, class: c, by: &goroutine{rare: &nothing}, byClass: c})
	if len(r.Path) != 1 || r.Path[0].Bucket != breakdown.Wait {
		t.Fatalf("%+v", r.Path)
	}
	got := map[breakdown.Bucket]int64{}
	for _, b := range r.Path[0].Behind {
		got[b.Bucket] += b.Time
	}
	for bucket, want := range map[breakdown.Bucket]int64{breakdown.Lock: 2, breakdown.DB: 8, breakdown.CPU: 5, breakdown.File: 5} {
		if got[bucket] != want {
			t.Errorf("%s: %d behind, want %d", bucket, got[bucket], want)
		}
	}
}
