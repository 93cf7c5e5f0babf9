package analyze_test

import (
	"bytes"
	"path/filepath"
	"runtime"
	"testing"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
	"timesink/report"
)

// answerOn returns the JSON report about captures, analyzed on that many cores.
func answerOn(t *testing.T, cores int, files ...string) []byte {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	var captures []*capture.Capture
	for _, file := range files {
		captures = append(captures, openedFile(t, file))
	}
	var out bytes.Buffer
	if err := report.JSON(&out, analyzed(t, captures...)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Each trace in the repository gives the same bytes on any number of cores, and so do
// all of them as instances of one service.
func TestTheAnswerIsTheSameOnAnyNumberOfCores(t *testing.T) {
	files, err := filepath.Glob("trace/testdata/*.trace.gz")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no traces: ", err)
	}
	sets := [][]string{files}
	for _, file := range files {
		sets = append(sets, []string{file})
	}
	counts := []int{2, 8}
	if tracetest.Long {
		counts = []int{2, 3, 4, 8}
	}
	for _, set := range sets {
		one := answerOn(t, 1, set...)
		for _, cores := range counts {
			if other := answerOn(t, cores, set...); !bytes.Equal(one, other) {
				t.Errorf("%s: the answer on %d cores differs from that on one:\n%s\n%s", set, cores, other, one)
			}
		}
	}
}
