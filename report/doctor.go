package report

import (
	"fmt"
	"io"
	"strings"
)

// A Diagnosis is what a service exposes to timesink.
type Diagnosis struct {
	Target     string
	GoVersion  string // "" where it is not known; so are the numbers where they are 0
	GOMAXPROCS int
	Goroutines int
	Endpoints  []DiagnosedEndpoint
	Advice     []Advice // what would improve the answer, the most important first
	// Fails is set where a collection would fail now.
	Fails bool
	// Asked is the window that was asked about, Longest the longest that the service
	// allows, 0 where it sets no bound. Both are nanoseconds.
	Asked, Longest int64
}

// A DiagnosedEndpoint is what one endpoint of net/http/pprof answered.
type DiagnosedEndpoint struct {
	Name string
	OK   bool
	Took int64 // ns, 0 where it was not asked
	Note string
}

// Advice is one thing to do for a better answer.
type Advice struct {
	What string
	Code string // the lines to add to the service, "" for none
}

// DiagnosisText writes a diagnosis as a page for a terminal: what the service is, what
// answers, what would improve the answer, and in the last line whether a run would
// succeed. Of the options it takes Width.
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
	}
	p.line(plain, "")
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

// endpoints lists what each endpoint answered.
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

func (d *Diagnosis) verdict() string {
	target := clean(d.Target)
	if d.Fails {
		return fmt.Sprintf("Not ready: timesink run %s would fail now.", target)
	}
	window := d.Asked
	if d.Longest > 0 {
		window = min(window, d.Longest)
	}
	text := fmt.Sprintf("Ready: timesink run %s can look for %s", target, seconds(window))
	if window < d.Asked {
		text += fmt.Sprintf(", not for %s: the server's write timeout forbids more", seconds(d.Asked))
	}
	return text + "."
}
