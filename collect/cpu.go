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

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

const (
	// profileGrace is how long the CPU profile may take after its duration is
	// over: the service encodes and sends it at the end.
	profileGrace = 15 * time.Second
	// profileStart is how long the trace waits for the CPU profile's request to
	// be written.
	profileStart = 2 * time.Second
)

// A cpuProfile is a CPU profile being taken. A capture without it loses little:
// while any CPU profile runs, its samples are in the trace.
type cpuProfile struct {
	c        *collector
	endpoint string
	part     string // the name of the part that it becomes
	begun    time.Time
	due      time.Time // when the service should be done with it
	line     *hangUp   // nil if the window does not end before it is over
	cut      context.CancelCauseFunc
	coming   atomic.Bool // its first bytes have arrived
	done     chan struct{}

	// Valid once done is closed:
	took time.Duration
	size int64
	err  error
}

// beginCPUProfile requests a CPU profile. It returns when the request was written
// or has failed, and after profileStart at the latest.
func (c *collector) beginCPUProfile(ctx context.Context) taking {
	seconds := profileSeconds(c.window)
	p := &cpuProfile{c: c, endpoint: fmt.Sprintf("profile?seconds=%d", seconds), part: c.partName(capture.CPUPart), begun: time.Now(), done: make(chan struct{})}
	p.due = p.begun.Add(time.Duration(seconds) * time.Second)
	ctx, p.cut = context.WithCancelCause(ctx)
	if c.mayEnd() {
		p.line = &hangUp{}
		ctx = p.line.watch(ctx)
	}
	asked := make(chan struct{})
	go func() {
		defer close(p.done)
		timeout, cancel := context.WithDeadlineCause(onWritten(ctx, func() { close(asked) }), p.due.Add(profileGrace), &lateError{"it was not complete " + secondsText(profileGrace) + " after its end"})
		defer cancel()
		p.size, p.err = c.download(timeout, p.endpoint, p.part, func() { p.coming.Store(true) })
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

// drop cancels the CPU profile.
func (p *cpuProfile) drop() {
	p.cut(nil)
	<-p.done
}

// keep waits for the CPU profile and adds it to the capture. If the window ended
// early, keep cancels it, or has it sent early if that is because enough had arrived.
func (p *cpuProfile) keep(ctx context.Context, early *earlyEnd) {
	c := p.c
	defer p.cut(nil)
	enough := early != nil && early.ended == capture.EndedEnough && p.line != nil
	ended := early != nil && early.ended != capture.EndedOverlong && !enough
	grace := max(time.Until(p.due), 0) + sideGrace
	if enough {
		grace = stopGrace
	}
	if ended || enough && p.line.hangUp() != nil {
		p.cut(nil)
	} else {
		silent := time.AfterFunc(grace, func() {
			if !p.coming.Load() {
				p.cut(lateForAnswer)
			}
		})
		defer silent.Stop()
	}
	<-p.done
	c.log("profile", "took "+p.part, p.took, p.size, p.err)
	if enough && p.err != nil && ctx.Err() == nil && p.takenAlone() {
		c.part(capture.Part{Name: p.part, Source: p.endpoint, Took: int64(p.took)}, errSamplesInTrace)
		return
	}
	c.part(capture.Part{Name: p.part, Source: p.endpoint, Took: int64(p.took), Size: p.size}, p.err)
	switch {
	case p.err == nil:
	case ended || ctx.Err() != nil:
		c.warn("cpu-profile-cut", "no CPU profile: one that ends early sends nothing; its samples until then are in the trace")
	case errors.Is(p.err, ErrProfileRunning):
		c.warn("cpu-profile-busy", "no CPU profile: another one is being taken (%s); its samples are in the trace", told(p.err))
	case errors.Is(p.err, ErrNotFound):
		c.warn("cpu-profile-missing", "no CPU profile: %s; the service needs %s", told(p.err), c.client.target.handler("profile", "Profile"))
	default:
		c.warn("cpu-profile-missing", "no CPU profile: %s", told(p.err))
	}
}

// takenAlone reports whether the service did not refuse the profile.
func (p *cpuProfile) takenAlone() bool {
	return !errors.Is(p.err, ErrProfileRunning) && !errors.Is(p.err, ErrNotFound) && !errors.Is(p.err, ErrStatus)
}

// errSamplesInTrace is why a capture has no CPU profile although one was taken.
var errSamplesInTrace = errors.New("not sent, because the window ended before it was over: its samples are in the trace")

// download copies an endpoint's gzipped answer into a part and removes the part
// on failure. It calls coming when the answer begins.
func (c *collector) download(ctx context.Context, endpoint, part string, coming func()) (int64, error) {
	by := c.client.http
	if c.mayEnd() {
		by = c.client.once // hanging up leaves a connection that is of no more use
	}
	resp, err := c.client.patientlyBy(ctx, by, endpoint, min(c.client.patience, profilePatience))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, c.client.refused(endpoint, resp, errorBody(resp.Body))
	}
	f, err := c.w.CreatePart(part)
	if err != nil {
		return 0, err
	}
	n, err := copyGzip(f, resp.Body, c.sideShare(), coming)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = checkUnpacked(f.Name())
	}
	if err != nil {
		if late := endedBy(ctx, err); late != err {
			err = late
		} else {
			err = &reworded{err, c.client.scrub.text(brokenOff(err))}
		}
		return 0, errors.Join(err, c.w.RemovePart(part))
	}
	return n, nil
}

// copyGzip copies body to f and returns an error if body is not gzipped, or has more
// than most bytes.
func copyGzip(f *os.File, body io.Reader, most int64, coming func()) (int64, error) {
	head := make([]byte, 512)
	n, err := io.ReadAtLeast(body, head, 2)
	if err != nil {
		return 0, err
	}
	coming()
	if !isGzip(head[:n]) {
		return 0, fmt.Errorf("not a profile but %s", capture.Sniff(head[:n]).What)
	}
	return bounded.Copy(f, io.MultiReader(bytes.NewReader(head[:n]), body), most)
}
