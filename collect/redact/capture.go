package redact

import (
	"bufio"
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

// Capture copies the capture from to w with private data masked, and returns the
// masked items. The caller finishes or discards w. A bare trace becomes a capture
// of that trace alone. If Capture returns an error, something could not be masked
// and w must be discarded.
//
// The copy keeps the case of the original. Parts that cannot be read, or of an
// unknown kind, are left out, which their entry in the manifest states.
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

// Private returns the items that Capture would mask: first those of the manifest,
// then part by part in the manifest's order.
func Private(ctx context.Context, c *capture.Capture) ([]Item, error) {
	j := &job{from: c, redactor: New(c.Manifest()), create: func(string) (io.WriteCloser, error) { return nowhere{io.Discard}, nil }}
	if _, err := j.run(ctx); err != nil {
		return nil, &capture.Error{Op: "list what is private in " + c.Path(), Err: err}
	}
	return j.items, nil
}

// nowhere discards a part that is only inspected.
type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

// A job masks one capture.
type job struct {
	from     *capture.Capture
	redactor *Redactor
	create   func(name string) (io.WriteCloser, error)
	items    []Item
	leftOut  []capture.Part // with the reason as Error
}

// run masks all parts and returns the manifest of the copy.
func (j *job) run(ctx context.Context) (*capture.Manifest, error) {
	m := &capture.Manifest{Parts: []capture.Part{{Name: capture.TracePart}}}
	if from := j.from.Manifest(); from != nil {
		m = &capture.Manifest{}
		data, err := json.Marshal(from) // a deep copy
		if err := errors.Join(err, json.Unmarshal(data, m)); err != nil {
			return nil, err
		}
	}
	if j.from.PredictedBeside() && m.Part(capture.PredictionsPart) == nil {
		m.AddPart(capture.Part{Name: capture.PredictionsPart})
	}
	ofParts := j.items
	for i := range m.Parts {
		t := newTally(j.redactor, m.Parts[i].Name)
		if err := j.part(ctx, &m.Parts[i], t); err != nil {
			return nil, err
		}
		ofParts = append(ofParts, t.items()...)
	}
	m.Warnings = j.from.Warnings() // including those from reading the parts
	for _, p := range j.leftOut {
		m.Warn("part-left-out", "%s was left out of the redacted copy: %s", p.Name, p.Error)
	}
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

// part masks one part. Finish sets its size and checksum later.
func (j *job) part(ctx context.Context, p *capture.Part, t *tally) error {
	p.Size, p.SHA256 = 0, ""
	open := func() (io.ReadCloser, error) { return j.from.Part(p.Name) }
	r, err := open()
	switch {
	case err == nil:
		r.Close()
	case errors.Is(err, capture.ErrNoPart) && p.Name == capture.PredictionsPart && j.from.PredictedBeside():
		// its lines are all beside the capture
	case errors.Is(err, capture.ErrNoPart):
		return nil // it never arrived
	default:
		return err
	}
	kind, _ := capture.KindOf(p.Name)
	mask, ok := byContent[kind.Content]
	if !ok {
		j.leave(p, "this timesink does not know where it contains private data")
		return nil
	}
	write, err := mask(j, ctx, open, t)
	if err != nil {
		j.leave(p, fmt.Sprintf("it cannot be read to mask private data: %v", err))
		return nil
	}
	w, err := j.create(p.Name)
	if err != nil {
		return err
	}
	return errors.Join(write(w), w.Close())
}

// leave leaves a part out of the copy and says why.
func (j *job) leave(p *capture.Part, why string) {
	j.leftOut = append(j.leftOut, capture.Part{Name: p.Name, Error: why})
	p.Error = said(p.Error, "left out, because "+why)
}

// An opener opens the part being masked. It may be called more than once.
type opener func() (io.ReadCloser, error)

// byContent maps the content that capture.Kinds declares to the function that
// masks it. The function returns another one that writes the masked part. If it
// returns an error, the part must be left out.
var byContent = map[capture.Content]func(*job, context.Context, opener, *tally) (write func(io.Writer) error, err error){
	capture.TraceContent:   (*job).trace,
	capture.ProfileContent: (*job).profile,
	capture.ProbesContent:  (*job).probes,
	capture.SamplesContent: (*job).samples,
	capture.LinesContent:   (*job).lines,
}

func (j *job) trace(ctx context.Context, open opener, t *tally) (func(io.Writer) error, error) {
	return func(w io.Writer) error { return rewriteTrace(ctx, w, open, masks{t.text, t.whole, orphan}) }, nil
}

// maxProfile is how much memory a profile may use, in bytes: a capture may come from
// an untrusted source.
const maxProfile = 128_000_000

// profile masks a profile in memory: profiles are small, and an unreadable one
// must not leave half a part behind.
func (j *job) profile(_ context.Context, _ opener, t *tally) (func(io.Writer) error, error) {
	p, err := j.from.Profile(t.part, maxProfile)
	if err != nil {
		return nil, err
	}
	maskProfile(p, t.text, t.label)
	return p.Write, nil
}

// orphan masks a string that nothing refers to anymore. It is not worth listing.
func orphan(string) string { return valueMask }

// said appends to an earlier explanation.
func said(before, more string) string {
	if before == "" {
		return more
	}
	return before + "; " + more
}

// probes masks the probes. Their paths become those of their routes, because the
// values for {name} may be personal.
func (j *job) probes(_ context.Context, _ opener, t *tally) (func(io.Writer) error, error) {
	return func(w io.Writer) error {
		out := bufio.NewWriter(w)
		var failed error
		err := j.from.EachProbe(func(p *capture.Probe) bool {
			maskProbe(p, t)
			failed = capture.WriteProbes(out, *p)
			return failed == nil
		})
		return errors.Join(err, failed, out.Flush())
	}, nil
}

// samples masks the samples' functions and files, as those of profiles.
func (j *job) samples(_ context.Context, open opener, t *tally) (func(io.Writer) error, error) {
	rewrite := func(w io.Writer, change func(*capture.SampleLine)) error {
		r, err := open()
		if err != nil {
			return err
		}
		defer r.Close()
		return capture.RewriteSamples(w, r, change)
	}
	if err := rewrite(io.Discard, func(*capture.SampleLine) {}); err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		return rewrite(w, func(l *capture.SampleLine) { maskAll(reflect.ValueOf(l), t.text) })
	}, nil
}

// lines masks the predictions, also those kept beside the capture.
func (j *job) lines(_ context.Context, _ opener, t *tally) (func(io.Writer) error, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := j.from.EachPrediction(func(line []byte) error {
		var v any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber() // integers stay as they are
		if d.Decode(&v) != nil {
			return nil // a damaged line holds nothing that can be masked
		}
		return enc.Encode(maskedJSON(v, t.text))
	})
	return func(w io.Writer) error {
		_, err := w.Write(out.Bytes())
		return err
	}, err
}

// maskedJSON masks every string in a JSON value, also in keys.
func maskedJSON(v any, mask func(string) string) any {
	switch v := v.(type) {
	case string:
		return mask(v)
	case []any:
		for i := range v {
			v[i] = maskedJSON(v[i], mask)
		}
	case map[string]any:
		masked := make(map[string]any, len(v))
		for k := range v {
			masked[mask(k)] = maskedJSON(v[k], mask)
		}
		return masked
	}
	return v
}

func maskProbe(p *capture.Probe, t *tally) {
	if _, pattern, ok := strings.Cut(p.Route, " "); ok && p.Path != pattern {
		t.whole(p.Path)
		p.Path = pattern
	}
	p.Path = strings.TrimPrefix(t.text(p.Method+" "+p.Path), p.Method+" ") // the path of a route, not of a file
	path := p.Path
	maskAll(reflect.ValueOf(p), t.text)
	p.Path = path
}

// maskAll masks every string in a value, so that fields added later are masked
// too.
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
