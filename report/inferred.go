package report

import (
	"strings"

	"timesink/analyze/breakdown"
)

// inferred says how many of an endpoint's requests are inferred, and how certain its
// figures are. It returns "" if none are.
func (b *block) inferred() string {
	e := b.e
	if e.Inferred == 0 {
		return ""
	}
	text := count(e.Known) + " known, " + count(e.Inferred) + " inferred"
	var parts []string
	if r := e.RequestsCI95; r != nil && r[0] < r[1] {
		parts = append(parts, count(r[0])+" to "+counted(r[1], "request", "requests"))
	}
	for _, f := range []struct {
		name string
		in   *breakdown.Interval
	}{{"mean", e.Wall.MeanCI95}, {"p50", e.Wall.P50CI95}, {"p95", e.Wall.P95CI95}} {
		if f.in != nil && f.in[0] < f.in[1] && len(parts) > 0 {
			parts = append(parts, f.name+" "+b.scale.between(f.in))
		}
	}
	if len(parts) > 0 {
		text += "; with 95% certainty " + strings.Join(parts, ", ")
	}
	return text
}

// between returns a range, both bounds with the decimals that suit the larger.
func (s scale) between(r *breakdown.Interval) string {
	return s.digits(r[0], r[1]) + " to " + s.digits(r[1], r[1]) + " " + s.unit
}
