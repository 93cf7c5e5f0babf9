package report

import (
	"fmt"
	"time"

	"timesink/analyze/breakdown"
)

// An evidenceView lists what one capture consists of.
type evidenceView struct {
	Case  string
	Facts []fact
	Parts []partRow
}

type fact struct{ Name, Value string }

type partRow struct{ Name, Size, SHA256 string }

// evidenceOf lists what the answer was read from, so that the holder of a copy can
// check that it is the same.
func evidenceOf(s *breakdown.Source) []evidenceView {
	var list []evidenceView
	for i := range s.Evidence {
		e := &s.Evidence[i]
		v := evidenceView{Case: clean(e.Case)}
		add := func(name, value string) {
			if value != "" {
				v.Facts = append(v.Facts, fact{name, clean(value)})
			}
		}
		if e.CapturedAt != nil {
			add("captured at", e.CapturedAt.UTC().Format(time.RFC3339Nano))
		}
		add("collected by", e.Tool)
		add("to collect the same again", e.Command)
		for _, p := range e.Parts {
			v.Parts = append(v.Parts, partRow{clean(p.Name), count(p.Size) + " bytes", clean(p.SHA256)})
		}
		list = append(list, v)
	}
	return list
}

// sourceFacts returns what is known of the service and the window, and why that ended.
func sourceFacts(s *breakdown.Source, ended string) []fact {
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, clean(value)})
		}
	}
	add("case", s.Case)
	add("target", s.Target)
	add("the service's Go", s.GoVersion)
	if s.CapturedAt != nil {
		add("captured at", s.CapturedAt.UTC().Format(time.RFC3339))
	}
	add("window", windowText(s))
	add("its end", ended)
	if s.GOMAXPROCS > 0 {
		add("GOMAXPROCS", saturated(s))
	}
	if s.Instances > 1 {
		add("instances", count(int64(s.Instances)))
	}
	if s.ProbeRate > 0 {
		add("probes", fmt.Sprintf("%.1f a second", s.ProbeRate))
	}
	return list
}
