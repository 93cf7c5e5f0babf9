package report_test

import (
	"bytes"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// fleetOf returns an answer about five instances, of which the fourth dials its database
// for 212 ms.
func fleetOf() *breakdown.Breakdown {
	b := sequential()
	e := &b.Endpoints[0]
	b.Spread = &breakdown.Spread{Alpha: 0.01, Tests: 25, Least: 0.05, Groups: []breakdown.Group{}, Endpoints: []breakdown.EndpointSpread{{Name: e.Name, Route: e.Route,
		Wall: breakdown.Range{Least: 39e6, Median: 39e6, Most: 251e6, Between: 1e6, Noise: 4e5}, Buckets: []breakdown.BucketRange{}}}}
	for i := range 5 {
		b.Instances = append(b.Instances, breakdown.Instance{Name: "pod-" + string(rune('4'+i)) + ".shop.internal:6060", Labels: []breakdown.Label{{Name: "zone", Value: "a"}}})
		b.Spread.Endpoints[0].Parts = append(b.Spread.Endpoints[0].Parts, breakdown.InstancePart{Instance: i, Requests: 100, Wall: 39e8})
	}
	b.Odd = []breakdown.Odd{{Instance: 3, Name: b.Instances[3].Name, Endpoint: e.Name, Route: e.Route, P: 0.0001,
		Differs: []breakdown.Distinction{{What: "go", Value: "go1.22.3", Others: "go1.26.8"}},
		Difference: breakdown.Difference{Requests: 100, Mean: 251e6, Others: 39e6, Delta: 212e6, Buckets: []breakdown.BucketDifference{{Bucket: breakdown.DB, Mean: 212e6, Others: 1e5, Delta: 2119e5, Odd: true,
			Phases: []breakdown.PhaseDifference{{Phase: breakdown.Connect, Mean: 212e6, Others: 1e5, Delta: 2119e5}},
			Sites:  []breakdown.SiteChange{}, Parts: []breakdown.PartChange{{Part: "making connections", Delta: 2119e5}}}}}}}
	return b
}

func TestOddInstancesAreNamedInEveryFormat(t *testing.T) {
	const want = "pod-7.shop.internal:6060   +212.0 ms (251 ms, the others 39.0 ms), all in database connect: 212.0 ms, the others 0.1 ms (making connections); it alone runs go1.22.3, the others go1.26.8"
	var out bytes.Buffer
	if err := report.Text(&out, fleetOf(), report.TextOptions{Width: 140, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, "odd: "+strings.Join(strings.Fields(want), " ")) || !strings.Contains(text, "differs from the other 4 instances: +212.0 ms") {
		t.Error(out.String())
	}
	out.Reset()
	if err := report.Markdown(&out, fleetOf(), report.MarkdownOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"### 5 instances", "**odd**: ", "all in database connect"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
	out.Reset()
	if err := report.HTML(&out, fleetOf(), nil, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<h2>5 instances</h2>", "<b>odd</b> pod-7.shop.internal:6060", "zone=a", "by chance is at most 1.0%"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in the page", part)
		}
	}
}

// Instances whose names are masked are still told apart.
func TestMaskedInstancesStayApart(t *testing.T) {
	b, _ := report.Redacted(fleetOf(), nil, func(s string) string {
		if strings.Contains(s, ".internal") {
			return "[host]:6060"
		}
		return s
	})
	if b.Instances[0].Name != "[host]:6060 (1)" || b.Odd[0].Name != "[host]:6060 (4)" {
		t.Errorf("%q, %q", b.Instances[0].Name, b.Odd[0].Name)
	}
}
