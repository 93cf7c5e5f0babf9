package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"timesink/analyze/breakdown"
	"timesink/collect"
	"timesink/report"
)

// A progress shows on standard error how far a collection has come, and the answer so
// far: a few lines that it keeps overwriting. If standard error is not a terminal, it
// prints only notes.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	shown int  // lines on the screen
	most  bool // the window may end before its time
	// soFar is set by the analysis, which thus never waits for the terminal.
	soFar atomic.Pointer[breakdown.Snapshot]
}

func (t *tool) progress() *progress {
	return &progress{w: t.stderr, live: isTerminal(t.stderr) && !t.verbose && !t.logJSON}
}

// observe returns the function that the collection calls to report progress, or nil if
// nothing is shown.
func (p *progress) observe() func(collect.Progress) {
	if !p.live {
		return nil
	}
	return func(now collect.Progress) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.draw(p.lines(now))
	}
}

// grown returns the function that the analysis calls with the answer so far, or nil if
// nothing is shown.
func (p *progress) grown() func(breakdown.Snapshot) {
	if !p.live || !moves(p.w) {
		return nil
	}
	return func(s breakdown.Snapshot) { p.soFar.Store(&s) }
}

// lines returns the lines to show. A terminal with too few rows gets only the first
// line, since lines that have scrolled away cannot be overwritten.
func (p *progress) lines(now collect.Progress) []string {
	width := columns(p.w) - 1 // a terminal may break the line at its last column
	s := p.soFar.Load()
	head := []rune(p.progressLine(now, s))
	lines := []string{string(head[:min(len(head), max(width, 0))])}
	if s == nil || width < fewestColumns {
		return lines
	}
	more := report.Live(s, report.TextOptions{Width: width, Color: colored(p.w)})
	if height(p.w) <= len(more)+1 {
		return lines
	}
	return append(lines, more...)
}

// fewestColumns is the width below which the growing answer is not shown.
const fewestColumns = 40

// draw overwrites the lines on the screen in one write, so that nothing flickers.
func (p *progress) draw(lines []string) {
	var b strings.Builder
	b.WriteString(p.home())
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("\r" + l + clearLine)
	}
	if len(lines) < p.shown {
		b.WriteString(clearBelow)
	}
	p.shown = len(lines)
	io.WriteString(p.w, b.String())
}

// Control sequences that all terminals in use agree on.
const (
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// home returns the sequence that moves to the first line on the screen.
func (p *progress) home() string {
	if p.shown < 2 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", p.shown-1)
}

func (p *progress) clear() {
	switch {
	case p.shown > 1:
		io.WriteString(p.w, p.home()+clearBelow)
	case p.shown == 1:
		io.WriteString(p.w, p.home()+clearLine)
	}
	p.shown = 0
}

// note writes a line that stays.
func (p *progress) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.w, text)
}

// say shows a line in place of what is shown.
func (p *progress) say(text string) {
	if !p.live {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	head := []rune(text)
	p.draw([]string{string(head[:min(len(head), max(columns(p.w)-1, 0))])})
}

// yield clears the lines and calls tell, which prints the answer. The answer so far is
// not shown again.
func (p *progress) yield(tell func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.soFar.Store(nil)
	p.clear()
	return tell()
}

// done clears the lines.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

var stageText = map[collect.Stage]string{
	collect.StageSurvey:   "asking the service what it offers",
	collect.StageBaseline: "probing before the window",
	collect.StageWindow:   "observing",
	collect.StageFinish:   "saving",
}

// progressLine says how far a collection has come and, if it ends when the answer is known,
// how sure that is. soFar may be nil.
func (g *progress) progressLine(p collect.Progress, soFar *breakdown.Snapshot) string {
	text := stageText[p.Stage]
	switch {
	case p.Of > 0 && g.most && p.Stage == collect.StageWindow:
		text += fmt.Sprintf(": %.1f s, at most %.0f s", p.Elapsed.Seconds(), p.Of.Seconds())
		if soFar != nil && soFar.Top.Precision != nil {
			text += ", " + report.Sure(&soFar.Top)
		}
	case p.Of > 0:
		text += fmt.Sprintf(": %.1f of %.1f s", min(p.Elapsed, p.Of).Seconds(), p.Of.Seconds())
	}
	if p.Bytes > 0 {
		text += ", " + collect.BytesText(p.Bytes) + " of trace"
	}
	switch {
	case p.Sent == 1:
		text += ", 1 probe sent"
	case p.Sent > 1:
		text += fmt.Sprintf(", %d probes sent", p.Sent)
	}
	if p.Failed > 0 {
		text += fmt.Sprintf(" (%d failed)", p.Failed)
	}
	return text
}
