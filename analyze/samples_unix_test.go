//go:build unix

package analyze_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// cpuTime returns the CPU time of this process so far.
func cpuTime(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestSamplesShowWhereCPUTimeIsSpent(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(burning))
	requests := int64(0)
	data := record(t, func() {
		if err := pprof.StartCPUProfile(io.Discard); err != nil {
			t.Fatal(err)
		}
		defer pprof.StopCPUProfile()
		// A request burns for a fixed time: when other processes use the cores too,
		// more requests are needed for enough samples.
		for from := cpuTime(t); cpuTime(t)-from < 400*ms; requests++ {
			ask(t, s.Client(), s.URL, 1, 1)
		}
		s.Close()
	})
	e := endpoint(t, analyzed(t, bare(t, data)), "analyze_test.burning")
	processor := e.Buckets[breakdown.CPU].Total + e.Buckets[breakdown.Scheduler].Total + e.Buckets[breakdown.GC].Total
	if e.Requests != requests || processor < requests*int64(20*ms) {
		t.Errorf("%d requests, %d ns of CPU time", e.Requests, processor)
	}
	samples, inSpin := int64(0), int64(0)
	for _, f := range e.CPU {
		samples += f.Samples
		// A busy machine interrupts the loop often, which adds a frame above it.
		if strings.HasSuffix(f.Function, "analyze_test.spin") || f.Function == "runtime.asyncPreempt" {
			inSpin += f.Samples
		}
		if f.Self != f.Samples*int64(10*ms) {
			t.Errorf("%d samples of %s stand for %d ns", f.Samples, f.Function, f.Self)
		}
	}
	if samples < 10 || 2*inSpin < samples {
		t.Errorf("%d of %d samples are in spin: %+v", inSpin, samples, e.CPU)
	}
}
