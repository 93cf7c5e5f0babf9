package analyze

import (
	"testing"

	"timesink/analyze/breakdown"
)

// starting returns requests that begin 10 ms apart, from the given time after the start of
// the window on. Those that is names dial before they ask the database.
func starting(n int, from int64, is func(i int) bool) *fold {
	f := newFold(0)
	f.windows = []int64{0}
	for i := range n {
		m := made{}
		if is(i) {
			m = m.spend(breakdown.DB, breakdown.Connect, 60*msec)
		}
		r := m.call(breakdown.DB, breakdown.Query, 5*msec+int64(i%7)*100_000, false).request()
		f.add(movedBy(r, from+int64(i)*10*msec))
	}
	return f
}

// movedBy returns a request moved in time.
func movedBy(r *breakdown.Request, by int64) *breakdown.Request {
	r.Start, r.End = r.Start+by, r.End+by
	for i := range r.Path {
		r.Path[i].Start, r.Path[i].End = r.Path[i].Start+by, r.Path[i].End+by
	}
	for i := range r.Calls {
		r.Calls[i].Start, r.Calls[i].End = r.Calls[i].Start+by, r.Calls[i].End+by
	}
	return r
}

// coldOf returns the cause about the first requests of the one endpoint, nil if there is
// none.
func coldOf(f *fold) *breakdown.Explanation {
	s := settle(f)
	b := diagnosed(&breakdown.Breakdown{Endpoints: render(s, defaultPeriod, nil)}, s)
	for i := range b.Causes {
		if b.Causes[i].ID == "cold-start" {
			return &b.Causes[i]
		}
	}
	return nil
}

func TestFirstRequestsAreAColdStart(t *testing.T) {
	first := func(n int) func(int) bool { return func(i int) bool { return i < n } }
	for _, c := range []struct {
		name  string
		n     int
		from  int64
		is    func(int) bool
		first int64 // requests, 0 for no cause
	}{
		{"four that dial", 200, 400 * msec, first(4), 4},
		{"one that dials", 200, 400 * msec, first(1), 1},
		{"most of the first ten", 200, 400 * msec, func(i int) bool { return i < 10 && i != 4 }, 10},
		{"one, which may be chance", 40, 400 * msec, first(1), 0},
		{"too little time before them", 200, 40 * msec, first(4), 0},
		{"no time before them", 200, 0, first(4), 0},
		{"not the first", 200, 400 * msec, func(i int) bool { return i >= 20 && i < 24 }, 0},
		{"later ones as well", 200, 400 * msec, func(i int) bool { return i < 4 || i%50 == 49 }, 0},
		{"none", 200, 400 * msec, first(0), 0},
		{"more than are kept", 400, 400 * msec, first(60), 0},
		{"too few of them all", 15, 400 * msec, first(2), 0},
	} {
		x := coldOf(starting(c.n, c.from, c.is))
		if (x != nil) != (c.first > 0) {
			t.Errorf("%s: %+v", c.name, x)
			continue
		}
		if x == nil {
			continue
		}
		in := x.Facts.All(breakdown.FactFirstIn)
		if got := x.Facts.Number(breakdown.FactFirst); got != float64(c.first) || len(in) != 1 || in[0].Name != "db" || in[0].Frame() != site || in[0].Value < float64(50*msec) {
			t.Errorf("%s: %v first requests, longer %+v", c.name, got, in)
		}
		if dialing := x.Facts.Time(breakdown.FactFirstDialing); dialing < 50*msec || dialing > 60*msec || x.Facts.Time(breakdown.FactQuiet) != c.from {
			t.Errorf("%s: %+v", c.name, x.Facts)
		}
	}
}

// A request that was under way before them shows that they are not the first.
func TestRequestsAfterACutOneAreNotTheFirst(t *testing.T) {
	f := starting(200, 400*msec, func(i int) bool { return i < 4 })
	cut := made{}.spend(breakdown.CPU, breakdown.NoPhase, msec).request()
	cut.Incomplete = true
	f.add(cut)
	if x := coldOf(f); x != nil {
		t.Errorf("%+v", x)
	}
}

// The order in which requests come makes no difference.
func TestTheFirstRequestsDoNotDependOnTheOrder(t *testing.T) {
	f := newFold(0)
	f.windows = []int64{0}
	for i := 199; i >= 0; i-- {
		m := made{}
		if i < 4 {
			m = m.spend(breakdown.DB, breakdown.Connect, 60*msec)
		}
		f.add(movedBy(m.call(breakdown.DB, breakdown.Query, 5*msec, false).request(), 400*msec+int64(i)*10*msec))
	}
	if x := coldOf(f); x == nil || x.Facts.Number(breakdown.FactFirst) != 4 {
		t.Errorf("%+v", x)
	}
}
