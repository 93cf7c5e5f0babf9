package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"timesink/analyze/breakdown"
	"timesink/report"
)

func columns(line string) int {
	return twwidth.WidthWithOptions(strings.TrimSuffix(line, "\n"), twwidth.Options{})
}

// fits checks that no line of a page is wider than limit.
func fits(t *testing.T, name, page string, limit int) {
	t.Helper()
	for line := range strings.Lines(page) {
		if got := columns(line); got > limit {
			t.Errorf("%s: a line of %d columns on a page of %d: %s", name, got, limit, line)
		}
	}
}

// between returns the lines of a page after the one that contains from, up to the one
// that contains to.
func between(t *testing.T, page, from, to string) (lines []string) {
	t.Helper()
	within := false
	for line := range strings.Lines(page) {
		switch {
		case within && strings.Contains(line, to):
			return lines
		case within:
			lines = append(lines, line)
		case strings.Contains(line, from):
			within = true
		}
	}
	t.Fatalf("%q and %q are not on the page:\n%s", from, to, page)
	return nil
}

// rootsNamed returns a breakdown without requests, whose goroutines began in functions
// of those names and worked for ns in those buckets.
func rootsNamed(names []string, goroutines, ns int64, in ...breakdown.Bucket) *breakdown.Breakdown {
	b := &breakdown.Breakdown{Source: breakdown.Source{GoVersion: "go1.26.8", Window: 5 * s, Covered: 5 * s}}
	for _, name := range names {
		var parts []part
		for i, bucket := range in {
			parts = append(parts, part{bucket: bucket, mean: ns / int64(i+1)})
		}
		e := endpoint(name, 1, parts...)
		b.Roots = append(b.Roots, breakdown.Root{Function: name, Goroutines: goroutines, Wall: e.Wall.Total, Buckets: e.Buckets})
	}
	return b
}

// A row with names from the service takes at most two lines, whatever the names.
func TestARowOfRootsTakesTwoLines(t *testing.T) {
	names := []string{"main.main", "example.com/shop/internal/ingestion/pipeline.(*PartitionedConsumerGroupCoordinator).rebalanceAndHeartbeatLoop.func1",
		"github.com/some-organization/some-library/v3/internal/transport.(*connectionPoolManager[...]).runBackgroundReconnects.gowrap2", "日本語/パッケージ.(*型).とても長いメソッドの名前です", "x.f"}
	for _, in := range [][]breakdown.Bucket{{breakdown.CPU}, {breakdown.DB, breakdown.CPU}, {breakdown.Upstream, breakdown.ClientIO}, {breakdown.Upstream, breakdown.Unknown}} {
		for _, goroutines := range []int64{1, 12_345, 1_234_567_890} {
			for _, limit := range []int{80, 100, 140} {
				name := fmt.Sprintf("%v, %d goroutines, %d columns", in, goroutines, limit)
				page := text(t, rootsNamed(names, goroutines, 4321*s, in...), report.TextOptions{Width: limit})
				fits(t, name, page, limit)
				if lines := between(t, page+"\n", "goroutines began in", "No request was seen"); len(lines)-1 > 2*len(names) {
					t.Errorf("%s: %d rows take %d lines:\n%s", name, len(names), len(lines)-1, strings.Join(lines, ""))
				}
			}
		}
	}
	golden(t, "roots-long.txt", []byte(text(t, rootsNamed(names, 12, 40*s, breakdown.Upstream, breakdown.ClientIO), report.TextOptions{})))
}

func FuzzNamesOnAPage(f *testing.F) {
	f.Add("main.main", "example.com/shop.(*Store).Load", "/src/store.go", 80, int64(1), int64(5e6), 1.0)
	f.Add(strings.Repeat("a/", 100)+"b.(*VeryLong).Method", strings.Repeat("日本", 60), `C:\x\`+strings.Repeat("f", 90)+".go", 97, int64(1e9), int64(9e14), 1234.5)
	f.Add("main.main", "main.f", "main.go", 80, int64(3), int64(999e9), 2.0)
	f.Add("\x1b[31m\u202e\x00", "a b c "+strings.Repeat("d ", 80), "", 140, int64(0), int64(1), 0.01)
	f.Fuzz(func(t *testing.T, name, other, file string, limit int, n, ns int64, perRequest float64) {
		limit = 80 + max(limit, -limit)%61
		n, ns = 1+(max(n, 0)%1e9), 1+max(ns, 0)%1e12
		if !(perRequest >= 0 && perRequest < 1e6) {
			perRequest = 1
		}
		page := text(t, rootsNamed([]string{"a." + name, "b." + other}, n, ns, breakdown.Upstream, breakdown.DB), report.TextOptions{Width: limit})
		fits(t, "roots", page, limit)
		if lines := between(t, page, "goroutines began in", "No request was seen"); len(lines)-1 > 2*2 {
			t.Errorf("two rows take %d lines:\n%s", len(lines)-1, page)
		}

		frame := func(function string, line int) breakdown.Frame {
			return breakdown.Frame{Function: function, File: file, Line: line}
		}
		var sites []breakdown.SiteTime
		var holders []breakdown.Holder
		for i, function := range []string{"a." + name, "b." + other, "c." + name} {
			sites = append(sites, breakdown.SiteTime{Frame: frame(function, i), Mean: ns / 3, CallsPerRequest: perRequest, Concurrency: 1})
			for _, doing := range []breakdown.Bucket{breakdown.DB, breakdown.Upstream, breakdown.Scheduler, breakdown.CPU} {
				holders = append(holders, breakdown.Holder{Frame: frame(function, i), Doing: doing, Total: ns / 12})
			}
		}
		e := endpoint("e."+name, 3, part{bucket: breakdown.Lock, mean: ns, sites: sites, holders: holders}, part{bucket: breakdown.CPU, mean: ns / 4})
		e.CPU = []breakdown.CPUFunction{{Frame: frame("d."+other, 1), Samples: 90}, {Frame: frame("f."+name, 2), Samples: 80}}
		b := of(source(), e)
		page = text(t, b, report.TextOptions{Width: limit})
		fits(t, "an endpoint", page, limit)
		// The bucket, three call sites, and two holders.
		if lines := between(t, "\n"+page, "  locks ", "  unknown "); ns > 1000 && len(lines) > 3*2+2*2+8 {
			t.Errorf("the call sites and the holders take %d lines:\n%s", len(lines), page)
		}
		fits(t, "an endpoint, verbose", text(t, b, report.TextOptions{Width: limit, Verbose: true}), limit)
		fits(t, "a growing answer", strings.Join(report.Live(&breakdown.Snapshot{Top: e, Endpoints: 1, Requests: 3}, report.TextOptions{Width: limit}), "\n"), limit)

		slower := endpoint("e."+name, 3, part{bucket: breakdown.Lock, mean: 3 * ns, sites: sites}, part{bucket: breakdown.CPU, mean: ns})
		var compared bytes.Buffer
		if err := report.CompareText(&compared, comparison(t, of(source(), e), of(source(), slower)), report.TextOptions{Width: limit}); err != nil {
			t.Fatal(err)
		}
		fits(t, "a comparison", compared.String(), limit)
	})
}

// An endpoint with only an instant of a cut request in the window is left out.
func TestEndpointsWithoutTimeAreNotNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		cut   int64 // ns
		named bool
	}{
		{"an instant", us, false},
		{"a request slower than the window", 2 * s, true},
	} {
		e := endpoint("main.cut", 0)
		cut(&e, 1, map[breakdown.Bucket]int64{breakdown.Unknown: c.cut})
		b := &breakdown.Breakdown{Source: breakdown.Source{Window: 5 * s, Covered: 5 * s}, Endpoints: []breakdown.Endpoint{
			endpoint("main.whole", 100, part{bucket: breakdown.DB, mean: 40 * ms}), e}}
		if page := text(t, b, report.TextOptions{Top: 1}); strings.Contains(page, "main.cut") != c.named {
			t.Errorf("%s: listed %v, want %v:\n%s", c.name, !c.named, c.named, page)
		}
	}
}
