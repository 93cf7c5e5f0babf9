package redact

import (
	"strings"

	"github.com/google/pprof/profile"
)

// Profile masks private data in a profile, as Capture does for profiles in a capture.
func (r *Redactor) Profile(p *profile.Profile) {
	t := newTally(r, "")
	maskProfile(p, t.text, t.label)
}

// maskProfile masks the strings of a profile.
func maskProfile(p *profile.Profile, text, label func(string) string) {
	for _, m := range p.Mapping {
		m.File = text(m.File)
	}
	for _, f := range p.Function {
		f.Name, f.SystemName, f.Filename = text(f.Name), text(f.SystemName), text(f.Filename)
	}
	for i, comment := range p.Comments {
		p.Comments[i] = text(comment)
	}
	p.DocURL = text(p.DocURL)
	for _, s := range p.Sample {
		for _, values := range s.Label {
			for i, value := range values {
				values[i] = label(value)
			}
		}
	}
}

// plainLabels lists label values that reveal nothing.
var plainLabels = map[string]bool{"": true, "true": true, "false": true, "GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true,
	"DELETE": true, "OPTIONS": true, "CONNECT": true, "TRACE": true}

// plainLabel reports whether a label's value may stay. Small numbers are shards,
// workers and states; larger ones may be personal.
func plainLabel(value string) bool {
	return plainLabels[value] || len(value) <= 4 && strings.Trim(value, "0123456789") == ""
}
