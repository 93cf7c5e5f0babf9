package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"timesink/collect/capture"
)

// watch is the window: trace, CPU profile and probes at once, and what is taken
// right after it.
func (c *collector) watch(ctx context.Context) error {
	c.begin(StageWindow, c.window)
	ctx, end := context.WithCancel(ctx)
	defer end()
	var probing sync.WaitGroup
	probeCtx, stopProbes := context.WithCancel(ctx)
	defer stopProbes()
	var probes sync.Once
	cpu, early, err := c.trace(ctx, func() {
		probing.Go(func() {
			// Should this process be killed in the window, its start is known.
			if err := c.save(); err != nil {
				c.log("manifest", "saved for the case of a kill", 0, 0, err)
			}
			probes.Do(func() {
				if c.prober != nil {
					c.prober.send(probeCtx, capture.InWindow, 0)
				}
			})
		})
	})
	stopProbes()
	probing.Wait()
	if err != nil {
		cpu.drop()
		return c.facts.explainTrace(err)
	}

	c.begin(StageFinish, 0)
	var last sync.WaitGroup
	if c.prober != nil {
		last.Go(func() { c.prober.settle(ctx) })
	}
	last.Go(c.askPages)
	last.Go(c.goroutinesAfter)
	last.Go(func() { c.enter(ctx, cpu, early != nil) })
	last.Wait()
	return nil
}

// trace takes the execution trace, beside a CPU profile that it returns. It returns
// why the trace ended early, nil if it did not; an error means that none came.
//
// A service before Go 1.23 refuses a window longer than its write timeout. Where
// that was not known before, it is asked again for what fits.
func (c *collector) trace(ctx context.Context, began func()) (cpu *cpuProfile, early *earlyEnd, err error) {
	f, err := c.w.CreatePart(capture.TracePart)
	if err != nil {
		return nil, nil, err
	}
	written := make(chan struct{})
	defer close(written)
	if c.cfg.Growing != nil {
		growing, err := capture.Follow(f.Name(), written)
		if err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		go c.cfg.Growing(growing)
	}
	cpu, s, early, err := c.takeTrace(ctx, f, began)
	if errors.Is(err, ErrWriteTimeout) {
		cpu.drop()
		bounded, cancel := context.WithTimeoutCause(ctx, headStart, lateForWindow)
		defer cancel()
		if err = c.fitWriteTimeout(bounded, "mutex", err); err == nil {
			c.begin(StageWindow, c.window)
			cpu, s, early, err = c.takeTrace(ctx, f, began)
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	c.log("trace", s.summary(), s.end.Sub(s.started), s.bytes, err)
	if err == nil {
		c.traced(s, early)
	}
	return cpu, early, err
}

// takeTrace asks for a CPU profile and the trace.
func (c *collector) takeTrace(ctx context.Context, f io.Writer, began func()) (*cpuProfile, *stream, *earlyEnd, error) {
	s := &stream{
		client: c.client,
		asked:  traceDuration(c.window),
		limits: limits{maxBytes: c.cfg.MaxBytes, maxLag: c.cfg.MaxLag, reserve: c.cfg.Reserve, dir: c.w.Dir()},
	}
	s.began = func(at time.Time) {
		c.mu.Lock()
		c.manifest.CapturedAt = c.clock.wall(at)
		c.manifest.Window.Start = c.clock.unix(at)
		c.manifest.Window.TraceAsked = int64(s.asked)
		c.mu.Unlock()
		began()
	}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	cpu := c.startCPUProfile(ctx)
	early, err := s.run(ctx, f)
	return cpu, s, early, err
}

// traced enters a trace that came.
func (c *collector) traced(s *stream, early *earlyEnd) {
	part := capture.Part{Name: capture.TracePart, Source: s.endpoint(), Took: int64(s.end.Sub(s.started)), Size: s.bytes}
	ended := capture.EndedInTime
	if early != nil {
		ended, part.Error = early.ended, early.message
		c.warn(early.code, "%s", early.message)
	}
	c.part(part, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manifest.CapturedAt = s.opened(c.clock)
	w := &c.manifest.Window
	w.End, w.Ended = c.clock.unix(s.end), ended
}

// A cpuProfile is a CPU profile being taken. Without one the capture is worth
// hardly less: as long as one runs, its samples are in the trace.
type cpuProfile struct {
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

// startCPUProfile asks for a CPU profile, and returns when the service has been
// asked, or will not be.
func (c *collector) startCPUProfile(ctx context.Context) *cpuProfile {
	seconds := profileSeconds(c.window)
	p := &cpuProfile{endpoint: fmt.Sprintf("profile?seconds=%d", seconds), begun: time.Now(), done: make(chan struct{})}
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

// drop ends a CPU profile that nobody wants any more; p may be nil.
func (p *cpuProfile) drop() {
	if p == nil {
		return
	}
	p.cut(nil)
	<-p.done
}

// enter waits for the CPU profile and enters it; one of a window that was ended is
// cut.
func (c *collector) enter(ctx context.Context, p *cpuProfile, ended bool) {
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

// goroutinesAfter takes the second goroutine profile, where the first one came: the
// two are there to be compared, and a service that is slow to make one is not asked
// for another. It does not listen to the context that ended the window: what came
// is to be kept.
func (c *collector) goroutinesAfter() {
	if p := c.manifestPart(capture.GoroutineBeforePart); p == nil || p.Error != "" {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), sideGrace, lateForAnswer)
	defer cancel()
	a := c.client.fetch(ctx, "goroutine", maxGoroutine)
	if err := c.keepGoroutines(capture.GoroutineAfterPart, a); err != nil {
		c.warn("goroutines-missing", "no goroutine profile after the window: %s", told(err))
	}
}
