package analyze_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
)

// totals are the sums of one endpoint, as the answer and its requests have them.
type totals struct {
	requests, inferred, incomplete, wall, cut int64
	buckets                                   [breakdown.NumBuckets]int64
}

// services is where traces of a service are recorded.
const services = "../cmd/internal/goversions/testdata/"

type endpointName struct{ name, kind, route string }

// The listed requests of each endpoint sum to what the answer says of it.
func TestListedRequestsSumToTheAnswer(t *testing.T) {
	inputs := map[string]*capture.Capture{}
	traces, err := filepath.Glob(services + "*.trace.gz")
	if err != nil || len(traces) < 10 {
		t.Fatalf("only %d recorded traces: %v", len(traces), err)
	}
	for i, file := range traces {
		if i%3 != 0 && !tracetest.Long {
			continue
		}
		inputs[filepath.Base(file)] = bare(t, tracetest.Unzipped(t, file))
	}
	files, err := filepath.Glob("../cmd/timesink/testdata/recorded/*.zip")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded captures: %v", err)
	}
	for _, file := range files[:len(files)/4] { // the traces have what is difficult
		c, err := capture.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		inputs[filepath.Base(file)] = c
	}
	inferred := int64(0)
	for name, c := range inputs {
		want, b := map[endpointName]totals{}, listed(t, c, func(b *breakdown.Breakdown, got map[endpointName]totals) {
			for key, sums := range got {
				i := slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool {
					return endpointName{e.Name, e.Kind, e.Route} == key
				})
				if i < 0 {
					t.Errorf("%s: requests of %v, which the answer does not have", name, key)
				} else if e := sumsOf(&b.Endpoints[i]); e != sums {
					t.Errorf("%s: the requests of %v sum to %+v, the answer says %+v", name, key, sums, e)
				}
			}
		})
		for i := range b.Endpoints {
			e := &b.Endpoints[i]
			want[endpointName{e.Name, e.Kind, e.Route}] = sumsOf(e)
			inferred += e.Inferred
		}
		if len(want) == 0 {
			t.Errorf("%s has no endpoints", name)
		}
	}
	if inferred == 0 {
		t.Error("no request is inferred")
	}
}

// listed lists the requests of a capture and passes their sums to check. It fails unless
// there are sums for each endpoint.
func listed(t *testing.T, c *capture.Capture, check func(*breakdown.Breakdown, map[endpointName]totals)) *breakdown.Breakdown {
	t.Helper()
	l, b, err := analyze.NewListing(t.Context(), []*capture.Capture{c}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, seen, views := map[endpointName]totals{}, map[breakdown.RequestID]bool{}, 0
	err = l.Each(t.Context(), func(r *breakdown.Listed) error {
		if seen[r.ID] {
			t.Errorf("request %v is listed twice", r.ID)
		}
		seen[r.ID] = true
		if r.Client != nil {
			views++
		}
		key := endpointName{r.Endpoint, r.Kind, r.Route}
		sums := got[key]
		sums.add(r)
		got[key] = sums
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check(b, got)
	if len(got) != len(b.Endpoints) {
		t.Errorf("%s: there are requests of %d endpoints, the answer has %d", c.Path(), len(got), len(b.Endpoints))
	}
	probed := 0
	for i := range b.Endpoints {
		probed += len(b.Endpoints[i].Detail.Probed)
	}
	if views != probed {
		t.Errorf("%s: %d requests have a client's view, the answer has %d", c.Path(), views, probed)
	}
	return b
}

func (s *totals) add(r *breakdown.Listed) {
	if r.Request.Incomplete {
		s.incomplete++
		s.cut += r.Request.Wall()
		return
	}
	s.requests++
	if r.Inferred {
		s.inferred++
	}
	s.wall += r.Request.Wall()
	for i := range r.Request.Path {
		p := &r.Request.Path[i]
		s.buckets[p.Bucket] += p.End - p.Start
	}
}

func sumsOf(e *breakdown.Endpoint) totals {
	s := totals{requests: e.Requests, inferred: e.Inferred, incomplete: e.Incomplete, wall: e.Wall.Total, cut: e.IncompleteTime}
	for _, t := range e.Buckets {
		s.buckets[t.Bucket] = t.Total
	}
	return s
}

// Listing twice gives the same requests in the same order, and an error of the receiver
// ends it.
func TestListingIsTheSameEveryTime(t *testing.T) {
	c := bare(t, tracetest.Unzipped(t, services+"go1.26.trace.gz"))
	l, _, err := analyze.NewListing(t.Context(), []*capture.Capture{c}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var lists [2][]breakdown.Listed
	for i := range lists {
		if err := l.Each(t.Context(), func(r *breakdown.Listed) error {
			at := *r
			at.Request = nil
			lists[i] = append(lists[i], at)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(lists[0]) < 2 || !slices.Equal(lists[0], lists[1]) {
		t.Errorf("listing gives %d requests, and then %d or others", len(lists[0]), len(lists[1]))
	}
	full, calls := errors.New("full"), 0
	err = l.Each(t.Context(), func(*breakdown.Listed) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("after an error listing went on for %d requests: %v", calls, err)
	}
}
