package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"timesink/analyze/breakdown"
)

// JSON writes b in the schema that breakdown.Schema names, indented, with times
// as integers in nanoseconds. Arrays are never null, also where b holds nil
// slices. Control characters in the service's names are escaped, those beyond
// ASCII too, so that the output is safe to look at in a terminal.
func JSON(w io.Writer, b *breakdown.Breakdown) error {
	return writeJSON(w, normalised(b), "the breakdown")
}

func writeJSON(w io.Writer, v any, what string) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // function names hold <, > and &; nobody embeds this in a page
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding %s as JSON: %w", what, err)
	}
	if _, err := w.Write(escapeUnprintable(buf.Bytes())); err != nil {
		return fmt.Errorf("writing the JSON: %w", err)
	}
	return nil
}

// normalised is a copy of b without nil where the schema promises an array.
func normalised(b *breakdown.Breakdown) *breakdown.Breakdown {
	b = Worded(b)
	n := *b
	if n.Schema == "" {
		n.Schema = breakdown.Schema
	}
	n.Endpoints = copied(b.Endpoints)
	for i := range n.Endpoints {
		e := &n.Endpoints[i]
		e.Buckets = normalisedBuckets(e.Buckets)
		e.CPU = copied(e.CPU)
		e.CPULibraries = copied(e.CPULibraries)
		if e.Client != nil {
			client := *e.Client
			client.Phases = copied(client.Phases)
			e.Client = &client
		}
	}
	n.Roots = slices.Clone(b.Roots)
	for i := range n.Roots {
		n.Roots[i].Buckets = normalisedBuckets(n.Roots[i].Buckets)
	}
	for i := range n.Findings {
		n.Findings[i].Evidence = copied(n.Findings[i].Evidence)
	}
	return &n
}

func normalisedBuckets(buckets []breakdown.BucketTime) []breakdown.BucketTime {
	buckets = copied(buckets)
	for i := range buckets {
		t := &buckets[i]
		t.Systems = copied(t.Systems)
		t.Phases = copied(t.Phases)
		t.Sites = copied(t.Sites)
	}
	return buckets
}

// copied is a copy of s that is not nil.
func copied[T any](s []T) []T { return append([]T{}, s...) }

// escapeUnprintable replaces the characters that encoding/json passes although
// a terminal may act on them (DEL, the C1 controls, changes of writing
// direction) by JSON escapes, and U+FFFD too, which encoding/json escapes only
// where it stands for a byte that is no UTF-8. Only strings can hold any.
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
