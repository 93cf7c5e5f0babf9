package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A service, or what stands before it, that answers 503 is asked once more, after the time
// that it names in Retry-After, if that is not longer than the window. The trace is asked
// for again together with what is taken beside it, so that they cover the same time.

const (
	// usualWait is for an answer without Retry-After.
	usualWait = time.Second
	// profilePatience limits the wait for a CPU profile, which the trace does not wait for.
	profilePatience = time.Second
)

// profileStops is the shortest wait before a trace is asked for again: a service takes a
// moment to stop the CPU profile that was asked for with the first one.
const profileStops = 500 * time.Millisecond

// An overload is the cause of an error for status 503.
type overload struct{ wait time.Duration }

func (o *overload) Error() string { return "asked to come again after " + secondsText(o.wait) }

// waitAsked returns how long an answer of status 503 asks to wait, in seconds or as a date.
func waitAsked(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return usualWait
}

// overloadFault returns the error for an answer of status 503.
func overloadFault(quoted string, h http.Header) error {
	o := &overload{waitAsked(h, time.Now())}
	hint := "the service, or a proxy before it, refuses requests for now: try again later"
	if o.wait > usualWait {
		hint = fmt.Sprintf("the service, or a proxy before it, refuses requests for now, and asks to come again after %s", o.wait.Round(time.Second))
	}
	return withHint(&fault{kind: ErrOverloaded, seen: quoted, cause: o}, hint)
}

// askedToWait returns how long the error of a request asks to wait; ok is false unless it is
// an overload that passes within most.
func askedToWait(err error, most time.Duration) (wait time.Duration, ok bool) {
	var o *overload
	if !errors.As(err, &o) || o.wait > most {
		return 0, false
	}
	return o.wait, true
}

// pause waits and reports whether ctx is still going on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// patiently is getBy with the usual client, except that after an answer of status 503 it asks once more, if the
// answer does not ask to wait for longer than most.
func (c *client) patiently(ctx context.Context, endpoint string, most time.Duration) (*http.Response, error) {
	return c.patientlyBy(ctx, c.http, endpoint, most)
}

func (c *client) patientlyBy(ctx context.Context, by *http.Client, endpoint string, most time.Duration) (*http.Response, error) {
	resp, err := c.getBy(ctx, by, endpoint)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		return resp, err
	}
	wait := waitAsked(resp.Header, time.Now())
	if wait > most {
		return resp, nil
	}
	resp.Body.Close()
	if !pause(ctx, wait) {
		return nil, c.failed(endpoint, endedBy(ctx, ctx.Err()))
	}
	return c.getBy(ctx, by, endpoint)
}
