package collect_test

import (
	"net/http"
	"strings"
	"testing"

	"timesink/collect"
)

func TestDoctorSaysWhatARunWithoutATraceWouldBe(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		service               http.Handler
		samples, used, probed bool
		refused               string
	}{
		{"all is served", newMux(), true, false, true, ""},
		{"the trace is missing", without("trace"), true, true, true, ""},
		{"trace and goroutines are missing", without("trace", "goroutine"), false, true, true, "not served"},
		{"nothing is served", http.HandlerFunc(bare), false, true, true, "not served"},
		{"the port is guarded", http.HandlerFunc(answers(401, "")), false, true, false, "other pages"},
	} {
		d, err := collect.Doctor(t.Context(), short(t, serve(t, tt.service)))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		f := d.Fallback
		if f.Samples != tt.samples || f.Used != tt.used || f.Probed != tt.probed || !strings.Contains(f.Refused, tt.refused) || (f.Refused == "") != tt.samples {
			// A machine that is too busy makes a list of goroutines too dear for so short a window.
			if !tt.samples || !strings.Contains(f.Refused, "are the least") {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		if f.Samples && (f.Snapshots < 1 || f.SnapshotCost <= 0 || f.Cost <= 0 || f.Cost > 1.01*collect.DefaultSampleBudget) {
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}
