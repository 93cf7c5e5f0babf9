package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"timesink/analyze/breakdown"
)

// JSON writes b in the schema named by breakdown.Schema, indented, with times as
// integers in nanoseconds. Arrays are never null, even where b holds nil slices. All
// control characters in the service's names are escaped, including those beyond ASCII,
// so the output is safe to print to a terminal.
func JSON(w io.Writer, b *breakdown.Breakdown) error {
	return writeJSON(w, normalized(b), "the breakdown")
}

func writeJSON(w io.Writer, v any, what string) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // function names hold <, > and &, and this is not embedded in a page
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding %s as JSON: %w", what, err)
	}
	if _, err := w.Write(escapeUnprintable(buf.Bytes())); err != nil {
		return fmt.Errorf("writing the JSON: %w", err)
	}
	return nil
}

// normalized returns a copy of b without nil where the schema promises an array.
func normalized(b *breakdown.Breakdown) *breakdown.Breakdown {
	b = Worded(b)
	n := *b
	if n.Schema == "" {
		n.Schema = breakdown.Schema
	}
	n.Endpoints = copied(b.Endpoints)
	for i := range n.Endpoints {
		e := &n.Endpoints[i]
		e.Buckets = normalizedBuckets(e.Buckets)
		e.CPU, e.CPUSites = copied(e.CPU), copied(e.CPUSites)
		if list := e.Examples(); list != nil {
			e.Shown = list
		}
		e.CPULibraries = copied(e.CPULibraries)
		if e.Client != nil {
			client := *e.Client
			client.Phases = copied(client.Phases)
			e.Client = &client
		}
	}
	n.Instances = slices.Clone(b.Instances)
	for i := range n.Instances {
		n.Instances[i].Labels = copied(n.Instances[i].Labels)
	}
	n.Roots = slices.Clone(b.Roots)
	for i := range n.Roots {
		n.Roots[i].Buckets = normalizedBuckets(n.Roots[i].Buckets)
	}
	for i := range n.Findings {
		f := &n.Findings[i]
		f.Evidence, f.Endpoints, f.Facts = copied(f.Evidence), copied(f.Endpoints), append(breakdown.Facts{}, f.Facts...)
		f.Confidence = cmp.Or(f.Confidence, breakdown.Possible) // of a finding that was read from older JSON
	}
	for i := range n.Causes {
		x := &n.Causes[i]
		x.Endpoints, x.Facts = copied(x.Endpoints), append(breakdown.Facts{}, x.Facts...)
	}
	return &n
}

func normalizedBuckets(buckets []breakdown.BucketTime) []breakdown.BucketTime {
	buckets = copied(buckets)
	for i := range buckets {
		t := &buckets[i]
		t.Systems = copied(t.Systems)
		t.Phases = copied(t.Phases)
		t.Sites = copied(t.Sites)
	}
	return buckets
}

// copied returns a copy of s that is not nil.
func copied[T any](s []T) []T { return append([]T{}, s...) }

// escapeUnprintable replaces by JSON escapes the characters that encoding/json passes
// although a terminal may act on them: DEL, the C1 controls, changes of writing
// direction. It also replaces U+FFFD, which encoding/json escapes only where it stands
// for an invalid byte. Such characters occur only within strings.
func escapeUnprintable(text []byte) []byte {
	isSafe := func(r rune) bool {
		return r < utf8.RuneSelf && r != 0x7f || r >= utf8.RuneSelf && r != utf8.RuneError && printable(r)
	}
	if bytes.IndexFunc(text, func(r rune) bool { return !isSafe(r) }) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for _, r := range string(text) {
		switch {
		case isSafe(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := surrogates(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
