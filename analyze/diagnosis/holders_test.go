package diagnosis_test

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// Who has the processors is found if requests suffer from it, and only then.
func TestHoldersOfTheProcessors(t *testing.T) {
	rebuild := breakdown.Job{Frame: breakdown.Frame{Function: "main.rebuild", Line: 9}, Samples: 180, Crowded: 170, Busy: 600 * ms, Times: 4}
	queued := map[breakdown.Bucket]int64{breakdown.Scheduler: 10 * ms, breakdown.Upstream: 14 * ms}
	answer := breakdown.PhaseTime{Phase: breakdown.ResponseWait, Mean: 14 * ms}
	var late [breakdown.NumBuckets]int64
	late[breakdown.Upstream] = 10 * ms
	for _, c := range []struct {
		name  string
		spent map[breakdown.Bucket]int64
		late  [breakdown.NumBuckets]int64
		held  breakdown.Processors
		want  []string
	}{
		{"a background job has them", queued, late, breakdown.Processors{All: breakdown.Hits{Total: 200, Jobs: 180, Requests: 10}, Crowded: breakdown.Hits{Total: 180, Jobs: 170}, Jobs: []breakdown.Job{rebuild}},
			[]string{"processors-held", "other-side"}},
		{"the collector has them", queued, late, breakdown.Processors{All: breakdown.Hits{Total: 200, Collector: 160, Requests: 40}, Crowded: breakdown.Hits{Total: 180, Collector: 160, Requests: 20}},
			[]string{"gc-pressure", "other-side"}},
		{"the requests themselves have them", queued, late, breakdown.Processors{All: breakdown.Hits{Total: 200, Requests: 190, Collector: 10}, Crowded: breakdown.Hits{Total: 180, Requests: 170, Collector: 10}},
			[]string{"no-processor", "other-side"}},
		{"a background job on a core that no one needs", map[breakdown.Bucket]int64{breakdown.Upstream: 24 * ms}, [breakdown.NumBuckets]int64{},
			breakdown.Processors{All: breakdown.Hits{Total: 400, Jobs: 390, Requests: 10}, Jobs: []breakdown.Job{rebuild}}, []string{"other-side"}},
		{"a collector that works beside the requests", map[breakdown.Bucket]int64{breakdown.Upstream: 24 * ms, breakdown.GC: ms / 10}, [breakdown.NumBuckets]int64{},
			breakdown.Processors{All: breakdown.Hits{Total: 400, Collector: 20, Requests: 380}}, []string{"other-side"}},
		{"few samples", queued, late, breakdown.Processors{All: breakdown.Hits{Total: 9, Jobs: 9}, Crowded: breakdown.Hits{Total: 9, Jobs: 9}, Jobs: []breakdown.Job{rebuild}}, []string{"no-processor", "other-side"}},
	} {
		e := endpoint("main.get", c.spent, answer)
		for i := range e.Buckets {
			if t := &e.Buckets[i]; t.Bucket == breakdown.Upstream {
				t.Phases = []breakdown.PhaseTime{{Phase: breakdown.ResponseWait, Mean: t.Mean, Total: t.Total}}
			}
		}
		causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Processors: &c.held, Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{{Late: c.late}}})
		if got := ids(causes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
		for _, x := range causes {
			if x.ID == "other-side" && c.late[breakdown.Upstream] > 0 && x.Explains > 6*ms {
				t.Errorf("%s: the other side is blamed for %d ns", c.name, x.Explains)
			}
		}
	}
}

// An endpoint that leaves the others no processor is named.
func TestAnotherEndpointHoldsTheProcessors(t *testing.T) {
	light := endpoint("main.light", map[breakdown.Bucket]int64{breakdown.Scheduler: 10 * ms, breakdown.CPU: ms / 10})
	heavy := endpoint("main.export", map[breakdown.Bucket]int64{breakdown.Scheduler: ms, breakdown.CPU: 80 * ms})
	in := &diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{heavy, light},
		Processors: &breakdown.Processors{All: breakdown.Hits{Total: 400, Requests: 390}, Crowded: breakdown.Hits{Total: 390, Requests: 380}}},
		Evidence: []diagnosis.Evidence{sampled(380, at("main.export", "", 0, 380)), sampled(10, at("main.light", "", 0, 10))}}
	causes, _ := diagnosis.Diagnose(in)
	i := slices.IndexFunc(causes, func(x breakdown.Explanation) bool { return x.ID == "processors-held" })
	if i < 0 || !slices.Equal(causes[i].Endpoints, []string{"main.light"}) || causes[i].Facts.Name(breakdown.FactEndpointCPU) != "main.export" {
		t.Errorf("%+v", causes)
	}
	// Requests without a name may be main.export's own.
	in.Endpoints[1].Name = breakdown.Unnamed
	if causes, _ := diagnosis.Diagnose(in); slices.Contains(ids(causes), "processors-held") {
		t.Errorf("%+v", causes)
	}
}

// What requests do to the whole process themselves is not the collector's pressure.
func TestRequestsThatStopTheWorld(t *testing.T) {
	collecting := &breakdown.Processors{All: breakdown.Hits{Total: 100, Collector: 97}, Crowded: breakdown.Hits{Total: 100, Collector: 97}}
	measuring := &breakdown.Processors{All: breakdown.Hits{Total: 100, Collector: 2, Requests: 98}, Crowded: breakdown.Hits{Total: 100, Collector: 2, Requests: 98}}
	site := breakdown.Frame{Function: "main.tidy", File: "main.go", Line: 9}
	for _, c := range []struct {
		name       string
		processors *breakdown.Processors
		evidence   diagnosis.Evidence
		want       []string
	}{
		{"a collection for each request", collecting, diagnosis.Evidence{Stops: &diagnosis.Stop{Site: site, Called: "runtime.GC", Time: 18 * ms}}, []string{"stops-the-world"}},
		{"statistics for each request", measuring, sampled(100, at("main.gauge", "runtime.ReadMemStats", breakdown.StoppingTheWorld, 90), at("main.get", "", 0, 10)), []string{"stops-the-world"}},
		{"neither", collecting, diagnosis.Evidence{}, []string{"gc-pressure"}},
	} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.GC: 18 * ms, breakdown.CPU: 4 * ms})
		e.Requests = 100
		b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}, Processors: c.processors}
		causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: b, Evidence: []diagnosis.Evidence{c.evidence}})
		if got := ids(causes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Others that stop the world are named, not the other side whose answers come meanwhile.
func TestOthersThatStopTheWorld(t *testing.T) {
	site := breakdown.Frame{Function: "main.dump", File: "main.go", Line: 9}
	late := [breakdown.NumBuckets]int64{breakdown.Upstream: 15 * ms}
	for _, c := range []struct {
		name    string
		stopped int64
		want    []string
	}{
		{"for half of the window", 500 * ms, []string{"stops-the-world", "other-side"}},
		{"for next to nothing of it", 10 * ms, []string{"other-side"}},
	} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.Upstream: 20 * ms, breakdown.GC: 2 * ms})
		b := &breakdown.Breakdown{Source: breakdown.Source{Covered: 1000 * ms}, Endpoints: []breakdown.Endpoint{e}}
		causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: b, Evidence: []diagnosis.Evidence{{Late: late}}, Stopper: &diagnosis.Stop{Site: site, Called: "runtime.Stack", Time: c.stopped}})
		if got := ids(causes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
