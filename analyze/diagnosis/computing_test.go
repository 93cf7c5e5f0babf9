package diagnosis_test

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// sampled returns evidence of samples at one place, of a number of all.
func sampled(of int64, sites ...breakdown.CPUSite) diagnosis.Evidence {
	for i := range sites {
		sites[i].OfSamples = of
	}
	return diagnosis.Evidence{Computing: sites}
}

func at(function, called string, a breakdown.Activity, samples int64) breakdown.CPUSite {
	return breakdown.CPUSite{Frame: breakdown.Frame{Function: function, File: "main.go", Line: 16}, Called: called, Activity: a, Samples: samples}
}

func TestWhatIsComputedIsACause(t *testing.T) {
	busy := map[breakdown.Bucket]int64{breakdown.CPU: 9 * ms, breakdown.ClientIO: ms}
	waits := map[breakdown.Bucket]int64{breakdown.CPU: ms, breakdown.DB: 40 * ms}
	for _, c := range []struct {
		name  string
		spent map[breakdown.Bucket]int64
		of    diagnosis.Evidence
		want  []string
	}{
		{"patterns are compiled", busy, sampled(100, at("main.mask", "regexp.MustCompile", breakdown.CompilingPatterns, 80), at("main.mask", "regexp.(*Regexp).ReplaceAllString", breakdown.Matching, 20)),
			[]string{"compiles-per-request"}},
		{"values are encoded, and something is computed", busy, sampled(100, at("main.list", "encoding/json.Marshal", breakdown.Serializing, 40), at("main.score", "", breakdown.NoActivity, 60)),
			[]string{"cpu-own-code", "serialization"}},
		{"too few samples", busy, sampled(9, at("main.mask", "regexp.MustCompile", breakdown.CompilingPatterns, 9)), nil},
		{"a part that may be chance", busy, sampled(40, at("main.list", "encoding/json.Marshal", breakdown.Serializing, 5), at("main.a", "", 0, 7), at("main.b", "", 0, 7), at("main.c", "", 0, 7), at("main.d", "", 0, 7), at("main.e", "", 0, 7)), nil},
		{"a little JSON next to a slow database", waits, sampled(100, at("main.list", "encoding/json.Marshal", breakdown.Serializing, 100)), []string{"other-side"}},
		{"a little logging", busy, sampled(200, at("main.audit", "log/slog.(*Logger).Info", breakdown.Logging, 4), at("main.score", "", 0, 196)), []string{"cpu-own-code"}},
		{"the server's own work", busy, sampled(100, breakdown.CPUSite{Frame: breakdown.Frame{Function: "net/http.(*conn).serve"}, Outside: true, Samples: 100}), nil},
	} {
		e := endpoint("main.get", c.spent)
		causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{c.of}})
		if got := ids(causes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestACauseNamesWhatIsCalledWhere(t *testing.T) {
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.CPU: 10 * ms})
	of := sampled(200, at("main.mask", "regexp.MustCompile", breakdown.CompilingPatterns, 150), at("main.other", "regexp.MatchString", breakdown.CompilingPatterns, 20), at("main.mask", "", 0, 30))
	causes, conclusion := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{of}})
	if len(causes) != 1 || conclusion.Cause != "compiles-per-request" {
		t.Fatalf("%+v, %+v", causes, conclusion)
	}
	x := causes[0]
	if f := x.Facts; f.Frame(breakdown.FactSite).Function != "main.mask" || f.Frame(breakdown.FactCalled).Function != "regexp.MustCompile" ||
		f.Number(breakdown.FactSamples) != 170 || f.Number(breakdown.FactOfSamples) != 200 || x.Explains != 8500*ms/1000 {
		t.Errorf("%+v", x)
	}
}

func TestTimeInCHasItsCause(t *testing.T) {
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.CPU: 5 * ms, breakdown.Unknown: 15 * ms}, breakdown.PhaseTime{Phase: breakdown.CCall, Mean: 15 * ms})
	of := diagnosis.Evidence{C: []diagnosis.CCall{{Site: breakdown.Frame{Function: "main.query", Line: 22}, Function: "main._Cfunc_lib_wait", Waiting: 15 * ms}}}
	causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{of}})
	if got := ids(causes); !slices.Equal(got, []string{"c-call"}) || causes[0].Explains != 15*ms || causes[0].Confidence != breakdown.Certain {
		t.Errorf("%+v", causes)
	}
}
