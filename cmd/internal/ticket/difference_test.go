package ticket_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// difference opens the comparison of the demo's captures, whose calls became concurrent.
func difference(t *testing.T, v view) *tab {
	t.Helper()
	b := open(t, file(t, comparison(t)), v)
	b.drawn()
	ask[bool](b, `(window.data = JSON.parse(document.getElementById("data").textContent), window.graph = document.querySelector("figure[data-chart=difference]"), window.all = data.changes[0].flame, true)`)
	return b
}

// A frame's time before and after are in the data, and what it says of itself is in its
// name, its color and its pattern alike.
func TestTheDifferenceShowsWhatChanged(t *testing.T) {
	b := difference(t, desk)
	drawn, held := ask[int](b, `graph.querySelectorAll("g.frame").length`),
		ask[int](b, `(count => count(all, count))((f, count) => 1 + (f.c || []).filter(c => c.v / all.v * graph.querySelector(".flame").clientWidth > 0.5).reduce((n, c) => n + count(c, count), 0))`)
	if drawn != held || held < 5 {
		t.Errorf("%d frames drawn of %d", drawn, held)
	}
	if off := ask[int](b, `Math.abs(all.w - data.changes[0].marks[0].at) + Math.abs(all.v - all.w - data.changes[0].marks[1].at)`); off > 10000 {
		t.Errorf("the graph's sides are not the means: off by %d ns", off)
	}
	const kinds = `Array.from(graph.querySelectorAll("g.frame")).map(g => [g, g.__data__.data.v - 2 * (g.__data__.data.w || 0), g.querySelector("rect").getAttribute("fill") || g.querySelector("rect").style.fill])`
	const least = ` Math.abs(delta) >= 0.005 * Math.max(all.w, all.v - all.w)`
	for what, wrong := range map[string]string{
		"slower": `filter(([g, delta, fill]) => (delta > 0 && ` + least + `) !== fill.includes("--slower"))`,
		"faster": `filter(([g, delta, fill]) => (delta < 0 && ` + least + `) !== fill.includes("#p-faster"))`,
		"signed": `filter(([g, delta]) => ` + least + ` && !g.textContent.includes(delta < 0 ? "−" : "+"))`,
	} {
		if n := ask[int](b, kinds+`.`+wrong+`.length`); n > 0 {
			t.Errorf("%d frames are not %s as they should be", n, what)
		}
	}
	if n := ask[int](b, kinds+`.filter(([g, delta]) => delta < 0 && `+least+`).length`); n < 2 {
		t.Errorf("%d frames got faster", n)
	}
	if n := ask[int](b, `document.querySelectorAll("#p-faster .ink").length`); n == 0 {
		t.Error("what got faster has no pattern")
	}
	b.part("difference", "figure[data-chart=difference]")
}

func TestTheDifferenceNeedsNoMouseAndFitsAPhone(t *testing.T) {
	for _, v := range []view{desk, views["narrow"]} {
		b := difference(t, v)
		if wide := ask[bool](b, `document.documentElement.scrollWidth > innerWidth`); wide {
			t.Errorf("the page scrolls sideways at %d pixels", v.width)
		}
		ask[bool](b, `(graph.querySelector('g.frame[tabindex="0"]').focus(), true)`)
		run(b, chromedp.KeyEvent(kb.ArrowDown))
		b.until(`document.activeElement.__data__ && document.activeElement.__data__.depth === 1`)
		if said := ask[string](b, `graph.querySelector(".detail").textContent`); !strings.Contains(said, "before, ") || !strings.Contains(said, " after, ") {
			t.Errorf("a frame says %q", said)
		}
		run(b, chromedp.KeyEvent(kb.Enter))
		b.until(`document.activeElement.querySelector("rect").getBoundingClientRect().width > graph.querySelector(".flame").clientWidth - 2`)
		run(b, chromedp.KeyEvent(kb.Escape))
		b.until(`Array.from(graph.querySelectorAll("g.frame")).filter(g => g.__data__.depth === 0).length === 1`)
	}
}
