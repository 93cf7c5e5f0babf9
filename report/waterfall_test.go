package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"timesink/analyze/breakdown"
	"timesink/report"
)

func requestText(t *testing.T, c aCase, sp *breakdown.Specimen, o report.TextOptions) string {
	t.Helper()
	return string(twice(t, c.name, func(buf *bytes.Buffer) error { return report.RequestText(buf, c.b, sp, o) }))
}

func requestDocument(t *testing.T, c aCase, sp *breakdown.Specimen) (doc report.RequestDocument, text []byte) {
	t.Helper()
	text = twice(t, c.name, func(buf *bytes.Buffer) error { return report.RequestJSON(buf, c.b, sp) })
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc, text
}

func TestARequestAsTextAndJSON(t *testing.T) {
	c := checkout()
	golden(t, "checkout.request.txt", []byte(requestText(t, c, &c.specimens[0], report.TextOptions{})))
	_, text := requestDocument(t, c, &c.specimens[0])
	golden(t, "checkout.request.json", text)
	b, specimens := drawable(40, 60)
	golden(t, "folded.request.txt", []byte(requestText(t, aCase{"folded", b, specimens}, &specimens[7], report.TextOptions{})))
	golden(t, "pooled.request.txt", []byte(requestText(t, queries(), &queries().specimens[0], report.TextOptions{Width: 120})))
}

// queries returns a request that waits for the pool and then asks the same 26 times,
// while other calls run beside it.
func queries() aCase {
	ask := &breakdown.Cause{State: "waiting", Reason: "network", System: "postgres", Site: breakdown.Frame{Function: "example.com/shop/store.(*Store).Item", File: "/src/shop/store/item.go", Line: 31}}
	run := &breakdown.Cause{State: "running"}
	r := breakdown.Request{Goroutine: 7, Endpoint: "main.(*API).List", Kind: "http/1", Start: s, End: s}
	step := func(b breakdown.Bucket, p breakdown.Phase, c *breakdown.Cause, ns int64) {
		r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + ns, Goroutine: 7, Bucket: b, Phase: p, Cause: c})
		r.End += ns
	}
	step(breakdown.CPU, breakdown.NoPhase, run, ms)
	step(breakdown.DB, breakdown.PoolWait, ask, 40*ms)
	for i := range int64(26) {
		r.Calls = append(r.Calls, breakdown.Call{Start: r.End, End: r.End + 4*ms, Goroutine: 7, Bucket: breakdown.DB, System: "postgres", Site: ask.Site, OnPath: 4 * ms})
		step(breakdown.DB, breakdown.Query, ask, 4*ms+i*10*us)
		step(breakdown.CPU, breakdown.NoPhase, run, 100*us+i*us)
	}
	for i := range int64(9) {
		r.Calls = append(r.Calls, breakdown.Call{Start: r.Start + i*ms, End: r.Start + 30*ms + i*ms, Goroutine: 20 + i, Bucket: breakdown.Upstream, System: "http", Site: breakdown.Frame{Function: fmt.Sprintf("main.(*API).audit%d", i), File: "/src/shop/audit.go", Line: int(10 + i)}})
	}
	sp := breakdown.Specimen{ID: breakdown.RequestID{Goroutine: 7, Start: s}, Request: r}
	f := folded{e: breakdown.Endpoint{Name: r.Endpoint, Kind: r.Kind}}
	f.add(&sp)
	return aCase{"queries", &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{f.endpoint()}}, []breakdown.Specimen{sp}}
}

// Any request, with any names, fits the screen and is complete in JSON.
func TestRequestsFitTheScreen(t *testing.T) {
	schema := compiled(t, strict(schemaOf(t, breakdown.RequestSchema)))
	long, specimens := drawable(20, 400)
	for _, c := range append(cases(t), checkout(), queries(), aCase{"drawable", long, specimens[:2]}) {
		for i := range c.specimens {
			sp := &c.specimens[i]
			checkRequestText(t, c, sp)
			doc, text := requestDocument(t, c, sp)
			validate(t, schema, c.name, text)
			at := int64(0)
			for _, step := range doc.Path {
				if step.Start != at {
					t.Fatalf("%s: a step starts at %d, where the path had come to %d", c.name, step.Start, at)
				}
				at = step.End
			}
			sum := int64(0)
			for _, b := range doc.Buckets {
				sum += b.Time
			}
			if at != doc.Wall || sum != doc.Wall || doc.Wall != sp.Request.Wall() || doc.ID != sp.ID || len(doc.Calls) != len(sp.Request.Calls) {
				t.Errorf("%s: %d ns of steps, %d of buckets, %d of wall time", c.name, at, sum, doc.Wall)
			}
		}
	}
}

func checkRequestText(t *testing.T, c aCase, sp *breakdown.Specimen) {
	t.Helper()
	for _, columns := range []int{80, 120} {
		page := requestText(t, c, sp, report.TextOptions{Width: columns})
		lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
		if len(lines) > 24 && len(nastyNames(c)) == 0 || len(lines) > 40 {
			t.Errorf("%s has %d lines:\n%s", c.name, len(lines), page)
		}
		if !strings.Contains(page, sp.ID.String()) {
			t.Errorf("%s does not hold %s", c.name, sp.ID)
		}
		for _, l := range append(lines, strings.Split(strings.TrimSuffix(requestText(t, c, sp, report.TextOptions{Width: columns, Verbose: true}), "\n"), "\n")...) {
			if got := twwidth.WidthWithOptions(l, twwidth.Options{}); got > columns || !safe(l) {
				t.Errorf("%s on %d columns has a line of %d: %q", c.name, columns, got, l)
			}
		}
	}
}

// nastyNames returns the endpoints whose names take several lines.
func nastyNames(c aCase) (list []string) {
	for _, e := range c.b.Endpoints {
		if len(e.Name)+len(e.Route) > 60 || !safe(e.Name) || !safe(e.Route) {
			list = append(list, e.Name)
		}
	}
	return list
}

// Verbose shows every step that differs from its neighbors.
func TestAVerboseRequestFoldsNothing(t *testing.T) {
	c := queries()
	page := requestText(t, c, &c.specimens[0], report.TextOptions{Verbose: true})
	if n := strings.Count(page, "  db query "); n != 26 {
		t.Errorf("%d queries of 26:\n%s", n, page)
	}
	if short := requestText(t, c, &c.specimens[0], report.TextOptions{}); !strings.Contains(short, "×26") || !strings.Contains(short, "short steps") {
		t.Errorf("folded, it is\n%s", short)
	}
}

func TestRequestsReturnWriteErrors(t *testing.T) {
	c := checkout()
	checkWriteErrors(t, func(w brokenWriter) error { return report.RequestText(w, c.b, &c.specimens[0], report.TextOptions{}) })
	checkWriteErrors(t, func(w brokenWriter) error { return report.RequestJSON(w, c.b, &c.specimens[0]) })
}
