package main

import (
	"fmt"
	"io"
	"sync"

	"timesink/collect"
)

// A progress is one line on standard error that tells how far a collection has
// come, and is written over again. Where standard error is no terminal it says
// nothing but its notes.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	shown bool // the line is on the screen
}

func (t *tool) progress() *progress {
	return &progress{w: t.stderr, live: isTerminal(t.stderr) && !t.verbose && !t.logJSON}
}

// observe is what the collection calls, nil where nobody would see it.
func (p *progress) observe() func(collect.Progress) {
	if !p.live {
		return nil
	}
	return func(now collect.Progress) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.clear()
		p.shown = true
		line := []rune(progressLine(now))
		fmt.Fprint(p.w, string(line[:min(len(line), columns(p.w)-1)]))
	}
}

const clearLine = "\r\x1b[K"

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
	}
}

// note writes a line that stays.
func (p *progress) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.w, text)
}

// done takes the line away.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

var stageText = map[collect.Stage]string{
	collect.StageSurvey:   "asking the service what it offers",
	collect.StageBaseline: "probing before the window",
	collect.StageWindow:   "looking",
	collect.StageFinish:   "saving",
}

func progressLine(p collect.Progress) string {
	text := stageText[p.Stage]
	if p.Of > 0 {
		text += fmt.Sprintf(": %.1f of %.1f s", min(p.Elapsed, p.Of).Seconds(), p.Of.Seconds())
	}
	if p.Bytes > 0 {
		text += ", " + bytesText(p.Bytes) + " of trace"
	}
	if p.Sent > 0 {
		text += fmt.Sprintf(", %d probes sent", p.Sent)
	}
	if p.Failed > 0 {
		text += fmt.Sprintf(" (%d failed)", p.Failed)
	}
	return text
}
