package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// Answers from outside: what probes alone saw, and what the service says of its own time
// in Server-Timing headers.

// isOutside reports whether an answer rests on probes alone.
func isOutside(b *breakdown.Breakdown) bool { return b.Source.Outside != nil }

// seen says how many probes or requests an endpoint's figures rest on.
func (t *text) seen(e *breakdown.Endpoint) string {
	if isOutside(t.b) {
		return counted(e.Requests, "probe", "probes")
	}
	return counted(e.Requests, "request", "requests")
}

// answers says with which statuses probes were answered, and what new connections took.
func (b *block) answers(c *breakdown.Client) string {
	var parts []string
	for _, s := range c.Statuses {
		text := fmt.Sprintf("%d (%s)", s.Status, count(int64(s.Probes)))
		if len(c.Statuses) == 1 {
			text = fmt.Sprint(s.Status)
		}
		parts = append(parts, text)
	}
	text := "from outside: "
	if len(parts) > 0 {
		text += "status " + list(parts) + "; "
	}
	text += counted(int64(c.Probes), "answer", "answers") + " on kept connections"
	if f := c.Fresh; f != nil {
		unit := scaleOf(f.Mean)
		text += fmt.Sprintf(", %s, mean %s (connect %s", counted(int64(f.Probes), "more on a new one", "more on new ones"), unit.short(f.Mean), duration(f.Connect))
		if f.Handshakes > 0 {
			text += ", TLS " + duration(f.TLS)
		}
		text += ")"
	}
	if c.Failed > 0 {
		text += fmt.Sprintf("; %s without an answer", counted(int64(c.Failed), "probe", "probes"))
	}
	return text
}

// clientPhases returns the phases of the client's time that are worth showing.
func clientPhases(c *breakdown.Client) (phases []breakdown.ClientPhase) {
	for _, p := range c.Phases {
		if p.Mean > 0 && p.Phase != "outside_server" {
			phases = append(phases, p)
		}
	}
	return phases
}

// clientMeanings says what the client waits for in its phases.
var clientMeanings = map[string]string{
	"conn_wait":     "for a connection",
	"dns":           "name look-up",
	"connect":       "TCP handshake",
	"tls":           "TLS handshake",
	"request_write": "sending the request",
	"first_byte":    "the service works, and the network's way",
	"body_read":     "reading the answer",
}

// outside returns the table of an answer from outside: all time is unknown, and divided as
// the client sees it. What the service says of itself follows.
func (b *block) outside() []row {
	rows := b.bucket(&b.e.Buckets[breakdown.Unknown], false)
	for _, p := range clientPhases(b.e.Client) {
		if b.verbose || ratio(p.Mean, b.whole) >= b.ownLine() {
			rows = append(rows, b.row("  "+shorten(clean(p.Phase), nameColumns-2), p.Mean, wrap(clientMeanings[p.Phase], b.notes)...))
		}
	}
	list := b.e.Client.ServerTiming
	most := len(list)
	switch {
	case b.verbose:
	case b.leavesOut(fewSites):
		most = 1
	default:
		most = 6
	}
	for i, m := range list[:min(len(list), most)] {
		note := b.said(&m)
		if i == 0 {
			note = "says the service (Server-Timing)" + strings.TrimPrefix(", "+note, ", ,")
		}
		rows = append(rows, b.row("· "+shorten(clean(m.Name), nameColumns-2), m.Mean, wrap(note, b.notes)...))
	}
	return rows
}

// said says which answers a metric of a Server-Timing header was in.
func (b *block) said(m *breakdown.ServerTiming) string {
	if m.Probes >= b.e.Client.Probes {
		return "in each answer"
	}
	return fmt.Sprintf("in %d of %d answers", m.Probes, b.e.Client.Probes)
}

// saysItself says what the service's Server-Timing headers state, as a part of a sentence;
// "" if they state nothing.
func (b *block) saysItself(c *breakdown.Client) string {
	var parts []string
	most := len(c.ServerTiming)
	if !b.verbose {
		most = min(most, 3)
	}
	for _, m := range c.ServerTiming[:most] {
		parts = append(parts, shorten(clean(m.Name), 30)+" "+b.scale.short(m.Mean))
	}
	if len(parts) == 0 {
		return ""
	}
	return "its Server-Timing headers say " + list(parts)
}

// outsideOf returns the last line of a page that rests on probes alone.
func outsideOf(b *breakdown.Breakdown, e *breakdown.Endpoint) string {
	unit := scaleOf(e.Wall.Mean)
	text := "Clients wait " + unit.column(e.Wall.Mean)
	if len(b.Endpoints) > 1 {
		text += " for " + spokenTitle(e)
	}
	var most breakdown.ClientPhase
	for _, p := range clientPhases(e.Client) {
		if p.Mean > most.Mean {
			most = p
		}
	}
	if most.Mean > 0 {
		text += fmt.Sprintf(", %s of it %s", percent(ratio(most.Mean, e.Wall.Mean)), spokenPhase(most.Phase))
	}
	text += "."
	if list := e.Client.ServerTiming; len(list) > 0 && list[0].Mean > 0 {
		text += fmt.Sprintf(" The service itself says that %s of it is %s.", unit.column(list[0].Mean), shorten(clean(list[0].Name), 40))
	}
	return text + " What else the service does is unknown; the warning says which line of code would show it."
}

func spokenPhase(phase string) string {
	switch phase {
	case "first_byte":
		return "until the first byte of the answer"
	case "body_read":
		return "for reading the answer"
	case "connect", "dns", "tls", "conn_wait":
		return "for a connection (" + phase + ")"
	}
	return "in " + clean(phase)
}
