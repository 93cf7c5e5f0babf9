package report_test

import (
	"bytes"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// said returns the warning with these facts in words.
func said(code string, d breakdown.Doubt) string {
	b := &breakdown.Breakdown{Warnings: []breakdown.Warning{{Code: code, Facts: &d}}}
	return report.Worded(b).Warnings[0].Message
}

// For a trace of Go 1.21 or older, the warning says how much file time is an estimate,
// and how much cpu may be file time.
func TestOldTracesWarnOfEstimatedFileTime(t *testing.T) {
	for _, c := range []struct {
		d    breakdown.Doubt
		want string
	}{
		{breakdown.Doubt{}, "is expensive"},
		{breakdown.Doubt{InCalls: 2e6}, "is expensive; of the requests' time in files, 2.00 ms is an estimate: the time from one call to the next in one function"},
		{breakdown.Doubt{InCalls: 2e6, AfterCalls: 5e6}, "in one function; of their cpu, up to 5.00 ms followed a call and may be time in files too"},
		{breakdown.Doubt{AfterCalls: 5e6}, "is expensive; of the requests' cpu, up to 5.00 ms followed a call to a file and may be time in files"},
	} {
		if text := said("old-go", c.d); !strings.HasSuffix(text, c.want) {
			t.Errorf("%d and %d ns: %q does not end in %q", c.d.InCalls, c.d.AfterCalls, text, c.want)
		}
	}
}

func TestWarningsUseSingularAndPlural(t *testing.T) {
	for _, c := range []struct {
		code string
		d    breakdown.Doubt
		want string
	}{
		{"few-requests", breakdown.Doubt{Endpoint: "GET /", Count: 1}, "GET /: 1 complete request, too few"},
		{"calls-uncounted", breakdown.Doubt{Count: 1, Memory: 64e6}, "1 request made more calls than can be kept: the rest are not counted (--memory above 64 MB keeps more)"},
		{"calls-uncounted", breakdown.Doubt{Count: 20313, Memory: 64e6}, "20,313 requests made more calls"},
		{"goroutines-unfollowed", breakdown.Doubt{Count: 7, Requests: 1}, "and 1 request was cut by that"},
		{"generations-repeated", breakdown.Doubt{Count: 1, Generations: []breakdown.GenerationRun{{First: 4, Last: 4}}}, "generation 4 is in the trace more than once and was counted once"},
		{"generations-missing", breakdown.Doubt{Count: 5, Covered: 1e9, Asked: 2e9, Generations: []breakdown.GenerationRun{{First: 4, Last: 4}, {First: 6, Last: 9}}},
			"generations 4 and 6 to 9 are missing from the trace: 1.00 s of 2.00 s are covered, and requests that cross a gap count as cut"},
	} {
		if text := said(c.code, c.d); !strings.Contains(text, c.want) {
			t.Errorf("%s: %q does not say %q", c.code, text, c.want)
		}
	}
}

// Findings and warnings without facts, read from JSON or from a capture, keep their
// words. So do those that this version has no words for.
func TestWordsWithoutFactsStay(t *testing.T) {
	b := &breakdown.Breakdown{
		Findings: []breakdown.Finding{{ID: "no-processor", Title: "as it was", Evidence: []string{"seen"}, Try: "this"}, {ID: "of-tomorrow", Title: "new", Facts: breakdown.Facts{}}},
		Warnings: []breakdown.Warning{{Code: "no-requests", Message: "as it was"}, {Code: "of-tomorrow", Message: "new", Facts: &breakdown.Doubt{}}},
	}
	w := report.Worded(b)
	for i, want := range []string{"as it was", "new"} {
		if w.Findings[i].Title != want || w.Warnings[i].Message != want {
			t.Errorf("%+v and %+v are not %q", w.Findings[i], w.Warnings[i], want)
		}
	}
}

// Facts are masked before they are put into words.
func TestFactsAreRedacted(t *testing.T) {
	secret := breakdown.Frame{Function: "main.secret", File: "/home/secret/secret.go", Line: 3}
	b := &breakdown.Breakdown{
		Findings: []breakdown.Finding{{ID: "lock-held-across-call", Facts: breakdown.Facts{
			{Kind: breakdown.FactSite, Place: breakdown.Place(secret)}, {Kind: breakdown.FactHolder, Place: breakdown.Place(secret)}, {Kind: breakdown.FactHolderDoing, Place: breakdown.Place(secret), Name: "db"}}}},
		Warnings: []breakdown.Warning{{Code: "unknown-library", Facts: &breakdown.Doubt{Endpoint: "/secret", Unruled: &breakdown.Unruled{Stack: []breakdown.Frame{secret}, Rule: "main.secret"}}}},
	}
	masked, _ := report.Redacted(b, nil, func(text string) string { return strings.ReplaceAll(text, "secret", "***") })
	var out bytes.Buffer
	if err := report.JSON(&out, masked); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "secret") || !strings.Contains(text, "held by main.*** (***.go:3), busy in a database call") {
		t.Errorf("the JSON is %s", text)
	}
}

func TestDiagnosisText(t *testing.T) {
	d := &report.Diagnosis{
		Target: "http://127.0.0.1:6060\x1b[31m", GoVersion: "go1.22.1", GOMAXPROCS: 4, Goroutines: 12, Asked: 10e9, Longest: 4e9,
		Endpoints: []report.DiagnosedEndpoint{{Name: "index", OK: true, Took: 1.26e6, Note: "go1.22.1"},
			{Name: "goroutine", Note: "not asked for: with 20000 goroutines it would stop the service for a while"}},
		Advice: []report.Advice{{What: "the mutex profile is off: the trace tells who held a lock in the window, the profile would tell of all time since the start", Code: "a()\n\tb()"}},
	}
	var out bytes.Buffer
	if err := report.DiagnosisText(&out, d, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := `http://127.0.0.1:6060\x1b[31m   go1.22.1   GOMAXPROCS 4   12 goroutines

  index      ok     1.3 ms  go1.22.1
  goroutine  no             not asked for: with 20000 goroutines it would stop
                            the service for a while

What would improve the answer
  1. the mutex profile is off: the trace tells who held a lock in the window,
     the profile would tell of all time since the start
         a()
          b()

Ready: timesink run http://127.0.0.1:6060\x1b[31m can observe 4.0 s, not 10.0 s:
the server's write timeout is shorter.
`; out.String() != want {
		t.Errorf("the page is\n%s\nnot\n%s", out.String(), want)
	}
	d.Fails, d.Endpoints, d.Advice = true, nil, nil
	out.Reset()
	if err := report.DiagnosisText(&out, d, report.TextOptions{}); err != nil || !strings.HasSuffix(out.String(), "\n\nNot ready: timesink run http://127.0.0.1:6060\\x1b[31m would fail.\n") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}
