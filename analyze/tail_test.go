package analyze

import (
	"math"
	"math/rand/v2"
	"testing"

	"timesink/analyze/breakdown"
)

func TestStepsOfWallTimesHaveNoGaps(t *testing.T) {
	for ns := int64(0); ns < 1<<20; ns++ {
		if i := stepOf(ns); ns < stepFrom(i) || ns >= stepFrom(i+1) {
			t.Fatalf("%d ns is in step %d, which is from %d to %d", ns, i, stepFrom(i), stepFrom(i+1))
		}
	}
	for _, ns := range []int64{1 << 40, 1<<40 + 1, 1<<62 + 12345} {
		if i := stepOf(ns); ns < stepFrom(i) {
			t.Errorf("%d ns is in step %d, which is from %d on", ns, i, stepFrom(i))
		}
	}
}

// slow returns requests that begin 10 ms apart. Those that is names wait for a lock in
// addition.
func slow(n int, is func(i int) bool, order []int) *fold {
	f := newFold(0)
	for i := range n {
		if order != nil {
			i = order[i]
		}
		m := made{}.call(breakdown.DB, breakdown.Query, 5*msec+int64(i%7)*100_000, false)
		if is(i) {
			m = m.spend(breakdown.Lock, breakdown.NoPhase, 90*msec, breakdown.Behind{Release: release, Bucket: breakdown.Sleep, Time: 80 * msec})
			m.path[1].Cause = other
		}
		r := m.request()
		at := int64(i) * 10 * msec
		r.Start, r.End = at, r.End+at
		for j := range r.Path {
			r.Path[j].Start, r.Path[j].End = r.Path[j].Start+at, r.Path[j].End+at
		}
		for j := range r.Calls {
			r.Calls[j].Start, r.Calls[j].End = r.Calls[j].Start+at, r.Calls[j].End+at
		}
		f.add(r)
	}
	return f
}

// tailOf returns the tail of the one endpoint, and the cause about it, nil if there is none.
func tailOf(t *testing.T, f *fold) (*breakdown.Tail, *breakdown.Explanation) {
	t.Helper()
	s := settle(f)
	b := diagnosed(&breakdown.Breakdown{Endpoints: render(s, defaultPeriod, nil)}, s)
	for i := range b.Causes {
		if b.Causes[i].ID == "tail" {
			return b.Endpoints[0].Tail, &b.Causes[i]
		}
	}
	return b.Endpoints[0].Tail, nil
}

func TestTheTailIsToldFromTheOthers(t *testing.T) {
	every := func(n int) func(int) bool { return func(i int) bool { return i%n == n/2 } }
	for _, c := range []struct {
		name       string
		n          int
		is         func(int) bool
		tail, says bool // whether there is a tail of 1%, and whether it is a cause
		together   bool
	}{
		{"one of a hundred waits for a lock", 4000, every(110), true, true, false},
		{"too few of them", 1500, every(110), false, false, false},
		{"none of them", 4000, func(int) bool { return false }, false, false, false},
		{"in one stretch", 4000, func(i int) bool { return i >= 2000 && i < 2035 }, true, true, true},
		{"at the start", 4000, func(i int) bool { return i < 35 }, true, true, true},
		{"one of three waits for it", 4000, every(3), false, false, false},
	} {
		tail, x := tailOf(t, slow(c.n, c.is, nil))
		if c.tail != (tail != nil && tail.P99 != nil) || c.says != (x != nil) {
			t.Errorf("%s: %+v, %+v", c.name, tail, x)
			continue
		}
		if !c.says {
			continue
		}
		s := tail.P99
		if s.Requests < 20 || s.Requests > 40 || s.From > 95*msec || s.From < 80*msec || s.OthersMean < 5*msec || s.OthersMean > 6*msec || s.Mean < 94*msec {
			t.Errorf("%s: %+v", c.name, s)
		}
		if b := s.Buckets[0]; b.Bucket != breakdown.Lock || b.Mean != 90*msec || b.OthersMean != 0 {
			t.Errorf("%s: first comes %+v", c.name, b)
		}
		if h := s.Holders[0]; h.Frame != release.Site || h.Doing != breakdown.Sleep || h.Mean != 80*msec || h.OthersMean != 0 || s.Sites[0].Frame != other.Site {
			t.Errorf("%s: held by %+v at %+v", c.name, h, s.Sites)
		}
		if x.Facts.Name(breakdown.FactTailIn) != "lock" || x.Facts.Frame(breakdown.FactHolder) != release.Site || x.Facts.Has(breakdown.FactBurst) != c.together {
			t.Errorf("%s: %+v", c.name, x.Facts)
		}
		if b := s.Burst; c.together != (b != nil) || b != nil && (b.Times != 1 || b.Within > 1100*msec || b.Share < 0.8) {
			t.Errorf("%s: they began %+v", c.name, b)
		}
	}
}

// The order in which requests come makes no difference.
func TestTheTailDoesNotDependOnTheOrder(t *testing.T) {
	is := func(i int) bool { return i%110 == 55 }
	want, _ := tailOf(t, slow(4000, is, nil))
	order := rand.New(rand.NewPCG(1, 2)).Perm(3999)
	for i := range order {
		order[i]++
	}
	got, _ := tailOf(t, slow(4000, is, append([]int{0}, order...)))
	if g, w := got.P99, want.P99; g.From != w.From || g.Requests != w.Requests || g.Mean != w.Mean || g.Buckets[0] != w.Buckets[0] || g.Sites[0] != w.Sites[0] || g.Holders[0] != w.Holders[0] {
		t.Errorf("%+v is not %+v", g, w)
	}
}

// Without room there is no tail, and nothing else changes.
func TestWithoutRoomThereIsNoTail(t *testing.T) {
	f := slow(4000, func(i int) bool { return i%110 == 55 }, nil)
	e := f.named()[0]
	n := e.requests
	e.room = 0
	r := made{}.spend(breakdown.CPU, breakdown.NoPhase, 1).request()
	f.add(r)
	if tail, x := tailOf(t, f); tail != nil || x != nil || e.requests != n+1 {
		t.Errorf("%+v, %+v, %d requests", tail, x, e.requests)
	}
}

func TestCallsThatHangAreToldFromThoseThatVary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		lasts func(i int) float64 // ms
		says  bool
	}{
		{"one of fifty hangs", func(i int) float64 { return 4 + 400*max(0, 1-float64(i%50)) }, true},
		{"times vary exponentially", func(int) float64 { return 5 * random.ExpFloat64() }, false},
		{"times vary by more than a factor of two", func(int) float64 { return 5 * math.Exp(random.NormFloat64()*0.8) }, false},
	} {
		f := newFold(0)
		at := int64(0)
		for i := range 2000 {
			r := made{}.spend(breakdown.CPU, breakdown.NoPhase, at).call(breakdown.Upstream, breakdown.ResponseWait, msec/10+int64(c.lasts(i)*float64(msec)), false).request()
			r.Start, r.Path = at, r.Path[1:] // without what came before
			at = r.End
			f.add(r)
		}
		_, x := tailOf(t, f)
		if (x != nil && x.Facts.Has(breakdown.FactTailAlike)) != c.says {
			t.Errorf("%s: %+v", c.name, x)
		}
	}
}
