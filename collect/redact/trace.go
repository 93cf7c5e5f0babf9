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

// formats are the versions of the trace's format by their header: what rewrites
// each.
var formats = map[string]func(*rewriter) error{
	"go 1.11": (*rewriter).inline, "go 1.19": (*rewriter).inline, "go 1.21": (*rewriter).inline,
	"go 1.22": (*rewriter).batched, "go 1.23": (*rewriter).batched, "go 1.25": (*rewriter).batched, "go 1.26": (*rewriter).batched,
}

// ErrVersion is wrapped where a trace is of a version of which it is not known
// where it holds text.
var ErrVersion = errors.New("trace of an unknown version")

// A rewriter copies a trace and masks the strings in it. What is cut or damaged
// ends where the original does for who reads it.
type rewriter struct {
	ctx context.Context
	in  *bufio.Reader
	out *bufio.Writer
	// open opens the same trace once more: whether a string is a log's message is
	// told by events that may come after it.
	open func() (io.ReadCloser, error)
	masks
}

// masks are what becomes of a trace's strings: of those that name something, of the
// messages of logs, and of those of which that cannot be told, because what refers
// to them was cut off.
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
		return &capture.Error{Err: fmt.Errorf("%w: it begins with %q", capture.ErrNotTrace, head), Hint: "collect again, or look at what made the file"}
	case !ok:
		return &capture.Error{Err: fmt.Errorf("%w, %q, of which this timesink cannot tell where it holds text: nothing was written", ErrVersion, version),
			Hint: "upgrade timesink, or attach a report of it instead"}
	}
	t.out.Write(head)
	t.in.Discard(headerLen)
	if err := rewrite(t); err != nil {
		return err
	}
	return t.out.Flush()
}

// ended makes the end of the input no error.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
