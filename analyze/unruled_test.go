package analyze

import (
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// waitingIn returns a cause with a stack of these functions, leaf first.
func waitingIn(library string, site breakdown.Frame, functions ...string) *breakdown.Cause {
	c := &breakdown.Cause{State: "waiting", Reason: "network", Library: library, Site: site}
	for _, f := range functions {
		c.Stack = append(c.Stack, breakdown.Frame{Function: f, File: "/usr/local/go/src/x.go"})
	}
	c.Stack = append(c.Stack, site)
	return c
}

func TestRulesAreSuggestedForLibrariesNotForTheServicesPackage(t *testing.T) {
	own := func(function string) breakdown.Frame {
		return breakdown.Frame{Function: function, File: "/home/me/shop/main.go", Line: 22}
	}
	for _, c := range []struct {
		name  string
		cause *breakdown.Cause
		in    breakdown.Bucket
		says  string // "" for no warning
		rule  string // the suggestion, "" for none
	}{
		{"a library", waitingIn("github.com/acme/driver", own("main.query"), "internal/poll.(*FD).Read", "github.com/acme/driver.(*Conn).Query"), breakdown.Unknown,
			"is spent waiting in github.com/acme/driver, which no rule knows", "--rule db=github.com/acme/driver "},
		{"a library that queues", waitingIn("github.com/acme/pool", own("main.query"), "runtime.gopark"), breakdown.Wait,
			"is spent waiting in github.com/acme/pool, which no rule knows", "--rule db=github.com/acme/pool "},
		{"C code", waitingIn("", own("main.vendorQuery"), "main._Cfunc_lib_wait"), breakdown.Unknown,
			"is spent in C code at main._Cfunc_lib_wait < main.vendorQuery (main.go:22)", "--rule 'db=main.vendorQuery' "},
		{"a method of the service", waitingIn("", own("shop/pay.(*Client).call"), "internal/poll.(*FD).Read", "net.(*netFD).Read", "net.(*conn).Read"), breakdown.Unknown,
			"is spent waiting at poll.(*FD).Read < net.(*netFD).Read < … < pay.(*Client).call (main.go:22)", "--rule 'db=shop/pay.(*Client).call' "},
		{"the handler itself", waitingIn("", own("main.get"), "net.(*conn).Read"), breakdown.Unknown,
			"is spent waiting at net.(*conn).Read < main.get (main.go:22), which no rule knows", ""},
		{"a closure, which no rule can name", waitingIn("", own("main.main.func2"), "net.(*conn).Read"), breakdown.Unknown,
			"is spent waiting at net.(*conn).Read < main.main.func2 (main.go:22), which no rule knows", ""},
		{"the service waits for its own workers", waitingIn("", own("main.query"), "runtime.chanrecv1"), breakdown.Wait, "", ""},
		{"no code of the service", waitingIn("", breakdown.Frame{Function: "net/http.(*conn).serve", File: "/usr/local/go/src/net/http/server.go"}, "net.(*conn).Read"), breakdown.Unknown, "", ""},
	} {
		f := newFold(0)
		m := made{}.spend(c.in, breakdown.NoPhase, 16*msec)
		m.path[0].Cause = c.cause
		f.add(m.request())
		var w warnings
		sums := settle(f)
		w.unruled(&render(sums, defaultPeriod, nil)[0], sums)
		if c.says == "" {
			if len(w.list) > 0 {
				t.Errorf("%s: %+v", c.name, w.list)
			}
			continue
		}
		said := report.Worded(&breakdown.Breakdown{Warnings: w.list}).Warnings
		if len(said) != 1 || !strings.Contains(said[0].Message, c.says) {
			t.Errorf("%s: %+v, want %q in it", c.name, said, c.says)
			continue
		}
		if text := said[0].Message; strings.Contains(text, "--rule") != (c.rule != "") || !strings.Contains(text, c.rule) {
			t.Errorf("%s: %q, want the suggestion %q", c.name, text, c.rule)
		}
	}
}
