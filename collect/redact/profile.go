package redact

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"
)

// maxProfile is the largest decompressed profile, in bytes: a capture may come
// from an untrusted source.
const maxProfile = 1 << 30

// Profile returns a copy of a gzipped pprof profile with private data masked, as
// Capture does for profiles in a capture.
func (r *Redactor) Profile(profile io.Reader) (io.Reader, error) {
	var masked bytes.Buffer
	t := newTally(r, "")
	if err := rewriteProfile(&masked, profile, t.text, t.label); err != nil {
		return nil, fmt.Errorf("mask private data in the profile: %w", err)
	}
	return &masked, nil
}

// rewriteProfile copies a gzipped profile to w with its strings masked.
func rewriteProfile(w io.Writer, r io.Reader, text, label func(string) string) error {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(zr, maxProfile+1))
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if len(data) > maxProfile {
		return fmt.Errorf("larger than %d bytes", maxProfile)
	}
	p, err := profile.ParseUncompressed(data)
	if err != nil {
		return err
	}
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
	return p.Write(w)
}

// plainLabels lists label values that reveal nothing.
var plainLabels = map[string]bool{"": true, "true": true, "false": true, "GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true,
	"DELETE": true, "OPTIONS": true, "CONNECT": true, "TRACE": true}

// plainLabel reports whether a label's value may stay. Small numbers are shards,
// workers and states; larger ones may be personal.
func plainLabel(value string) bool {
	return plainLabels[value] || len(value) <= 4 && strings.Trim(value, "0123456789") == ""
}
