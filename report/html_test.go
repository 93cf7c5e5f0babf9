package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/report"
)

func htmlOf(t *testing.T, b *breakdown.Breakdown, specimens ...breakdown.Specimen) string {
	t.Helper()
	var buf bytes.Buffer
	if err := report.HTML(&buf, b, specimens, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// drawable returns an endpoint with detail, and its requests.
func drawable(requests, steps int) (*breakdown.Breakdown, []breakdown.Specimen) {
	cause := &breakdown.Cause{State: "waiting", Reason: "select", Rule: "net/http.(*Client).", Site: fetch.Frame,
		Stack: []breakdown.Frame{{Function: "runtime.selectgo"}, {Function: "net/http.(*Client).Do"}, fetch.Frame, {Function: "main.(*API).Decode"}}}
	var bars breakdown.Bars
	var specimens []breakdown.Specimen
	var probed []breakdown.Probed
	for i := range requests {
		r := breakdown.Request{Goroutine: int64(i % 5), Start: int64(i) * s}
		r.End = r.Start
		for k := range steps {
			length := ms + int64(i%40+k%3)*ms/10
			step := breakdown.Segment{Start: r.End, End: r.End + length, Goroutine: r.Goroutine, Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Cause: cause}
			if k%2 == 1 {
				step.Bucket, step.Phase, step.Cause = breakdown.CPU, breakdown.NoPhase, nil
			}
			r.Path = append(r.Path, step)
			r.Calls = append(r.Calls, breakdown.Call{Start: r.End, End: r.End + length, Bucket: breakdown.Upstream, System: "http", Site: fetch.Frame})
			r.End += length
		}
		id := breakdown.RequestID{Goroutine: r.Goroutine, Start: r.Start}
		spent := [breakdown.NumBuckets]int64{breakdown.Upstream: r.Wall()}
		bars.Add(id, r.Wall(), &spent)
		if i%10 == 3 {
			probed = append(probed, breakdown.Probed{ID: id, Wall: r.Wall()})
		}
		specimens = append(specimens, breakdown.Specimen{ID: id, Request: r})
	}
	b := sequential()
	e := &b.Endpoints[0]
	e.Detail = &breakdown.Detail{Bars: bars.List(), Probed: probed, Stacks: []breakdown.StackTime{
		{Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Cause: cause, Time: 900 * s, Count: 10},
		{Bucket: breakdown.CPU, Time: 100 * s, Count: 10},
	}}
	return b, specimens
}

func TestHTMLHasTheAnswer(t *testing.T) {
	for name, fixture := range fixtures {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSpace(text(t, fixture(), report.TextOptions{Width: 140})), "\n")
			page := htmlOf(t, fixture())
			unescaped := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&#39;", "'", "&#34;", `"`, "&#43;", "+").Replace(page)
			if last := lines[len(lines)-1]; !strings.Contains(unescaped, last) {
				t.Errorf("the page does not have the answer %q", last)
			}
		})
	}
}

func TestHTMLIsDeterministic(t *testing.T) {
	b, specimens := drawable(300, 10)
	first := htmlOf(t, b, specimens...)
	for range 5 {
		if again := htmlOf(t, b, specimens...); again != first {
			t.Fatal("the same answer gives a different page")
		}
	}
}

func TestHTMLIsSelfContained(t *testing.T) {
	b, specimens := drawable(30, 4)
	page := htmlOf(t, b, specimens...)
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-[A-Za-z0-9+/=]{44}'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'">`)
	if !policy.MatchString(page) {
		t.Error("the page has no strict content security policy")
	}
	for _, bad := range []string{" style=", " src=", "<link", "@import", "<iframe", " onclick="} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestToShowNamesTheMedianTheTailAndExamples(t *testing.T) {
	b, specimens := drawable(300, 10)
	e := &b.Endpoints[0]
	walls := map[breakdown.RequestID]int64{}
	for i := range specimens {
		walls[specimens[i].ID] = specimens[i].Request.Wall()
	}
	bars := e.Detail.Bars
	e.Wall.P50, e.Wall.P95 = bars[len(bars)/2].Low, bars[len(bars)-2].Low
	ids := report.ToShow(b, 0)
	if len(ids) < 3 || len(ids) > 15 {
		t.Fatalf("%d requests to show", len(ids))
	}
	probed := func(id breakdown.RequestID) bool {
		return slices.ContainsFunc(e.Detail.Probed, func(p breakdown.Probed) bool { return p.ID == id })
	}
	for i, want := range []*breakdown.Bar{e.Detail.At(e.Wall.P50), e.Detail.At(e.Wall.P95), &bars[len(bars)-1]} {
		if wall := walls[ids[i]]; wall < want.Low || wall > want.High {
			t.Errorf("request %d took %d, not %d to %d", i, wall, want.Low, want.High)
		}
		there := slices.ContainsFunc(e.Detail.Probed, func(p breakdown.Probed) bool { return p.Wall >= want.Low && p.Wall <= want.High })
		if there && !probed(ids[i]) {
			t.Errorf("request %d answered no probe, though one of its bar did", i)
		}
	}
	slices.SortFunc(ids, breakdown.RequestID.Compare)
	if len(slices.Compact(ids)) != len(ids) {
		t.Error("a request is listed twice")
	}
	if ids := report.ToShow(sequential(), 0); len(ids) != 0 {
		t.Errorf("without detail, %v would be shown", ids)
	}
}

func TestHTMLSaysWhatItLeavesOut(t *testing.T) {
	b, specimens := drawable(40, 5000)
	page := htmlOf(t, b, specimens...)
	if len(page) > 2_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"steps of at most", "calls are left out", "shorter steps are not in the table"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say that %s", want)
		}
	}
	if page := htmlOf(t, b); !strings.Contains(page, "not found again in the capture") {
		t.Error("the page does not say that its requests were not found")
	}
	b.Endpoints[0].Detail = nil
	if page := htmlOf(t, b); !strings.Contains(page, "are not in this page") {
		t.Error("the page does not say that it has no detail")
	}
}

func TestHTMLShowsTheRequestThatWasChosen(t *testing.T) {
	b, specimens := drawable(300, 4)
	usual := report.ToShow(b, 0)
	i := slices.IndexFunc(specimens, func(s breakdown.Specimen) bool { return !slices.Contains(usual, s.ID) })
	page := htmlOf(t, b, specimens[i])
	if want := "The chosen request <code>" + specimens[i].ID.String(); !strings.Contains(page, want) {
		t.Errorf("the page does not have %q", want)
	}
	if n := len(chartsOf(t, page).Requests); n != 1 {
		t.Errorf("%d requests are drawn", n)
	}
}

// chartsOf returns the data that a page's script draws.
func chartsOf(t *testing.T, page string) (data struct {
	Strings   []string
	Endpoints []struct {
		Bars  []struct{ Request int }
		Flame frames
	}
	Changes []struct {
		Bars []struct{ Low, High, Before, After int64 }
	}
	Requests []struct {
		Segments, Calls [][]int64
		Wall            int64
	}
}) {
	t.Helper()
	_, rest, _ := strings.Cut(page, `<script id="data" type="application/json">`)
	text, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	return data
}

type frames struct {
	V int64
	C []frames
}

func TestTheFlameGraphSumsToTheStacks(t *testing.T) {
	b, specimens := drawable(40, 6)
	data := chartsOf(t, htmlOf(t, b, specimens...))
	f := data.Endpoints[0].Flame
	if f.V != 1000*s {
		t.Errorf("the root is %d", f.V)
	}
	var check func(frames)
	check = func(f frames) {
		sum := int64(0)
		for _, c := range f.C {
			sum += c.V
			check(c)
		}
		if sum > f.V {
			t.Errorf("frames of %d are in a frame of %d", sum, f.V)
		}
	}
	check(f)
	if bucket := f.C[0]; len(bucket.C) != 1 || len(bucket.C[0].C) != 1 || len(bucket.C[0].C[0].C) != 1 || bucket.C[0].C[0].C[0].C != nil {
		t.Errorf("bucket, call site, and two frames below it: %+v", bucket)
	}
	seen := map[string]bool{}
	for _, name := range data.Strings {
		if seen[name] {
			t.Errorf("%q appears twice", name)
		}
		seen[name] = true
	}
	for _, r := range data.Requests {
		sum := int64(0)
		for _, step := range r.Segments {
			sum += step[1] - step[0]
		}
		if sum != r.Wall {
			t.Errorf("the steps of a request sum to %d of %d", sum, r.Wall)
		}
	}
}

// The bridge leads from one mean to the other without a gap.
func TestTheBridgeHasNoGap(t *testing.T) {
	for name, c := range comparisons(t) {
		var buf bytes.Buffer
		if err := report.CompareHTML(&buf, c, &breakdown.Breakdown{}, &breakdown.Breakdown{}); err != nil {
			t.Fatal(err)
		}
		for _, table := range regexp.MustCompile(`(?s)<table class="bridge">.*?</table>`).FindAllString(buf.String(), -1) {
			checkBridge(t, name, table)
		}
	}
}

func checkBridge(t *testing.T, name, table string) {
	t.Helper()
	steps := regexp.MustCompile(`<td class="n">([^<]*)</td><td class="n">~?</td><td class="wide">.*?x="([0-9.]+)%" width="([0-9.]+)%"`).FindAllStringSubmatch(table, -1)
	end := func(s []string, up bool) float64 {
		x, _ := strconv.ParseFloat(s[2], 64)
		width, _ := strconv.ParseFloat(s[3], 64)
		if up {
			return x + width
		}
		return x
	}
	if len(steps) < 2 {
		t.Errorf("%s: a bridge of %d steps", name, len(steps))
		return
	}
	at := end(steps[0], true)
	for _, s := range steps[1 : len(steps)-1] {
		down := strings.HasPrefix(s[1], "−")
		if from := end(s, down); math.Abs(from-at) > 0.01 {
			t.Errorf("%s: the step %s starts at %.3f, but the one before ends at %.3f", name, s[1], from, at)
		}
		at = end(s, !down)
	}
	if last := end(steps[len(steps)-1], true); math.Abs(last-at) > 0.01 {
		t.Errorf("%s: the steps end at %.3f, but the mean after is at %.3f", name, at, last)
	}
}

func TestComparisonPagesHaveTheAnswer(t *testing.T) {
	for name, c := range comparisons(t) {
		var screen, page bytes.Buffer
		if err := report.CompareText(&screen, c, report.TextOptions{Width: 140}); err != nil {
			t.Fatal(err)
		}
		if err := report.CompareHTML(&page, c, &breakdown.Breakdown{}, &breakdown.Breakdown{}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(screen.String()), "\n")
		if last := strings.NewReplacer("<", "&lt;", ">", "&gt;", "+", "&#43;", "'", "&#39;").Replace(lines[len(lines)-1]); !strings.Contains(page.String(), last) {
			t.Errorf("%s: the page does not have the answer %q", name, last)
		}
	}
}

// Without bars, the page draws the wall-time histograms.
func TestBothHistogramsCountAllRequests(t *testing.T) {
	before, after := sequential(), concurrent()
	c := comparison(t, before, after)
	var buf bytes.Buffer
	if err := report.CompareHTML(&buf, c, before, after); err != nil {
		t.Fatal(err)
	}
	var counts [2]int64
	last := int64(-1)
	for _, b := range chartsOf(t, buf.String()).Changes[0].Bars {
		if b.Low <= last || b.High < b.Low {
			t.Errorf("the bar from %d to %d follows %d", b.Low, b.High, last)
		}
		last = b.High
		counts[0], counts[1] = counts[0]+b.Before, counts[1]+b.After
	}
	if counts != [2]int64{before.Endpoints[0].Wall.Hist.N(), after.Endpoints[0].Wall.Hist.N()} {
		t.Errorf("%d requests are drawn", counts)
	}
}

// In both color schemes, each bucket's color stands out from the background and text on
// it is readable. WCAG level AA requires contrasts of 3 and 4.5.
func TestBucketsCanBeSeen(t *testing.T) {
	style, err := os.ReadFile("web/src/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, _ := strings.Cut(string(style), "@media screen and (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "\n}")
	for scheme, rules := range map[string]string{"light": light, "dark": dark} {
		colors := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z_-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(rules, -1) {
			colors[m[1]] = luminance(t, m[2])
		}
		for b := range breakdown.NumBuckets {
			color := b.Info().Light
			if scheme == "dark" {
				color = b.Info().Dark
			}
			own := luminance(t, strings.TrimPrefix(color, "#"))
			if c := contrast(own, colors["paper"]); c < 3 {
				t.Errorf("%s: %s has a contrast of %.1f to the background", scheme, b, c)
			}
			if c := contrast(own, colors["on"]); c < 4.5 {
				t.Errorf("%s: text on %s has a contrast of %.1f", scheme, b, c)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatal(err)
	}
	linear := func(c int) float64 {
		v := float64(c) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(rgb[0]) + 0.7152*linear(rgb[1]) + 0.0722*linear(rgb[2])
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// Every finding and warning of a page leads to what it means, in the same page.
func TestThePageExplainsItsFindingsAndWarnings(t *testing.T) {
	linked := 0
	for name, fixture := range fixtures {
		page := htmlOf(t, fixture())
		targets := map[string]int{}
		for _, m := range regexp.MustCompile(` id="(explain-[a-z0-9-]+)"`).FindAllStringSubmatch(page, -1) {
			targets[m[1]]++
		}
		links := map[string]bool{}
		for _, m := range regexp.MustCompile(` href="#(explain-[a-z0-9-]+)"`).FindAllStringSubmatch(page, -1) {
			links[m[1]] = true
			if targets[m[1]] != 1 {
				t.Errorf("%s: %d sections are %s", name, targets[m[1]], m[1])
			}
		}
		if len(links) != len(targets) {
			t.Errorf("%s links %v, and explains %v", name, links, targets)
		}
		b := fixture()
		for i := range b.Findings {
			if id := b.Findings[i].ID; id != "not-worth-it" && diagnosis.Explain(id) != nil && !links["explain-"+id] {
				t.Errorf("%s does not explain %s", name, id)
			}
		}
		for _, w := range b.Warnings {
			if diagnosis.Explain(w.Code) != nil && !links["explain-"+w.Code] {
				t.Errorf("%s does not explain %s", name, w.Code)
			}
		}
		linked += len(links)
	}
	if linked < 8 {
		t.Errorf("only %d explanations are linked", linked)
	}
}
