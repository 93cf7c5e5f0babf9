package ticket_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// A violation is a rule of axe-core that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

func TestEveryPageIsAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "..", "..", "report", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v (npm ci in report/web installs it)", err)
	}
	for name, page := range pages {
		path := file(t, page(t))
		for _, how := range []string{"light", "dark"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				b := open(t, path, views[how])
				b.drawn()
				ask[bool](b, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
				for _, v := range violations(b, string(axe)) {
					if v.Impact == "serious" || v.Impact == "critical" {
						t.Errorf("%s (%s): %s, at %d places such as %s: %s", v.ID, v.Impact, v.Help, len(v.Nodes), v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
					}
				}
			})
		}
	}
}

func violations(b *tab, axe string) []violation {
	b.t.Helper()
	ask[bool](b, axe+"; true")
	list, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]violation](`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// An inaccessible page shows that the test detects violations.
func TestAxeDetectsViolations(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "..", "..", "report", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, file(t, []byte(`<!doctype html><html lang="en"><title>x</title><main><h1>x</h1><button></button><a href="#x"></a></main></html>`)), desk)
	found := map[string]bool{}
	for _, v := range violations(b, string(axe)) {
		found[v.ID] = v.Impact == "serious" || v.Impact == "critical"
	}
	if !found["button-name"] || !found["link-name"] {
		t.Errorf("of a button and a link without names, axe found %v", found)
	}
}
