// Package upstream contains the scenarios of calls to other services.
package upstream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// A stopwatch times the phases of one call with the hooks of httptrace, some of which
// run on the connection's goroutines.
type stopwatch struct {
	watch *scenario.Watch

	mu sync.Mutex
	// When each phase began, and the end of the last one; 0 if there was none.
	began [breakdown.NumPhases]int64
}

func (s *stopwatch) begin(p breakdown.Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began[p] == 0 {
		s.began[p] = s.watch.Now()
	}
}

// traced returns a context in which a call's phases are timed.
func traced(ctx context.Context, w *scenario.Watch) (context.Context, *stopwatch) {
	s := &stopwatch{watch: w}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:  func(string) { s.begin(breakdown.PoolWait) },
		DNSStart: func(httptrace.DNSStartInfo) { s.begin(breakdown.DNS) },
		// A request to a proxy belongs to it too, as when the dialer makes it.
		ConnectStart:         func(string, string) { s.begin(breakdown.Connect) },
		TLSHandshakeStart:    func() { s.begin(breakdown.TLS) },
		GotConn:              func(httptrace.GotConnInfo) { s.begin(breakdown.RequestWrite) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { s.begin(breakdown.ResponseWait) },
		GotFirstResponseByte: func() { s.begin(breakdown.BodyRead) },
	}), s
}

// note records the phases at the end of the call: each lasted until the next one
// began.
func (s *stopwatch) note() {
	end := s.watch.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	phases := [...]breakdown.Phase{breakdown.PoolWait, breakdown.DNS, breakdown.Connect, breakdown.TLS,
		breakdown.RequestWrite, breakdown.ResponseWait, breakdown.BodyRead}
	for i := len(phases) - 1; i >= 0; i-- {
		if at := s.began[phases[i]]; at != 0 && at < end {
			s.watch.Note(breakdown.Upstream, phases[i], at, end)
			end = at
		}
	}
}

// fetch makes a call and reads the whole answer.
func fetch(c *http.Client, req *http.Request, w *scenario.Watch) error {
	ctx, s := traced(req.Context(), w)
	s.begin(breakdown.PoolWait) // x/net/http2 calls GetConn after the wait for a lock
	defer s.note()
	resp, err := c.Do(req.WithContext(ctx))
	if err != nil {
		return err
	}
	if err := drain(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", resp.Status)
	}
	return nil
}

// drain reads an answer's body to its end.
func drain(body io.ReadCloser) error {
	defer body.Close()
	_, err := io.Copy(io.Discard, body)
	return err
}
