package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// GateText returns a gate's outcome and what decided it.
func GateText(g *breakdown.Gate) string {
	if g.Endpoint != "" {
		return fmt.Sprintf("%s: %s: %s", g.Condition, g.Endpoint, g.Why)
	}
	return g.Condition + ": " + g.Why
}

// why says what decided a gate: the effect, its interval, and how sure that is.
func why(c *breakdown.Comparison, g *breakdown.Gate) string {
	if g.Change == nil {
		if g.Why != "" {
			return g.Why
		}
		return "there is nothing to compare"
	}
	w := g.Change
	text := fmt.Sprintf("%s went from %s to %s: %s", w.Quantity, threeDigits(w.Before), threeDigits(w.After), signed(w.Relative))
	if w.Before > 0 {
		text += fmt.Sprintf(" (%.0f%% interval %s to %s)", 100*(1-c.Alpha), signed(float64(w.Low)/float64(w.Before)), signed(float64(w.High)/float64(w.Before)))
	}
	return text + "; " + sure(c, g)
}

// sure says how sure a gate's outcome is.
func sure(c *breakdown.Comparison, g *breakdown.Gate) string {
	p := "p " + probability(g.P) + ", " + looksText(g.Looks)
	switch {
	case g.Outcome == breakdown.GateBroken && g.Cause != nil:
		return p + "; " + likelier(g.Cause, c)
	case g.Outcome == breakdown.GateBroken:
		return p
	case g.Outcome == breakdown.GatePassed:
		return "the interval excludes the limit"
	case len(c.Undecided) > 0:
		return undecided(c)
	case g.Cause != nil && g.Cause.Excuses() && g.P < c.GateAlpha:
		return likelier(g.Cause, c)
	}
	text := "chance could explain it (" + p + ")"
	if g.Change.Significant {
		text = "the measured change is not beyond the limit, but the interval is"
		if g.P >= c.GateAlpha {
			text = "too likely to be chance in any of the looks (" + p + ")"
		}
	}
	if g.Change.Needs != "" {
		text += "; that takes " + g.Change.Needs
	}
	return text
}

func looksText(n int) string {
	if n == 1 {
		return "the only look"
	}
	return fmt.Sprintf("with all %d looks counted", n)
}

// undecided says why a comparison decides nothing.
func undecided(c *breakdown.Comparison) string {
	var reasons []string
	for _, code := range c.Undecided {
		switch code {
		case "one-capture":
			reasons = append(reasons, "one capture a side cannot tell a build from a moment")
		case "one-after-another":
			reasons = append(reasons, "captures not taken in turn cannot tell a build from drift")
		case "other-load":
			reasons = append(reasons, fmt.Sprintf("the load differs (%.4g/s before, %.4g/s after)", c.Before.Rate, c.After.Rate))
		}
	}
	return list(reasons)
}

// likelier names what is likelier than the build to have caused a change.
func likelier(d *breakdown.Disturbance, c *breakdown.Comparison) string {
	of := func(what string) string {
		return fmt.Sprintf("the likelier cause is %s (%s per request)", what, signedThree(d.Delta))
	}
	switch d.What {
	case breakdown.OtherPrograms:
		return of("other programs on the machine, which took cores from requests")
	case breakdown.SlowScheduler:
		return of("waiting for a processor: the requests did not compute more")
	case breakdown.GarbageCollection:
		return of("garbage collection")
	case breakdown.OtherLoad:
		return fmt.Sprintf("the likelier cause is the load (%.4g/s before, %.4g/s after)", c.Before.Rate, c.After.Rate)
	case breakdown.OtherGo:
		return fmt.Sprintf("it may be the Go version (%s before, %s after)", c.Before.Source.GoVersion, c.After.Source.GoVersion)
	}
	return ""
}

func signedThree(ns int64) string {
	if ns < 0 {
		return "−" + threeDigits(-ns)
	}
	return "+" + threeDigits(ns)
}
