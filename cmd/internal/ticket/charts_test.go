package ticket_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// charts lists the pages that have all charts.
var charts = []string{"real", "hostile"}

func onCharts(t *testing.T, test func(b *tab)) {
	t.Helper()
	for _, name := range charts {
		t.Run(name, func(t *testing.T) {
			b := open(t, file(t, pages[name](t)), desk)
			b.drawn()
			ask[bool](b, `(window.data = JSON.parse(document.getElementById("data").textContent), true)`)
			test(b)
		})
	}
}

func TestEveryMarkOfTheDataIsDrawn(t *testing.T) {
	onCharts(t, func(b *tab) {
		for what, counts := range map[string][2]string{
			"bars":           {`document.querySelectorAll(".histogram g.column").length`, `data.endpoints[0].bars.length`},
			"parts of bars":  {`document.querySelectorAll(".histogram .part").length`, `data.endpoints[0].bars.flatMap(b => b.buckets).filter(t => t > 0).length`},
			"shares of bars": {`document.querySelectorAll(".histogram .share").length`, `data.endpoints[0].bars.flatMap(b => b.buckets).filter(t => t > 0).length`},
			"steps":          {`document.querySelectorAll(".waterfall .path").length`, `data.requests[0].segments.length`},
			"calls":          {`document.querySelectorAll(".waterfall .call").length`, `data.requests[0].calls.length`},
			"frames": {`document.querySelectorAll("g.frame").length`,
				`(count => count(data.endpoints[0].flame, count))((f, count) => 1 + (f.c || []).filter(c => c.v / data.endpoints[0].flame.v * document.querySelector(".flame").clientWidth > 0.5).reduce((n, c) => n + count(c, count), 0))`},
		} {
			drawn, held := ask[int](b, counts[0]), ask[int](b, counts[1])
			if drawn != held || held == 0 {
				b.t.Errorf("%d %s drawn of %d", drawn, what, held)
			}
		}
	})
}

func TestTheWaterfallShowsTheClientAndTheGoroutines(t *testing.T) {
	onCharts(t, func(b *tab) {
		client := ask[int](b, `data.requests.filter(r => r.client.length > 0).length`)
		if client == 0 {
			b.t.Error("no request is seen from both sides")
		}
		for i := range ask[int](b, `document.querySelectorAll("figure[data-chart=waterfall] button").length`) {
			ask[bool](b, `(document.querySelectorAll("figure[data-chart=waterfall] button")[%s].click(), true)`, i)
			if client, drawn := ask[int](b, `data.requests.find(r => r.id === document.querySelector(".waterfall svg").dataset.request).client.length`), ask[int](b, `document.querySelectorAll(".waterfall .mark.client").length`); client != drawn {
				b.t.Errorf("%d of %d of the client's steps drawn", drawn, client)
			}
			lanes, drawn := ask[int](b, `data.requests.find(r => r.id === document.querySelector(".waterfall svg").dataset.request).lanes.length`),
				ask[int](b, `Array.from(document.querySelectorAll(".waterfall .name")).filter(n => n.textContent.includes("goroutine")).length`)
			if lanes != drawn {
				b.t.Errorf("%d of %d goroutines drawn", drawn, lanes)
			}
		}
	})
}

func TestAClickOnABarShowsOneOfItsRequests(t *testing.T) {
	onCharts(t, func(b *tab) {
		for i := range ask[int](b, `data.endpoints[0].bars.length`) {
			ask[bool](b, `(document.querySelectorAll(".histogram g.column .hit")[%s].id = "bar", true)`, i)
			b.click("#bar")
			ask[bool](b, `(document.getElementById("bar").removeAttribute("id"), true)`)
			b.until(`document.querySelector(".waterfall svg").dataset.request === data.requests[data.endpoints[0].bars[%s].request].id`, i)
			if n := ask[int](b, `document.querySelectorAll(".histogram g.column[aria-pressed=true]").length`); n != 1 {
				b.t.Errorf("%d bars are marked as the chosen one", n)
			}
		}
		inside := ask[int](b, `data.endpoints[0].bars.filter(b => data.requests[b.request].wall >= b.low && data.requests[b.request].wall <= b.high).length`)
		if bars := ask[int](b, `data.endpoints[0].bars.length`); inside < min(bars, 12) {
			b.t.Errorf("%d of %d bars have a request of their own", inside, bars)
		}
	})
}

func TestAStepShowsItsEvidence(t *testing.T) {
	onCharts(t, func(b *tab) {
		ask[bool](b, `(document.querySelectorAll(".waterfall .path")[data.requests[0].segments.reduce((a, s, i, l) => s[1] - s[0] > l[a][1] - l[a][0] ? i : a, 0)].id = "step", true)`)
		b.click("#step")
		b.until(`document.getElementById("step").classList.contains("picked")`)
		shown := ask[string](b, `document.querySelector("figure[data-chart=waterfall] .detail").textContent`)
		for _, i := range []int{5, 6} {
			want := ask[string](b, `data.strings[data.requests[0].segments.reduce((a, s) => s[1] - s[0] > a[1] - a[0] ? s : a)[%s]]`, i)
			if !strings.Contains(shown, want) || want == "" {
				b.t.Errorf("the step's site or evidence %q is not in %q", want, shown)
			}
		}
	})
}

func TestTheFlameGraphFindsZoomsAndResets(t *testing.T) {
	const widths = `Array.from(document.querySelectorAll("g.frame")).map(g => Math.round(g.querySelector("rect").getBoundingClientRect().width)).sort((a, b) => a - b).join()`
	onCharts(t, func(b *tab) {
		// Frames grow to their width when first drawn.
		b.until(`Array.from(document.querySelectorAll("g.frame")).every(g => Math.abs(g.querySelector("rect").getAttribute("width") - g.getAttribute("width")) < 1e-6)`)
		before := ask[string](b, widths)
		name := ask[string](b, `data.strings[data.endpoints[0].flame.c[0].c[0].n]`)
		b.click(".tools input")
		run(b, chromedp.KeyEvent(strings.ToUpper(name[len(name)-6:])))
		b.until(`document.querySelectorAll("g.frame.hit").length > 0`)
		hits, held := ask[int](b, `document.querySelectorAll("g.frame.hit").length`), ask[int](b, `Array.from(document.querySelectorAll("g.frame")).filter(g => data.strings[g.__data__.data.n].toLowerCase().includes(%s)).length`, strings.ToLower(name[len(name)-6:]))
		if hits != held {
			b.t.Errorf("%d frames highlighted of %d that match", hits, held)
		}
		if text := ask[string](b, `document.querySelector(".found").textContent`); !strings.Contains(text, "of the wall time") {
			b.t.Errorf("the search says %q", text)
		}
		b.part("flame-found", "figure[data-chart=flame]")

		ask[bool](b, `(Array.from(document.querySelectorAll("g.frame")).find(g => g.__data__.depth === 2).id = "zoom", true)`)
		b.click("#zoom")
		b.until(`document.querySelector("#zoom rect").getBoundingClientRect().width > document.querySelector(".flame").clientWidth - 2`)
		b.click("figure[data-chart=flame] button")
		b.until(`document.querySelectorAll("g.frame.hit").length === 0`)
		b.until(widths+` === %s`, before)
	})
}

// Tab reaches every control, and the focus is visible.
func TestTheKeyboardIsEnough(t *testing.T) {
	onCharts(t, func(b *tab) {
		const controls = `Array.from(document.querySelectorAll("a, button, input, summary, [tabindex='0']")).filter(e => e.checkVisibility())`
		all := ask[int](b, controls+`.length`)
		ask[bool](b, `(window.look = e => [e, e.querySelector(".hit") || e.querySelector("rect") || e].map(x => (s => s.outlineStyle + s.outlineWidth + s.stroke + s.strokeWidth)(getComputedStyle(x))).join(), `+controls+`.forEach(e => e.dataset.plain = look(e)), true)`)
		for range all + 2 {
			run(b, chromedp.KeyEvent(kb.Tab))
			// The ring can appear a frame after the focus.
			b.until(`(e => e === document.body || look(e) !== e.dataset.plain ? "seen" : e.outerHTML.slice(0, 120))(document.activeElement) === "seen"`)
			ask[bool](b, `(document.activeElement.dataset.reached = "yes", true)`)
		}
		if missed := ask[[]string](b, controls+`.filter(e => !e.dataset.reached).map(e => e.outerHTML.slice(0, 120))`); len(missed) > 0 {
			b.t.Errorf("Tab does not reach %q", missed)
		}
		walk(b)
	})
}

// walk moves along the marks of each chart with the arrow keys and activates
// one.
func walk(b *tab) {
	b.t.Helper()
	focus := func(selector string) { ask[bool](b, `(document.querySelector(%s).focus(), true)`, selector) }
	at := func(selector string) int {
		return ask[int](b, `Array.from(document.querySelectorAll(%s)).indexOf(document.activeElement)`, selector)
	}
	focus(`.histogram g.column[tabindex="0"]`)
	run(b, chromedp.KeyEvent(kb.End))
	last := ask[int](b, `data.endpoints[0].bars.length - 1`)
	if got := at(".histogram g.column"); got != last {
		b.t.Errorf("End leads to bar %d, not %d", got, last)
	}
	run(b, chromedp.KeyEvent(kb.ArrowLeft))
	run(b, chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector(".waterfall svg").dataset.request === data.requests[data.endpoints[0].bars[%s].request].id`, last-1)

	focus(`.waterfall .mark[tabindex="0"]`)
	run(b, chromedp.KeyEvent(kb.ArrowRight))
	run(b, chromedp.KeyEvent(" "))
	b.until(`document.querySelectorAll(".waterfall .mark")[1].classList.contains("picked")`)

	focus(`g.frame[tabindex="0"]`)
	run(b, chromedp.KeyEvent(kb.ArrowDown))
	run(b, chromedp.KeyEvent(kb.ArrowDown))
	b.until(`document.activeElement.__data__.depth === 2`)
	run(b, chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.querySelector("rect").getBoundingClientRect().width > document.querySelector(".flame").clientWidth - 2`)
	run(b, chromedp.KeyEvent(kb.Escape))
	b.until(`Array.from(document.querySelectorAll("g.frame")).filter(g => g.__data__.depth === 1).length === data.endpoints[0].flame.c.filter(c => c.v / data.endpoints[0].flame.v * document.querySelector(".flame").clientWidth > 0.5).length`)
}
