package collect

import (
	"context"
	"net/netip"

	"timesink/collect/capture"
)

// Internals for tests outside the package.
var (
	ProfileSeconds = profileSeconds
	TraceDuration  = traceDuration
)

// OpenAt returns where Doctor says that a target's port answers others, given this machine's
// addresses.
func OpenAt(ctx context.Context, t Target, own []netip.Addr) string {
	c, err := newClient(t, capture.Tool{})
	if err != nil {
		return err.Error()
	}
	return c.openAt(ctx, c.fetch(ctx, "", maxIndex), own)
}
