package report_test

import (
	"fmt"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// A screen shows a few warnings and says how many more there are.
func TestManyWarningsAreSummedUp(t *testing.T) {
	b := of(source(), endpoint("main.get", 3, part{bucket: breakdown.DB, mean: ms}))
	for i := range 30 {
		b.Warnings = append(b.Warnings, breakdown.Warning{Code: "any", Message: fmt.Sprintf("doubt %d", i)})
	}
	page := text(t, b, report.TextOptions{})
	if n := strings.Count(page, "warning: doubt"); n == 0 || n > 10 || !strings.Contains(page, fmt.Sprintf("%d more warnings", 30-n)) {
		t.Errorf("%d warnings are shown:\n%s", n, page)
	}
	if n := strings.Count(text(t, b, report.TextOptions{Verbose: true}), "warning: doubt"); n != 30 {
		t.Errorf("verbose, %d warnings are shown", n)
	}
}
