package report

import (
	"fmt"
	"math"
	"strings"

	"timesink/analyze/breakdown"
)

// Sure says how sure the figures of an endpoint are so far: "mean ±7%, upstream ±2 points". It
// returns "" if nothing is known.
func Sure(e *breakdown.Endpoint) string {
	if e.Precision == nil {
		return ""
	}
	text := "mean " + plusMinus(e.MeanError())
	share, bucket := e.ShareError()
	for i := range e.Buckets {
		if t := &e.Buckets[i]; t.Bucket == bucket && share > 0 {
			text += ", " + label(t) + " " + points(share)
		}
	}
	return text
}

// plusMinus writes a relative distance: ±2.1%.
func plusMinus(share float64) string {
	if math.IsInf(share, 1) {
		return "not known"
	}
	if share < 0.0995 {
		return fmt.Sprintf("±%.1f%%", 100*share)
	}
	return fmt.Sprintf("±%.0f%%", 100*share)
}

// points writes the distance of a share: ±0.8 points.
func points(share float64) string {
	if share < 0.0995 {
		return fmt.Sprintf("±%.1f points", 100*share)
	}
	return fmt.Sprintf("±%.0f points", 100*share)
}

// knownText says why a window ended that was to end as soon as the answer was known, and how
// precise the figures are. It returns "" for a window of given length.
func knownText(b *breakdown.Breakdown) string {
	a := b.Source.Auto
	if a == nil {
		return ""
	}
	e := b.Busiest()
	if len(a.Open) > 0 {
		e = nil
		for i := range b.Endpoints {
			if title(&b.Endpoints[i]) == a.Open[0] {
				e = &b.Endpoints[i]
			}
		}
	}
	text := ""
	switch a.Known {
	case breakdown.Precise, breakdown.Conclusive:
		text = "the answer was known after " + seconds(b.Source.Covered)
	case breakdown.Undetermined:
		text = seconds(b.Source.Covered) + " were not enough"
		if len(a.Open) > 0 && (len(a.Asked) > 0 || len(b.Endpoints) > 1) {
			text += " for " + shorten(clean(a.Open[0]), 40)
			if more := len(a.Open) - 1; more > 0 {
				text += fmt.Sprintf(" and %d more", more)
			}
		}
	default:
		return ""
	}
	if e == nil || e.Precision == nil {
		return text
	}
	share, _ := e.ShareError()
	parts := []string{"mean " + plusMinus(e.MeanError()), "shares " + points(share), "p95 " + plusMinus(e.P95Error())}
	text += ": " + strings.Join(parts, ", ")
	if a.Known == breakdown.Conclusive {
		text += ", none of which would change the cause"
	}
	return text
}
