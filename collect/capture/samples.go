package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"timesink/collect/bounded"
)

// Limits on what is read from an untrusted capture, in bytes.
const (
	maxSampleLine = 1 << 20   // of one line of samples.jsonl
	maxSamples    = 256 << 20 // of samples.jsonl
	maxStacks     = 32 << 20  // of the stacks, which a writer and a reader keep
)

// The forms in which a service lists its goroutines.
const (
	// FormText names each goroutine, with its state. The service stands still while it
	// writes the list.
	FormText = "text"
	// FormProfile counts the goroutines by stack, without their names and states. Since
	// Go 1.19 the service goes on meanwhile.
	FormProfile = "profile"
)

// A SampleLine is one line of samples.jsonl: a stack or a snapshot. A snapshot refers
// to stacks by their number, in the order of their lines, from 0.
type SampleLine struct {
	Stack    *Stack    `json:"stack,omitempty"`
	Snapshot *Snapshot `json:"snapshot,omitempty"`
}

// A Stack is the frames of goroutines, innermost first.
type Stack struct {
	Frames []Frame `json:"frames"`
	// CreatedBy is the function that started the goroutine, "" if that is not known.
	CreatedBy string `json:"created_by,omitempty"`
	// Elided is set if frames in the middle are missing.
	Elided bool `json:"elided,omitempty"`
}

// A Frame is a function with the file and line that it was at.
type Frame struct {
	Function string `json:"f"`
	File     string `json:"p,omitempty"`
	Line     int    `json:"l,omitempty"`
}

// A Snapshot is what all goroutines of a service were doing at one moment.
type Snapshot struct {
	At int64 `json:"at_ns"` // when it was requested, in Unix nanoseconds
	// Took is what it cost the service, in nanoseconds: how long it took to answer, less
	// the quickest round trip. In FormText that bounds how long the service stood still.
	Took       int64       `json:"took_ns"`
	Form       string      `json:"form"` // FormText or FormProfile
	Goroutines []Goroutine `json:"goroutines"`
}

// A Goroutine is one goroutine of a snapshot or, in FormProfile, several with one stack.
type Goroutine struct {
	Stack   int    `json:"s"`
	Count   int    `json:"n,omitempty"` // in FormProfile
	ID      int64  `json:"i,omitempty"`
	State   string `json:"w,omitempty"` // "running", "IO wait", "chan receive" …
	Minutes int    `json:"m,omitempty"` // that it has waited, rounded down
	Creator int64  `json:"c,omitempty"` // the ID of the goroutine that started it, 0 if that is not known
}

// A SampleWriter writes samples.jsonl, each stack once.
type SampleWriter struct {
	enc   *json.Encoder
	known map[string]int
	bytes int64
	size  *countingWriter
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// NewSampleWriter returns a writer of samples to w.
func NewSampleWriter(w io.Writer) *SampleWriter {
	size := &countingWriter{w: w}
	enc := json.NewEncoder(size)
	enc.SetEscapeHTML(false)
	return &SampleWriter{enc: enc, known: map[string]int{}, size: size}
}

// ErrTooManyStacks is the error for more stacks than a reader accepts.
var ErrTooManyStacks = errors.New("too many different stacks")

// Stack returns the number of a stack, and writes it if it is new. The key identifies
// it; stack is called only for a new one.
func (w *SampleWriter) Stack(key []byte, stack func() Stack) (int, error) {
	if n, ok := w.known[string(key)]; ok {
		return n, nil
	}
	if w.bytes > maxStacks {
		return 0, ErrTooManyStacks
	}
	s := stack()
	before := w.size.n
	if err := w.enc.Encode(SampleLine{Stack: &s}); err != nil {
		return 0, fmt.Errorf("write samples: %w", err)
	}
	w.bytes += w.size.n - before + int64(frameSize*len(s.Frames))
	n := len(w.known)
	w.known[string(key)] = n
	return n, nil
}

// Snapshot writes a snapshot.
func (w *SampleWriter) Snapshot(s *Snapshot) error {
	if err := w.enc.Encode(SampleLine{Snapshot: s}); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return nil
}

// Size returns the number of bytes written.
func (w *SampleWriter) Size() int64 { return w.size.n }

// A SampleReader reads samples.jsonl. It keeps the stacks and one snapshot.
type SampleReader struct {
	lines  *bounded.Lines
	stacks []Stack
	bytes  int
	line   int
}

// NewSampleReader returns a reader of the samples in r.
func NewSampleReader(r io.Reader) *SampleReader {
	return &SampleReader{lines: bounded.NewLines(io.LimitReader(r, maxSamples), maxSampleLine)}
}

// Stacks returns the stacks that snapshots so far may refer to.
func (r *SampleReader) Stacks() []Stack { return r.stacks }

// Next returns the next snapshot, and io.EOF after the last one. It ignores an
// incomplete last line, as a killed collection leaves it. Each goroutine's stack is one
// of Stacks, and its Count is at least 1.
func (r *SampleReader) Next() (*Snapshot, error) {
	for {
		line, err := r.lines.Next()
		if err == io.EOF {
			return nil, io.EOF
		}
		r.line++
		var l SampleLine
		if err == nil {
			err = json.Unmarshal(line, &l)
		}
		if err == nil && l.Stack != nil {
			err = r.keep(l.Stack, len(line)+frameSize*len(l.Stack.Frames))
		}
		if err == nil && l.Snapshot != nil {
			err = r.check(l.Snapshot)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("read samples: line %d: %w", r.line, err)
		case l.Snapshot != nil:
			return l.Snapshot, nil
		}
	}
}

func (r *SampleReader) keep(s *Stack, size int) error {
	if r.bytes += size; r.bytes > maxStacks {
		return ErrTooManyStacks
	}
	r.stacks = append(r.stacks, *s)
	return nil
}

// frameSize is the size of a Frame, in bytes, without its strings.
const frameSize = 48

// mostGoroutines is more than a process has.
const mostGoroutines = 1 << 30

func (r *SampleReader) check(s *Snapshot) error {
	if s.Form != FormText && s.Form != FormProfile {
		return fmt.Errorf("a snapshot of the form %q", s.Form)
	}
	all := 0
	for i := range s.Goroutines {
		g := &s.Goroutines[i]
		if g.Stack < 0 || g.Stack >= len(r.stacks) {
			return fmt.Errorf("there is no stack %d", g.Stack)
		}
		if g.Count == 0 {
			g.Count = 1
		}
		if all += g.Count; g.Count < 0 || all < 0 || all > mostGoroutines {
			return fmt.Errorf("%d goroutines", g.Count)
		}
	}
	return nil
}

// RewriteSamples copies samples.jsonl from r to w line by line, with each stack and
// snapshot passed to change first. At a damaged line it returns an error, with what
// comes before it written.
func RewriteSamples(w io.Writer, r io.Reader, change func(*SampleLine)) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	lines := bounded.NewLines(io.LimitReader(r, maxSamples), maxSampleLine)
	for n := 1; ; n++ {
		line, err := lines.Next()
		if err == io.EOF {
			return nil
		}
		var l SampleLine
		if err == nil {
			err = json.Unmarshal(line, &l)
		}
		if err == nil {
			change(&l)
			err = enc.Encode(&l)
		}
		if err != nil {
			return fmt.Errorf("copy samples: line %d: %w", n, err)
		}
	}
}
