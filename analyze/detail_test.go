package analyze_test

import (
	"reflect"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

func detailed(t *testing.T, captures ...*capture.Capture) *breakdown.Breakdown {
	t.Helper()
	b, err := analyze.Captures(t.Context(), captures, analyze.Options{Detail: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheDetailSumsToTheAnswer(t *testing.T) {
	s := recordShop(t)
	c := s.save(t, 0)
	for _, captures := range [][]*capture.Capture{{c}, {c, s.save(t, time.Hour)}} {
		b := detailed(t, captures...)
		for _, e := range b.Endpoints {
			requests, buckets := int64(0), [breakdown.NumBuckets]int64{}
			for _, bar := range e.Detail.Bars {
				requests += bar.Requests
				for k, sum := range bar.Buckets {
					buckets[k] += sum
				}
			}
			for _, s := range e.Detail.Stacks {
				buckets[s.Bucket] -= s.Time
				if s.Count < 1 {
					t.Errorf("%s: %d segments of %s", e.Name, s.Count, s.Bucket)
				}
			}
			if requests != e.Requests || buckets != [breakdown.NumBuckets]int64{} {
				t.Errorf("%s: the bars hold %d requests of %d; by bucket they differ from the stacks by %d ns", e.Name, requests, e.Requests, buckets)
			}
			sum := int64(0)
			for _, s := range e.Detail.Stacks {
				sum += s.Time
			}
			if sum != e.Wall.Total {
				t.Errorf("%s: the stacks sum to %d ns of %d", e.Name, sum, e.Wall.Total)
			}
			if e.Client != nil && len(e.Detail.Probed) != e.Client.Matched {
				t.Errorf("%s: %d probes were matched, but %d are listed", e.Name, e.Client.Matched, len(e.Detail.Probed))
			}
		}
		again := detailed(t, captures...)
		for i := range b.Endpoints {
			if !reflect.DeepEqual(b.Endpoints[i].Detail, again.Endpoints[i].Detail) {
				t.Errorf("%s: a second analysis has another detail", b.Endpoints[i].Name)
			}
		}
	}
}

func TestRequestsAreShownAgain(t *testing.T) {
	s := recordShop(t)
	captures := []*capture.Capture{s.save(t, 0), s.save(t, time.Hour)}
	b := detailed(t, captures...)
	var ids []breakdown.RequestID
	walls := map[breakdown.RequestID][2]int64{} // the bounds for each
	views := map[breakdown.RequestID]breakdown.ClientView{}
	for _, e := range b.Endpoints {
		for _, bar := range e.Detail.Bars {
			ids = append(ids, bar.Example)
			walls[bar.Example] = [2]int64{bar.Low, bar.High}
		}
		ids = append(ids, e.Detail.Slowest)
		walls[e.Detail.Slowest] = [2]int64{e.Wall.Max, e.Wall.Max}
		for _, p := range e.Detail.Probed {
			ids = append(ids, p.ID)
			walls[p.ID] = [2]int64{p.Wall, p.Wall}
			views[p.ID] = p.View
		}
	}
	missing := breakdown.RequestID{Capture: 1, Goroutine: -5, Start: 1}
	list, err := analyze.Requests(t.Context(), captures, analyze.Options{}, b, append([]breakdown.RequestID{missing}, ids...))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(ids) {
		t.Fatalf("%d requests were found of %d", len(list), len(ids))
	}
	ofSecond := 0
	for i, s := range list {
		r := &s.Request
		if s.ID != ids[i] || s.ID.Goroutine != r.Goroutine || s.ID.Start != r.Start || r.Incomplete || len(r.Path) == 0 {
			t.Errorf("request %d is %s, not %s", i, s.ID, ids[i])
		}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		if w := walls[s.ID]; r.Wall() < w[0] || r.Wall() > w[1] {
			t.Errorf("%s took %d ns, want it within %d", s.ID, r.Wall(), w)
		}
		if _, probed := views[s.ID]; probed != (s.Client != nil) {
			t.Errorf("%s: probed %t, but the client's view is %v", s.ID, probed, s.Client)
		}
		// The clocks are the same but are read one after the other, with what the kernel
		// does in between.
		const between = 20e6
		if c := s.Client; c != nil && (c.Start > r.Start+between || c.Start+c.Wall()+between < r.Start) {
			t.Errorf("%s began at %d, its client waited from %d for %d ns", s.ID, r.Start, c.Start, c.Wall())
		}
		ofSecond += s.ID.Capture
	}
	if len(views) < 40 || ofSecond == 0 || ofSecond == len(list) {
		t.Errorf("%d requests answered probes, and %d of %d are of the second capture", len(views), ofSecond, len(list))
	}
}

func TestTheEvidenceIsNamed(t *testing.T) {
	s := recordShop(t)
	one, two := s.save(t, 0), s.save(t, time.Hour)
	b := detailed(t, one)
	name, err := one.Case()
	if err != nil {
		t.Fatal(err)
	}
	ev := b.Source.Evidence
	if len(ev) != 1 || b.Source.Case != name || ev[0].Case != name || len(ev[0].Parts) != 2 || ev[0].Command != "timesink run http://shop:6060" {
		t.Errorf("case %s: the source is %+v", name, b.Source)
	}
	// The probes, which use the test's clock, give the offset of the trace's, up to the
	// slack of their requests.
	first := s.probes[0].Start
	if at := ev[0].Start + ev[0].Offset; !ev[0].Clocked || at > first+int64(time.Second) || at < first-int64(time.Minute) {
		t.Errorf("the trace began at %d, the first probe at %d", at, first)
	}
	both, turned := detailed(t, one, two).Source, detailed(t, two, one).Source
	if both.Case != turned.Case || both.Case == name || len(both.Evidence) != 2 {
		t.Errorf("the case of both is %s in the one order and %s in the other", both.Case, turned.Case)
	}
	alone := detailed(t, bare(t, s.trace)).Source
	if len(alone.Evidence) != 1 || alone.Case == "" || alone.Case == name || alone.Evidence[0].Parts[0].Size != int64(len(s.trace)) {
		t.Errorf("the source of the bare trace is %+v", alone)
	}
	if text := textOf(t, answerOf(t, one)); len(answerOf(t, one).Source.Evidence) > 0 {
		t.Errorf("the evidence is listed without detail: %s", text)
	}
}
