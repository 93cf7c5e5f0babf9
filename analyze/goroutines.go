package analyze

import (
	"timesink/analyze/diagnosis"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// goroutineCounts are the goroutines of the profiles before and after the windows, in all
// and by root. They are used only if each capture has both.
type goroutineCounts struct {
	before, after census
	missing       bool
}

type census struct {
	all    int64
	byRoot map[string]int64
}

// mostRoots bounds how many roots are told apart.
const mostRoots = 4096

// readGoroutines counts the goroutines of a capture's two profiles.
func (a *answer) readGoroutines(c *capture.Capture) {
	before, ok := goroutinesIn(c, capture.GoroutineBeforePart, a.opts.profiles())
	after, ok2 := goroutinesIn(c, capture.GoroutineAfterPart, a.opts.profiles())
	if !ok || !ok2 {
		a.goroutines.missing = true
		return
	}
	a.goroutines.before.add(before)
	a.goroutines.after.add(after)
}

// goroutinesIn counts the goroutines in a part, false if it cannot be read within that
// much memory.
func goroutinesIn(c *capture.Capture, part string, memory int64) (out census, ok bool) {
	p, err := c.Profile(part, memory)
	if err != nil {
		return out, false
	}
	out.byRoot = map[string]int64{}
	for _, s := range p.Sample {
		if len(s.Value) == 0 || len(s.Location) == 0 {
			continue
		}
		out.all += s.Value[0]
		if lines := s.Location[len(s.Location)-1].Line; len(lines) > 0 && lines[len(lines)-1].Function != nil && len(out.byRoot) < mostRoots {
			out.byRoot[lines[len(lines)-1].Function.Name] += s.Value[0]
		}
	}
	return out, true
}

func (c *census) add(o census) {
	c.all += o.all
	if c.byRoot == nil {
		c.byRoot = map[string]int64{}
	}
	addAll(c.byRoot, o.byRoot)
}

// grown returns what pile up, with what the profiles say of it.
func (c *goroutineCounts) grown(list []timeline.Growth) (out []diagnosis.Growth) {
	for _, g := range list {
		d := diagnosis.Growth{
			Site: g.Site, Root: g.Root, Waits: g.Waits, Created: g.Created, Ended: g.Ended, Alive: g.Alive,
			Quarters: g.Quarters, Older: g.Older, OlderEnded: g.OlderEnded,
		}
		if g.Cause != nil {
			d.Stands, d.Reason, d.Unread = g.Cause.Site, rules.Reason(g.Cause), rules.AwaitsReader(g.Cause)
		}
		if !c.missing {
			d.Before, d.After, d.AllBefore, d.AllAfter = c.before.byRoot[g.Root], c.after.byRoot[g.Root], c.before.all, c.after.all
		}
		out = append(out, d)
	}
	return out
}
