package analyze

import (
	"strings"
	"testing"
	"time"

	"timesink/analyze/timeline"
)

// A trace of Go before 1.22 says how much of the time in files is an estimate, and
// how much cpu may be.
func TestOldTracesSayWhatFilesMayBe(t *testing.T) {
	for _, test := range []struct {
		sum  timeline.Summary
		want string
	}{
		{timeline.Summary{}, "is expensive"},
		{timeline.Summary{InCalls: 2e6}, "is expensive; of the requests' time in files 2.00 ms is an estimate, the time from one call to the next in one function"},
		{timeline.Summary{InCalls: 2e6, AfterCalls: 5e6}, "in one function; of their cpu up to 5.00 ms, which followed a call, may be time in files too"},
		{timeline.Summary{AfterCalls: 5e6}, "is expensive; of the requests' cpu up to 5.00 ms, which followed a call to a file, may be time in files"},
	} {
		var w warnings
		w.oldGo(&test.sum)
		if len(w.list) != 1 || w.list[0].Code != "old-go" || !strings.HasSuffix(w.list[0].Message, test.want) {
			t.Errorf("%d and %d ns: %+v does not end in %q", test.sum.InCalls, test.sum.AfterCalls, w.list, test.want)
		}
	}
}

// What ran after a call to a file, in a trace that does not tell when that ended, is
// not taken for time without a core.
func TestTimeAfterACallIsNotThrottled(t *testing.T) {
	sum := timeline.Summary{Running: int64(4 * time.Second), Samples: 300, SamplesRunning: 210}
	for after, want := range map[time.Duration]int{0: 1, 1800 * time.Millisecond: 0} {
		var w warnings
		sum.AfterCalls = int64(after)
		w.offCPU(&sum)
		if len(w.list) != want {
			t.Errorf("%v after calls: %+v", after, w.list)
		}
	}
}
