package redact

import (
	"context"
	"io"
)

// RewriteTrace is for the tests that hold it against masks of their own. Strings of
// which it cannot be told what they are count as messages.
func RewriteTrace(ctx context.Context, w io.Writer, open func() (io.ReadCloser, error), name, message func(string) string) error {
	return rewriteTrace(ctx, w, open, masks{name, message, message})
}
