package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/avast/retry-go/v4"
	"github.com/cenkalti/backoff/v4"
	"github.com/hashicorp/go-retryablehttp"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Retries lists scenarios in which a library waits before it tries again.
var Retries = []scenario.Scenario{
	{Name: "go-retryablehttp", Server: scenario.Handled(retryableHandler), Open: openRetryable, Want: scenario.Want{Holds: timerOf("go-retryablehttp")}},
	{Name: "cenkalti/backoff", Server: scenario.Handled(backoffHandler), Open: sleep(backoffTwice), Want: scenario.Want{Holds: timerOf("cenkalti/backoff")}},
	{Name: "retry-go", Server: scenario.Handled(retryHandler), Open: sleep(retryTwice), Want: scenario.Want{Holds: timerOf("retry-go")}},
}

// timerOf checks that the report names the library that slept.
func timerOf(library string) func(*breakdown.Endpoint) error {
	return func(e *breakdown.Endpoint) error {
		if t := &e.Buckets[breakdown.Sleep]; !slices.Equal(t.Systems, []string{library}) {
			return fmt.Errorf("the sleep is of %q, not of %s", t.Systems, library)
		}
		return nil
	}
}

// errTwice fails a request's first two tries.
func errTwice() func() error {
	tries := 0
	return func() error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}
}

func backoffTwice(context.Context) error {
	return backoff.Retry(errTwice(), backoff.NewConstantBackOff(4*time.Millisecond))
}

func retryTwice(ctx context.Context) error {
	return retry.Do(errTwice(), retry.Context(ctx), retry.Attempts(3), retry.Delay(4*time.Millisecond), retry.DelayType(retry.FixedDelay))
}

// unsteady answers two of three requests with 503, without a network.
type unsteady struct{ n atomic.Int64 }

func (u *unsteady) RoundTrip(r *http.Request) (*http.Response, error) {
	status := http.StatusServiceUnavailable
	if u.n.Add(1)%3 == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func openRetryable(context.Context, scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, w *scenario.Watch) error {
		c := retryablehttp.NewClient()
		c.HTTPClient = &http.Client{Transport: &unsteady{}}
		c.Logger, c.RetryWaitMin, c.RetryWaitMax = nil, 4*time.Millisecond, 4*time.Millisecond
		return w.Time(breakdown.Sleep, breakdown.NoPhase, func() error {
			resp, err := c.Get("http://unsteady.test")
			if err != nil {
				return err
			}
			return resp.Body.Close()
		})
	}, nil
}
