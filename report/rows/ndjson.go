package rows

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// NDJSON returns a Writer that writes a table's rows as lines of JSON, one object a row,
// with all columns. It returns an error for a table that does not exist.
func NDJSON(w io.Writer, t Table) (Writer, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // function names hold <, > and &
	l := &lines{out: out, enc: enc}
	switch t {
	case Cases:
		l.rows = linesOf(func(b *Batch) []Case { return b.Cases })
	case Requests:
		l.rows = linesOf(func(b *Batch) []Request { return b.Requests })
	case Segments:
		l.rows = linesOf(func(b *Batch) []Segment { return b.Segments })
	case Calls:
		l.rows = linesOf(func(b *Batch) []Call { return b.Calls })
	case Findings:
		l.rows = linesOf(func(b *Batch) []Finding { return b.Findings })
	case Samples:
		l.rows = linesOf(func(b *Batch) []Sample { return b.Samples })
	default:
		return nil, fmt.Errorf("there is no table %q", t)
	}
	return l, nil
}

type lines struct {
	out  *bufio.Writer
	enc  *json.Encoder
	rows func(*json.Encoder, *Batch) error
}

func linesOf[T any](of func(*Batch) []T) func(*json.Encoder, *Batch) error {
	return func(enc *json.Encoder, b *Batch) error {
		list := of(b)
		for i := range list {
			if err := enc.Encode(&list[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func (l *lines) Write(b *Batch) error { return l.rows(l.enc, b) }

func (l *lines) Close() error { return l.out.Flush() }
