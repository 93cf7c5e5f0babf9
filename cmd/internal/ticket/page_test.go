package ticket_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/replay"
	"timesink/collect/capture"
	"timesink/report"
)

// pages lists the kinds of pages.
var pages = map[string]func(*testing.T) []byte{
	"real": func(t *testing.T) []byte {
		before, _ := demo(t)
		b, specimens := analyzed(t, before, analyze.Options{})
		return html(t, b, specimens)
	},
	"hostile": func(t *testing.T) []byte {
		b, specimens := hostileReport()
		return html(t, b, specimens)
	},
	// The last label of an axis is at its very end.
	"round": func(t *testing.T) []byte {
		b, specimens := hostileReport()
		for i := range specimens {
			r := &specimens[i].Request
			specimens[i].Client = nil
			r.End = r.Start + (r.Wall()/(100*ms)+1)*100*ms
			r.Path[len(r.Path)-1].End = r.End
		}
		return html(t, b, specimens)
	},
	"without-detail": func(t *testing.T) []byte {
		b, _ := hostileReport()
		b.Endpoints[0].Detail = nil
		return html(t, b, nil)
	},
	"pooled": func(t *testing.T) []byte {
		b, specimens := pooledReport()
		return html(t, b, specimens)
	},
	"no-requests": func(t *testing.T) []byte { return html(t, noRequests(), nil) },
	"nothing":     func(t *testing.T) []byte { return html(t, &breakdown.Breakdown{}, nil) },
	"comparison":  comparison,
	"whatif":      prediction,
}

// prediction predicts what the demo's calls at once would bring.
func prediction(t *testing.T) []byte {
	before, _ := demo(t)
	c, err := capture.Open(before)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, _, err := analyze.NewReplay(context.Background(), c, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Predict(replay.Options{Changes: []replay.Change{{Kind: replay.Concurrent, Target: replay.In(breakdown.Upstream)}}})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := report.WhatIfHTML(&buf, p); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// comparison compares the demo's two captures.
func comparison(t *testing.T) []byte {
	before, after := demo(t)
	var sides [2]*breakdown.Breakdown
	for i, file := range []string{before, after} {
		sides[i], _ = analyzed(t, file, analyze.Options{Series: true})
	}
	gate, err := analyze.ParseGate("p95 > +10%")
	if err != nil {
		t.Fatal(err)
	}
	c, err := analyze.Changes(sides[0], sides[1], analyze.CompareOptions{Gates: []analyze.Gate{gate}})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := report.CompareHTML(&buf, c, sides[0], sides[1]); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// views lists the views of the pages.
var views = map[string]view{
	"light":  desk,
	"dark":   {width: 1280, height: 800, dark: true},
	"narrow": {width: 380, height: 800, scale: 2},
	"zoomed": {width: 320, height: 200, scale: 4}, // 1280 by 800 at 400%
}

func TestEveryPageFitsEveryScreen(t *testing.T) {
	for name, page := range pages {
		path := file(t, page(t))
		for how, v := range views {
			t.Run(name+"/"+how, func(t *testing.T) {
				b := open(t, path, v)
				b.drawn()
				b.picture(name + "-" + how)
				b.whole(name + "-" + how + "-whole")
				b.parts(name + "-" + how)
				if wide := ask[[]string](b, `Array.from(document.querySelectorAll("body *")).filter(e => !e.closest(".scroll, .flame, pre, .patterns") && e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility()).map(e => e.outerHTML.slice(0, 100))`); len(wide) > 0 {
					t.Errorf("wider than the screen: %q", wide)
				}
				if ask[int](b, `document.documentElement.scrollWidth`) > int(v.width) {
					t.Error("the page scrolls sideways")
				}
			})
		}
	}
}

// parts takes a picture of the first chart of each kind.
func (b *tab) parts(name string) {
	for _, chart := range ask[[]string](b, `[...new Set(Array.from(document.querySelectorAll("figure[data-chart]")).map(f => f.dataset.chart))]`) {
		b.part(name+"-"+chart, "figure[data-chart="+chart+"]")
	}
}

// drawn waits until all charts are drawn.
func (b *tab) drawn() {
	b.t.Helper()
	b.until(`document.readyState === "complete" && Array.from(document.querySelectorAll("figure[data-chart]")).every(f => !f.hidden && f.querySelector("svg"))`)
}

func TestTheFirstScreenHasTheAnswerTheBarAndTheFindings(t *testing.T) {
	b := open(t, file(t, pages["real"](t)), desk)
	for _, selector := range []string{"h1", ".overview .bar", ".findings li:last-child .try"} {
		if bottom := ask[float64](b, `document.querySelector(%s).getBoundingClientRect().bottom`, selector); bottom > 800 {
			t.Errorf("%s ends at %.0f, below the first screen", selector, bottom)
		}
	}
}

// On a phone, the table of buckets begins with what matters.
func TestANarrowScreenHasTheCeiling(t *testing.T) {
	for _, name := range []string{"real", "pooled"} {
		b := open(t, file(t, pages[name](t)), view{width: 390, height: 844, scale: 2})
		b.drawn()
		b.part(name+"-phone-buckets", "table.buckets")
		right := ask[[]float64](b, `Array.from(document.querySelectorAll("table.buckets")).map(t => t.tHead.rows[0].cells[Array.from(t.tHead.rows[0].cells).findIndex(c => c.textContent === "if free")].getBoundingClientRect().right)`)
		if len(right) == 0 {
			t.Fatalf("%s has no table of buckets", name)
		}
		for _, x := range right {
			if x > 390 {
				t.Errorf("%s: \"if free\" ends at %.0f of 390 pixels", name, x)
			}
		}
	}
}

// Waiting for the service's own pool does not look like the database: in the bars, the
// legends, the histogram, the flame graph and the waterfall, in light and in dark.
func TestWaitingForThePoolHasAColorOfItsOwn(t *testing.T) {
	colors := map[string]bool{}
	for _, dark := range []bool{false, true} {
		v := desk
		v.dark = dark
		b := open(t, file(t, pages["pooled"](t)), v)
		b.drawn()
		for what, selector := range map[string]string{
			"the overview's bar": ".overview .bar .b-pool_wait", "its legend": ".overview .legend .b-pool_wait", "the table of buckets": "table.buckets .b-pool_wait",
			"the histogram": `.histogram rect[fill="var(--pool_wait)"]`, "its legend too": `figure[data-chart=histogram] .legend .b-pool_wait`,
			"the waterfall": ".waterfall .mark.b-pool_wait", "the meanings": ".terms .b-pool_wait",
		} {
			if n := ask[int](b, `document.querySelectorAll(%s).length`, selector); n == 0 {
				t.Errorf("%s has no pool wait", what)
			}
		}
		pool, db := ask[string](b, `getComputedStyle(document.documentElement).getPropertyValue("--pool_wait")`), ask[string](b, `getComputedStyle(document.documentElement).getPropertyValue("--db")`)
		if pool == "" || pool == db || colors[pool] {
			t.Errorf("the pool is %q, the database %q", pool, db)
		}
		colors[pool] = true
		if !ask[bool](b, `Array.from(document.querySelectorAll("figure[data-chart=flame] .frame")).some(f => (f.getAttribute("aria-label") ?? "").startsWith("database, pool wait"))`) {
			t.Error("the flame graph does not tell the pool from the database")
		}
	}
}

// The links from findings and warnings lead to their explanations.
func TestFindingsLeadToTheirExplanations(t *testing.T) {
	b := open(t, file(t, pages["pooled"](t)), desk)
	for _, id := range []string{"pool-starved", "few-requests"} {
		if !ask[bool](b, `(() => { const link = document.querySelector(%s); link.click(); const h = document.querySelector(link.getAttribute("href")); return h !== null && h.textContent.length > 0 && h.checkVisibility() })()`, `a[href="#explain-`+id+`"]`) {
			t.Errorf("%s leads nowhere", id)
		}
	}
}

func TestHostileNamesAreTextAndNothingElse(t *testing.T) {
	page := pages["hostile"](t)
	if bytes.ContainsAny(page, "\x1b\x00\x07") {
		t.Error("the file contains a terminal escape")
	}
	b := open(t, file(t, page), desk)
	b.drawn()
	if n := ask[int](b, `document.querySelectorAll("script").length`); n != 2 {
		t.Errorf("%d scripts, not the data and the page's own", n)
	}
	if n := ask[int](b, `document.querySelectorAll("img, b b, [onerror]").length`); n != 0 {
		t.Errorf("%d elements came out of names", n)
	}
	for _, selector := range []string{".overview a", ".endpoint h2", ".findings .title", ".warnings li", ".provenance dd", "td.fn"} {
		if text := ask[string](b, `document.querySelector(%s).textContent`, selector); !strings.Contains(text, `script>|\x1b[31m--><!--<img src=x onerror=alert(2)>`) {
			t.Errorf("%s does not show the name: %q", selector, text)
		}
	}
}

// A page that does what is forbidden shows that the tests detect it.
func TestTheTabDetectsForbiddenActions(t *testing.T) {
	page := pages["no-requests"](t)
	for what, spoil := range map[string]string{
		"an inline style":   `<p style="color: red">x</p>`,
		"an inline script":  `<script>document.title = "ran"</script>`,
		"an inline handler": `<p onclick="alert(1)">x</p>`,
		"an image":          `<img src="http://127.0.0.1:9/x.png" alt="x">`,
	} {
		b := watch(t, file(t, bytes.Replace(page, []byte("<main>"), []byte("<main>"+spoil), 1)), desk)
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if _, problems := b.seen(); len(problems) > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s went unseen", what)
			}
		}
		if ask[string](b, `document.title`) == "ran" {
			t.Errorf("%s ran", what)
		}
	}
}

func TestThePagePrints(t *testing.T) {
	for _, name := range []string{"real", "comparison"} {
		b := open(t, file(t, pages[name](t)), desk)
		b.drawn()
		pdf := run(b, chromedp.PrintToPDF(chromedp.PDFPrintBackground()))
		keep(t, name+".pdf", pdf)
		if !bytes.HasPrefix(pdf, []byte("%PDF")) || len(pdf) < 10_000 {
			t.Errorf("%s: %d bytes of PDF", name, len(pdf))
		}
		if open := ask[int](b, `document.querySelectorAll("details[open]").length`); open > 0 {
			t.Errorf("%s: after printing, %d folded parts stay open", name, open)
		}
		b.media("print")
		b.whole(name + "-print")
		if hidden := ask[[]string](b, `Array.from(document.querySelectorAll("table")).filter(t => t.getBoundingClientRect().height < 10 || !t.checkVisibility({contentVisibilityAuto: true})).map(t => t.outerHTML.slice(0, 100))`); len(hidden) > 0 {
			t.Errorf("%s: not on paper: %q", name, hidden)
		}
	}
}

func TestWithScriptsOffTheTablesAreThere(t *testing.T) {
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			b := open(t, file(t, page(t)), view{width: 1280, height: 800, noScript: true})
			b.whole(name + "-noscript")
			if n := ask[int](b, `Array.from(document.querySelectorAll("figure, .chart")).filter(f => f.checkVisibility()).length`); n > 0 {
				t.Errorf("%d empty boxes where charts would be", n)
			}
			ask[bool](b, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
			if n := ask[int](b, `Array.from(document.querySelectorAll("table")).filter(t => !t.checkVisibility() || t.querySelectorAll("td").length === 0).length`); n > 0 {
				t.Errorf("%d tables are empty", n)
			}
			if over := ask[[]string](b, overlaps); len(over) > 0 {
				t.Errorf("one lies on another: %q", over)
			}
		})
	}
}

// overlaps returns the consecutive blocks that overlap.
const overlaps = `Array.from(document.querySelectorAll("main > *, section > *, header > *")).flatMap(e => {
	const next = e.nextElementSibling;
	if (!next || !e.checkVisibility() || !next.checkVisibility()) return [];
	return e.getBoundingClientRect().bottom > next.getBoundingClientRect().top + 1 && e.getBoundingClientRect().height > 0 && next.getBoundingClientRect().height > 0 && getComputedStyle(next).position !== "absolute"
		? [e.outerHTML.slice(0, 60) + " … " + next.outerHTML.slice(0, 60)] : [];
})`
