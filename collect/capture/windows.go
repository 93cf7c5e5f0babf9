package capture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A capture may hold several short windows in place of one long one. The parts that are
// taken in a window are then there once for each window; all others, the probes among them,
// are there once.

// maxWindows is how many windows a capture may have.
const maxWindows = 99

// PartName returns the name of a part of the window with that number, from 1, given the name
// of its kind: "trace.out", "trace-2.out".
func PartName(kind string, window int) string {
	if window <= 1 {
		return kind
	}
	stem, suffix, _ := strings.Cut(kind, ".")
	return fmt.Sprintf("%s-%d.%s", stem, window, suffix)
}

// windowOf undoes PartName. It returns the name itself and 1 for one that it did not make.
func windowOf(name string) (kind string, window int) {
	stem, suffix, _ := strings.Cut(name, ".")
	at := strings.LastIndexByte(stem, '-')
	if at < 0 {
		return name, 1
	}
	n, err := strconv.Atoi(stem[at+1:])
	if kind := stem[:at] + "." + suffix; err == nil && n > 1 && n <= maxWindows && PartName(kind, n) == name {
		return kind, n
	}
	return name, 1
}

// Windows returns a view of each window: a capture of that window alone, whose manifest and
// parts are those of the window. Probes belong to the window in which they were sent, and those
// before the first window to the first. A view has the case of the whole and is valid until the
// whole is closed. Of a capture with one window, Windows returns the capture itself.
func (c *Capture) Windows() []*Capture {
	if c.manifest == nil || len(c.manifest.Windows) < 2 || c.whole != nil {
		return []*Capture{c}
	}
	var views []*Capture
	for i := range c.manifest.Windows {
		if i > 0 && c.live && c.manifest.Windows[i].End == 0 {
			break // it has only begun
		}
		views = append(views, c.view(i+1))
	}
	return views
}

// AllWindows returns the windows of several captures, one after another, and the index of
// the capture of each.
func AllWindows(captures []*Capture) (views []*Capture, of []int) {
	for i, c := range captures {
		for _, view := range c.Windows() {
			views, of = append(views, view), append(of, i)
		}
	}
	return views, of
}

// view returns the view of the window with that number.
func (c *Capture) view(nth int) *Capture {
	m := *c.manifest
	m.Windows, m.Parts = nil, nil
	m.CapturedAt, m.Window = c.manifest.Windows[nth-1].CapturedAt, c.manifest.Windows[nth-1].Window
	for _, p := range c.manifest.Parts {
		kind, window := windowOf(p.Name)
		if declared, ok := KindOf(p.Name); ok && declared.Windowed {
			if window != nth {
				continue
			}
			p.Name = kind
		}
		m.Parts = append(m.Parts, p)
	}
	view := &Capture{path: c.path, manifest: &m, files: c.files, live: c.live, besides: c.besides, whole: c, nth: nth}
	if nth == 1 {
		view.warnings = c.Warnings()
	} else {
		m.Warnings = nil
	}
	return view
}

// Nth returns the number of the window that the capture is a view of, from 1, and 0 for a whole
// capture.
func (c *Capture) Nth() int { return c.nth }

// file returns the name of a part's file.
func (c *Capture) file(name string) string {
	if at := position(name); c.whole != nil && at >= 0 && kinds[at].Windowed {
		return PartName(name, c.nth)
	}
	return name
}

// sentIn reports whether a probe belongs to the capture: all do, unless it is the view of one
// window.
func (c *Capture) sentIn(p *Probe) bool {
	if c.whole == nil {
		return true
	}
	windows := c.whole.manifest.Windows
	after := slices.IndexFunc(windows[1:], func(w OneWindow) bool { return p.Start < w.Start }) + 1
	if after == 0 {
		after = len(windows)
	}
	return c.nth == after
}
