package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"timesink/collect/capture"
)

const (
	// profileGrace is how long the CPU profile may take beyond its time: it is
	// made and sent at the end.
	profileGrace = 15 * time.Second
	// profileStart is how long the trace waits for the CPU profile's request to
	// be on its way.
	profileStart = 2 * time.Second
)

// A cpuProfile is a CPU profile being taken. Without one the capture is worth
// hardly less: as long as one runs, its samples are in the trace.
type cpuProfile struct {
	c        *collector
	endpoint string
	begun    time.Time
	due      time.Time // when the service has taken it
	cut      context.CancelCauseFunc
	coming   atomic.Bool // its first bytes have come
	done     chan struct{}

	// When done is closed:
	took time.Duration
	size int64
	err  error
}

// beginCPUProfile asks for a CPU profile, and returns when the service has been
// asked, or will not be.
func (c *collector) beginCPUProfile(ctx context.Context) taking {
	seconds := profileSeconds(c.window)
	p := &cpuProfile{c: c, endpoint: fmt.Sprintf("profile?seconds=%d", seconds), begun: time.Now(), done: make(chan struct{})}
	p.due = p.begun.Add(time.Duration(seconds) * time.Second)
	ctx, p.cut = context.WithCancelCause(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(p.done)
		timeout, cancel := context.WithDeadlineCause(onWritten(ctx, func() { close(asked) }), p.due.Add(profileGrace), &lateError{"it had not come whole " + secondsText(profileGrace) + " after its end"})
		defer cancel()
		p.size, p.err = c.download(timeout, p.endpoint, capture.CPUPart, func() { p.coming.Store(true) })
		p.took = time.Since(p.begun)
	}()
	select {
	case <-asked:
	case <-p.done:
	case <-ctx.Done():
	case <-time.After(profileStart):
	}
	return p
}

// drop cuts the CPU profile.
func (p *cpuProfile) drop() {
	p.cut(nil)
	<-p.done
}

// keep waits for the CPU profile and enters it; one of a window that was ended is
// cut.
func (p *cpuProfile) keep(ctx context.Context, ended bool) {
	c := p.c
	defer p.cut(nil)
	if ended {
		p.cut(nil)
	} else {
		silent := time.AfterFunc(max(time.Until(p.due), 0)+sideGrace, func() {
			if !p.coming.Load() {
				p.cut(lateForAnswer)
			}
		})
		defer silent.Stop()
	}
	<-p.done
	c.log("profile", "took "+capture.CPUPart, p.took, p.size, p.err)
	c.part(capture.Part{Name: capture.CPUPart, Source: p.endpoint, Took: int64(p.took), Size: p.size}, p.err)
	switch {
	case p.err == nil:
	case ended || ctx.Err() != nil:
		c.warn("cpu-profile-cut", "no CPU profile: a profile that is cut sends nothing; the samples until then are in the trace")
	case errors.Is(p.err, ErrProfileRunning):
		c.warn("cpu-profile-busy", "no CPU profile: another one is being taken (%s); its samples are in the trace", told(p.err))
	case errors.Is(p.err, ErrNotFound):
		c.warn("cpu-profile-missing", "no CPU profile: %s; the service needs %s", told(p.err), c.client.target.handler("profile", "Profile"))
	default:
		c.warn("cpu-profile-missing", "no CPU profile: %s", told(p.err))
	}
}

// download copies an endpoint's gzipped answer into a part; nothing is left of
// one that failed. It calls coming when the answer begins.
func (c *collector) download(ctx context.Context, endpoint, part string, coming func()) (int64, error) {
	resp, err := c.client.get(ctx, endpoint)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return 0, c.client.refused(endpoint, resp, body)
	}
	f, err := c.w.CreatePart(part)
	if err != nil {
		return 0, err
	}
	n, err := copyGzip(f, resp.Body, coming)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return 0, errors.Join(endedBy(ctx, err), c.w.RemovePart(part))
	}
	return n, nil
}

// copyGzip copies what must be gzipped.
func copyGzip(f *os.File, body io.Reader, coming func()) (int64, error) {
	head := make([]byte, 512)
	n, err := io.ReadAtLeast(body, head, 2)
	if err != nil {
		return 0, err
	}
	coming()
	if !isGzip(head[:n]) {
		return 0, fmt.Errorf("no profile, but %s", capture.Sniff(head[:n]).What)
	}
	return io.Copy(f, io.MultiReader(bytes.NewReader(head[:n]), body))
}
