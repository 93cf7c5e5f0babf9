package analyze

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// evidence records the parts of a capture, and how its trace's clock relates to
// wall-clock time.
func (a *answer) evidence(c *capture.Capture, sum *timeline.Summary, match *matcher) {
	ev := breakdown.Evidence{Parts: []breakdown.Part{}, Start: sum.Start, Nth: c.Nth()}
	name, err := c.Case()
	parts, err2 := c.Checksums()
	if err == nil {
		err = err2
	}
	if err != nil {
		a.warn.add("case-unknown", breakdown.Doubt{Cause: err.Error()})
	}
	ev.Case = name
	for _, p := range parts {
		ev.Parts = append(ev.Parts, breakdown.Part{Name: p.Name, Size: p.Size, SHA256: strings.ToLower(p.SHA256)})
	}
	m := c.Manifest()
	if m != nil {
		ev.Tool, ev.Command = m.Tool.Version, command(m)
		if !m.CapturedAt.IsZero() {
			at := m.CapturedAt.UTC()
			ev.CapturedAt = &at
		}
	}
	ev.Offset, ev.Clocked = offset(m, sum, match)
	s := &a.b.Source
	s.Evidence = append(s.Evidence, ev)
	s.Case = caseOf(s.Evidence)
	s.Redacted = s.Redacted || m != nil && m.Redacted != nil
}

// offset returns how far wall-clock time is ahead of a trace's clock, in nanoseconds.
// It takes the best source there is: the trace's own clock snapshot, then the matched
// probes, which are good to about a millisecond, then the moment at which the trace was
// requested, good to some milliseconds. Without any, clocked is false and the trace
// begins in 1970.
func offset(m *capture.Manifest, sum *timeline.Summary, match *matcher) (ns int64, clocked bool) {
	switch {
	case sum.Clock != nil:
		return sum.Clock.Wall.UnixNano() - sum.Clock.Trace, true
	case match.pairs > 0:
		return match.offset, true
	case m != nil && m.Window.Start > 0:
		return m.Window.Start - sum.Start, true
	}
	return -sum.Start, false
}

// caseOf returns the case of several captures together, independent of their order. The
// case of one capture is its own.
func caseOf(list []breakdown.Evidence) string {
	if len(list) == 1 {
		return list[0].Case
	}
	var names []string
	for _, e := range list {
		if e.Nth <= 1 {
			names = append(names, e.Case+"\n")
		}
	}
	if len(names) == 1 {
		return list[0].Case
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "ts-" + hex.EncodeToString(sum[:6])
}

// command returns the command line that collects the same capture again. It is empty
// for a capture made of a bare trace, which has no target. It holds no secrets, since a
// manifest holds none.
func command(m *capture.Manifest) string {
	if m.Target == "" {
		return ""
	}
	words := []string{"timesink", "run", m.Target}
	if auto := m.Asked.Auto; auto != nil {
		words = append(words, "-d", "auto")
		for _, name := range auto.Endpoints {
			words = append(words, "--endpoint", quoted(name))
		}
	} else if m.Asked.Duration > 0 {
		words = append(words, "-d", time.Duration(m.Asked.Duration).String())
	}
	for _, u := range m.Asked.URLs {
		method, path, ok := strings.Cut(u.Route, " ")
		if !ok {
			method, path = "GET", u.Route
		}
		if method != "GET" {
			words = append(words, "--method", method)
		}
		words = append(words, "--url", quoted(u.Host+path))
	}
	if m.Asked.Light != nil {
		words = append(words, "--light")
	}
	if m.Sampling != nil && m.Sampling.Why == capture.UntracedAsked {
		words = append(words, "--no-trace")
	}
	if len(m.Asked.URLs) > 0 {
		words = append(words, "--rate", fmt.Sprint(m.Asked.Rate))
	}
	return strings.Join(words, " ")
}

// quoted returns a word in single quotes for a shell. It always adds the quotes, so
// that masking a host gives the same word before and after.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
