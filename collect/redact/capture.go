package redact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"timesink/collect/capture"
)

// Capture writes into w what from holds, with what is private masked, and returns
// what that was. The caller finishes or discards w. A bare trace becomes a capture
// of that trace alone. An error means that something of it cannot be masked:
// nothing of w must be used then.
//
// The result keeps the case of the original. Parts that cannot be read, or are of
// a kind unknown here, are left out, as their entry in the manifest says.
func Capture(ctx context.Context, from *capture.Capture, w *capture.Writer) ([]Item, error) {
	name, err := from.Case()
	if err != nil {
		return nil, err
	}
	j := &job{from: from, redactor: New(from.Manifest()), create: func(name string) (io.WriteCloser, error) { return w.CreatePart(name) }}
	m, err := j.run(ctx)
	if err != nil {
		return nil, &capture.Error{Op: "redact " + from.Path(), Err: err}
	}
	m.Redacted = &capture.Redacted{Case: j.redactor.Text(name)}
	w.Manifest = *m
	return j.items, nil
}

// Private lists what Capture would mask: part by part, in the order of the
// manifest, which goes first.
func Private(ctx context.Context, c *capture.Capture) ([]Item, error) {
	j := &job{from: c, redactor: New(c.Manifest()), create: func(string) (io.WriteCloser, error) { return nowhere{io.Discard}, nil }}
	if _, err := j.run(ctx); err != nil {
		return nil, &capture.Error{Op: "list what is private in " + c.Path(), Err: err}
	}
	return j.items, nil
}

// nowhere is where a part goes that is only looked at.
type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

// A job is a capture being masked.
type job struct {
	from     *capture.Capture
	redactor *Redactor
	create   func(name string) (io.WriteCloser, error)
	items    []Item
}

// run masks all parts and returns the manifest of the result.
func (j *job) run(ctx context.Context) (*capture.Manifest, error) {
	m := &capture.Manifest{Parts: []capture.Part{{Name: capture.TracePart}}}
	if from := j.from.Manifest(); from != nil {
		m = &capture.Manifest{}
		data, err := json.Marshal(from) // a copy that shares nothing
		if err := errors.Join(err, json.Unmarshal(data, m)); err != nil {
			return nil, err
		}
	}
	ofParts := j.items
	for i := range m.Parts {
		t := newTally(j.redactor, m.Parts[i].Name)
		if err := j.part(ctx, &m.Parts[i], t); err != nil {
			return nil, err
		}
		ofParts = append(ofParts, t.items()...)
	}
	m.Warnings = j.from.Warnings() // also of what reading the parts has shown
	t := newTally(j.redactor, capture.ManifestName)
	names := make([]string, len(m.Parts))
	for i := range m.Parts {
		names[i] = m.Parts[i].Name
	}
	maskAll(reflect.ValueOf(m), t.text)
	for i := range m.Parts {
		m.Parts[i].Name = names[i]
	}
	j.items = append(t.items(), ofParts...)
	return m, nil
}

// part masks one part. Its size and checksum come when the capture is finished.
func (j *job) part(ctx context.Context, p *capture.Part, t *tally) error {
	p.Size, p.SHA256 = 0, ""
	open := func() (io.ReadCloser, error) { return j.from.Part(p.Name) }
	r, err := open()
	if errors.Is(err, capture.ErrNoPart) {
		return nil // it never came
	}
	if err != nil {
		return err
	}
	r.Close()
	kind, _ := capture.KindOf(p.Name)
	mask, ok := byContent[kind.Content]
	if !ok {
		p.Error = said(p.Error, "left out, because this timesink does not know where it holds what is private")
		return nil
	}
	write, err := mask(j, ctx, open, t)
	if err != nil {
		p.Error = said(p.Error, fmt.Sprintf("left out, because it cannot be read to mask what is private: %v", err))
		return nil
	}
	w, err := j.create(p.Name)
	if err != nil {
		return err
	}
	return errors.Join(write(w), w.Close())
}

// An opener opens the part that is being masked, as often as it is called.
type opener func() (io.ReadCloser, error)

// byContent holds how parts are masked, by the content that capture.Kinds
// declares. Each function returns what writes the masked part; an error means
// that the part must be left out.
var byContent = map[capture.Content]func(*job, context.Context, opener, *tally) (write func(io.Writer) error, err error){
	capture.TraceContent:   (*job).trace,
	capture.ProfileContent: (*job).profile,
	capture.ProbesContent:  (*job).probes,
}

func (j *job) trace(ctx context.Context, open opener, t *tally) (func(io.Writer) error, error) {
	return func(w io.Writer) error { return rewriteTrace(ctx, w, open, masks{t.text, t.whole, orphan}) }, nil
}

// profile masks a profile in memory: profiles are small, and one that cannot be
// read must not leave half a part behind.
func (j *job) profile(_ context.Context, open opener, t *tally) (func(io.Writer) error, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var whole bytes.Buffer
	if err := rewriteProfile(&whole, r, t.text, t.label); err != nil {
		return nil, err
	}
	return func(w io.Writer) error { _, err := whole.WriteTo(w); return err }, nil
}

// orphan masks a string that nothing refers to any more, which is not worth to be
// listed.
func orphan(string) string { return valueMask }

// said adds to what is known of a part.
func said(before, more string) string {
	if before == "" {
		return more
	}
	return before + "; " + more
}

// probes masks the probes. Their paths become those of their routes: what was
// filled in for {name} is somebody's.
func (j *job) probes(_ context.Context, _ opener, t *tally) (func(io.Writer) error, error) {
	return func(w io.Writer) error {
		probes, err := j.from.Probes()
		if err != nil {
			return err
		}
		for i := range probes {
			maskProbe(&probes[i], t)
		}
		return capture.WriteProbes(w, probes...)
	}, nil
}

func maskProbe(p *capture.Probe, t *tally) {
	if _, pattern, ok := strings.Cut(p.Route, " "); ok && p.Path != pattern {
		t.whole(p.Path)
		p.Path = pattern
	}
	p.Path = strings.TrimPrefix(t.text(p.Method+" "+p.Path), p.Method+" ") // a route's, and no file's
	path := p.Path
	maskAll(reflect.ValueOf(p), t.text)
	p.Path = path
}

// maskAll masks every string that a value holds, so that a field added later is
// masked too.
func maskAll(v reflect.Value, mask func(string) string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			maskAll(v.Elem(), mask)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				maskAll(v.Field(i), mask)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			maskAll(v.Index(i), mask)
		}
	case reflect.String:
		v.SetString(mask(v.String()))
	}
}
