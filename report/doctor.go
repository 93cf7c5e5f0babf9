package report

import (
	"fmt"
	"io"
	"strings"
)

// A Diagnosis is what a service exposes to timesink.
type Diagnosis struct {
	Target     string
	GoVersion  string // "" if unknown; GOMAXPROCS and Goroutines are 0 if unknown
	GOMAXPROCS int
	Goroutines int
	Endpoints  []DiagnosedEndpoint
	Advice     []Advice // the most important first
	// Fails reports whether a collection would fail now.
	Fails bool
	// Asked is the window asked for. Longest is the longest one that the service
	// allows, or 0 if it sets no limit. Both are in nanoseconds.
	Asked, Longest int64
	Fallback       Fallback
}

// A Fallback is what a run without a trace would answer from: so many snapshots of the
// goroutines, each of which costs the service SnapshotCost ns, and all the share Cost of its
// time. If Samples is false, Refused says why there can be none.
type Fallback struct {
	Samples      bool
	Snapshots    int
	SnapshotCost int64
	Cost         float64
	Refused      string
	Probed       bool // probes alone would give an answer
}

// A DiagnosedEndpoint is the answer of one endpoint of net/http/pprof.
type DiagnosedEndpoint struct {
	Name string
	OK   bool
	Took int64 // ns, 0 if it was not asked
	Note string
}

// Advice is one thing to do for a better answer.
type Advice struct {
	ID   string // of the catalogue
	What string
	Code string // lines to add to the service, or ""
}

// DiagnosisText writes a diagnosis as a page for a terminal: the service, which
// endpoints answer, what would improve the answer, and in the last line whether a run
// would succeed. It uses only o.Width.
func DiagnosisText(w io.Writer, d *Diagnosis, o TextOptions) error {
	p := newPage(o)
	p.fields(plain, 0, d.facts()...)
	p.line(plain, "")
	if err := p.endpoints(d.Endpoints); err != nil {
		return fmt.Errorf("laying out the diagnosis: %w", err)
	}
	if len(d.Advice) > 0 {
		p.line(plain, "")
		p.line(plain, "What would improve the answer")
	}
	for i, a := range d.Advice {
		p.text(plain, 2, fmt.Sprintf("%d. ", i+1), clean(a.What))
		for line := range strings.Lines(a.Code) {
			p.line(plain, spaces(9)+clean(strings.TrimSuffix(line, "\n")))
		}
		if id := explainedID(a.ID); id != "" {
			p.line(dim, spaces(5)+"timesink explain "+id)
		}
	}
	p.line(plain, "")
	if text := d.withoutTrace(); text != "" {
		p.text(plain, 0, "", text)
		p.line(plain, "")
	}
	p.text(plain, 0, "", d.verdict())
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("writing the diagnosis: %w", err)
	}
	return nil
}

func (d *Diagnosis) facts() []string {
	facts := []string{clean(d.Target)}
	if d.GoVersion != "" {
		facts = append(facts, clean(d.GoVersion))
	}
	if d.GOMAXPROCS > 0 {
		facts = append(facts, fmt.Sprintf("GOMAXPROCS %d", d.GOMAXPROCS))
	}
	if d.Goroutines > 0 {
		facts = append(facts, fmt.Sprintf("%d goroutines", d.Goroutines))
	}
	return facts
}

// endpoints lists each endpoint's answer.
func (p *page) endpoints(list []DiagnosedEndpoint) error {
	var rows []row
	for _, e := range list {
		ok, took := "ok", ""
		if !e.OK {
			ok = "no"
		}
		if e.Took > 0 {
			took = fmt.Sprintf("%6.1f ms", float64(e.Took)/1e6)
		}
		rows = append(rows, row{cells: []string{clean(e.Name), ok, took}})
	}
	if len(rows) == 0 {
		return nil
	}
	left := p.beside(2, rows)
	for i, e := range list {
		rows[i].note = wrap(clean(e.Note), left)
	}
	return p.table(2, rows)
}

// withoutTrace says what a run would answer from without a trace, and at which cost.
func (d *Diagnosis) withoutTrace() string {
	f := &d.Fallback
	switch {
	case f.Samples:
		return fmt.Sprintf("Without a trace: about %s of the goroutines in %s, which cost %s each, %s of the service's time.",
			counted(int64(f.Snapshots), "snapshot", "snapshots"), seconds(d.Asked), duration(f.SnapshotCost), percent(f.Cost))
	case f.Probed && f.Refused != "":
		return fmt.Sprintf("Without a trace: no snapshots of the goroutines (%s); --url URL measures from outside, and costs the service its probes alone.", clean(f.Refused))
	}
	return ""
}

func (d *Diagnosis) verdict() string {
	target := clean(d.Target)
	switch {
	case d.Fails && d.Fallback.Samples:
		return fmt.Sprintf("Not ready for a trace: timesink run %s would give an estimate from snapshots of the goroutines.", target)
	case d.Fails && d.Fallback.Probed:
		return fmt.Sprintf("Not ready: timesink run %s would fail without --url, and with it see no more than clients do.", target)
	case d.Fails:
		return fmt.Sprintf("Not ready: timesink run %s would fail.", target)
	}
	window := d.Asked
	if d.Longest > 0 {
		window = min(window, d.Longest)
	}
	text := fmt.Sprintf("Ready: timesink run %s can observe %s", target, seconds(window))
	if window < d.Asked {
		text += fmt.Sprintf(", not %s: the server's write timeout is shorter", seconds(d.Asked))
	}
	return text + "."
}
