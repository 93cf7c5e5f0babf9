package redact

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"timesink/collect/capture"
)

// headerLen is the length of a trace's header, "go 1.22 trace\x00\x00\x00".
const headerLen = 16

// formats maps the version in a trace's header to the function that rewrites the
// format.
var formats = map[string]func(*rewriter) error{
	"go 1.11": (*rewriter).inline, "go 1.19": (*rewriter).inline, "go 1.21": (*rewriter).inline,
	"go 1.22": (*rewriter).batched, "go 1.23": (*rewriter).batched, "go 1.25": (*rewriter).batched, "go 1.26": (*rewriter).batched,
}

// ErrVersion is the error for a trace of a version whose text cannot be located.
var ErrVersion = errors.New("trace of an unknown version")

// A rewriter copies a trace and masks its strings. The copy of a cut or damaged
// trace can be read as far as the original.
type rewriter struct {
	ctx context.Context
	in  *bufio.Reader
	out *bufio.Writer
	// open opens the same trace again: only later events may show that a string is
	// a log's message.
	open func() (io.ReadCloser, error)
	masks
}

// masks holds the masks for a trace's strings: for names, for messages of logs, and
// for orphans, whose use is unknown because the events that refer to them were cut
// off.
type masks struct{ name, message, orphan func(string) string }

// rewriteTrace copies a trace to w.
func rewriteTrace(ctx context.Context, w io.Writer, open func() (io.ReadCloser, error), m masks) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	t := &rewriter{ctx: ctx, in: bufio.NewReaderSize(r, 1<<20), out: bufio.NewWriterSize(w, 1<<20), open: open, masks: m}
	head, err := t.in.Peek(headerLen)
	if err != nil && err != io.EOF {
		return err
	}
	version := capture.TraceVersion(head)
	rewrite, ok := formats[version]
	switch {
	case version == "":
		return &capture.Error{Err: fmt.Errorf("%w: it begins with %q", capture.ErrNotTrace, head), Hint: "collect again, or check the program that made the file"}
	case !ok:
		return &capture.Error{Err: fmt.Errorf("%w, %q: this timesink does not know where it contains text; nothing was written", ErrVersion, version),
			Hint: "upgrade timesink, or attach a report of it instead"}
	}
	t.out.Write(head)
	t.in.Discard(headerLen)
	if err := rewrite(t); err != nil {
		return err
	}
	return t.out.Flush()
}

// ended returns nil for the end of the input, and other errors unchanged.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
