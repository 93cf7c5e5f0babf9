package rows

import (
	"strings"

	"timesink/analyze/breakdown"
)

// texts masks the text of requests, each text once: it repeats from row to row.
type texts struct {
	mask   func(string) string // nil keeps private data
	masked map[string]string
	causes map[*breakdown.Cause]causeText
	stacks map[*breakdown.Cause]string
}

// A causeText is a cause's text as rows have it.
type causeText struct {
	system, rule, leaf string
	site               Site
}

// mostTexts bounds what is remembered. The texts of a program are fewer.
const mostTexts = 1 << 15

func newTexts(mask func(string) string) texts {
	return texts{mask, map[string]string{}, map[*breakdown.Cause]causeText{}, map[*breakdown.Cause]string{}}
}

// of returns a text with private data masked.
func (t *texts) of(text string) string {
	if t.mask == nil || text == "" {
		return text
	}
	masked, ok := t.masked[text]
	if !ok {
		masked = t.mask(text)
		remember(t.masked, text, masked)
	}
	return masked
}

func (t *texts) site(f breakdown.Frame) Site {
	return Site{Function: t.of(f.Function), File: t.of(f.File), Line: int32(f.Line)}
}

func (t *texts) cause(c *breakdown.Cause) causeText {
	text, ok := t.causes[c]
	if !ok {
		text = causeText{system: t.of(c.System), rule: t.of(c.Rule), site: t.site(c.Site)}
		if len(c.Stack) > 0 {
			text.leaf = t.of(c.Stack[0].Function)
		}
		remember(t.causes, c, text)
	}
	return text
}

// stack returns a cause's stack, the root first.
func (t *texts) stack(c *breakdown.Cause) string {
	text, ok := t.stacks[c]
	if !ok {
		functions := make([]string, len(c.Stack))
		for i, f := range c.Stack {
			functions[len(functions)-1-i] = t.of(f.Function)
		}
		text = strings.Join(functions, ";")
		remember(t.stacks, c, text)
	}
	return text
}

func remember[K comparable, V any](in map[K]V, key K, value V) {
	if len(in) >= mostTexts {
		clear(in)
	}
	in[key] = value
}
