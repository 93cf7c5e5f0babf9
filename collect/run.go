package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"timesink/collect/capture"
)

const observeEvery = 200 * time.Millisecond

// A collector performs one collection.
type collector struct {
	cfg    Config
	path   string
	window time.Duration // as configured, or as the server's write timeout allows
	client *client
	routes []*route
	clock  clock
	w      *capture.Writer
	prober *prober  // nil if there are no URLs
	probes *os.File // its output

	facts survey
	index answer
	ahead []taking // the sources requested before the window

	saving     sync.Mutex // guards saving the manifest
	mu         sync.Mutex
	manifest   capture.Manifest
	stage      Stage
	stageBegan time.Time
	stageOf    time.Duration
	stream     *stream
	sampler    *sampler
	untraced   *untraced // nil if a trace is taken
	fixed      bool      // the window does not end before it is over
	outside    *outside  // nil unless the probes are all there is
	light      *light    // nil if there is one window
}

func newCollector(cfg Config, path string) (*collector, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.MaxLag <= 0 {
		cfg.MaxLag = DefaultMaxLag
	}
	if cfg.Reserve == 0 {
		cfg.Reserve = DefaultReserve
	}
	if cfg.SampleBudget == 0 {
		cfg.SampleBudget = DefaultSampleBudget
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &collector{cfg: cfg, path: path, window: cfg.window(), clock: newClock()}
	var err error
	if c.client, err = newClient(cfg.Target, cfg.Tool); err != nil {
		return nil, err
	}
	c.client.patience = c.window
	if c.routes, err = cfg.Probing.routes(); err != nil {
		return nil, err
	}
	if err := capture.Check(path); err != nil {
		return nil, err
	}
	if err := c.checkDisk(); err != nil {
		return nil, err
	}
	c.facts.client, c.facts.log = c.client, c.log
	c.manifest = capture.Manifest{
		Tool:     cfg.Tool,
		Target:   cfg.Target.String(),
		Instance: cfg.Instance,
		Labels:   cfg.Labels,
		Asked:    capture.Asked{Duration: int64(cfg.window()), URLs: asked(c.routes), MaxBytes: cfg.MaxBytes, Auto: cfg.Auto},
	}
	if len(c.routes) > 0 {
		c.manifest.Asked.Rate = cfg.Probing.rate()
	}
	if cfg.Light && !cfg.NoTrace {
		c.lighten()
	}
	return c, nil
}

// checkDisk returns an error if the disk is too full to begin.
func (c *collector) checkDisk() error {
	free, err := capture.FreeDisk(filepath.Dir(c.path))
	keep := c.cfg.Reserve
	if c.cfg.Others != nil {
		keep += c.cfg.Others()
	}
	if err == nil && free < keep {
		return &capture.Error{Op: "write " + c.path,
			Err:  &fault{kind: capture.ErrDiskFull, seen: fmt.Sprintf("only %s of disk are free, and %s must stay free", BytesText(free), BytesText(keep))},
			Hint: "free some space, or write to another disk with -o"}
	}
	return nil
}

// log records a step with the logger and in the manifest.
func (c *collector) log(source, what string, took time.Duration, bytes int64, err error) {
	e := capture.Event{Time: time.Now().UTC(), Source: source, What: what, Took: int64(took), Bytes: bytes}
	attrs := []slog.Attr{slog.String("source", source), slog.Duration("took", took), slog.Int64("bytes", bytes)}
	if err != nil {
		e.Error = told(err)
		attrs = append(attrs, slog.String("error", e.Error))
	}
	c.mu.Lock()
	c.manifest.Log = append(c.manifest.Log, e)
	c.mu.Unlock()
	c.cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, what, attrs...)
}

func (c *collector) warn(code, format string, args ...any) {
	c.mu.Lock()
	c.manifest.Warn(code, format, args...)
	c.mu.Unlock()
	c.cfg.Log.Warn(fmt.Sprintf(format, args...), "code", code)
}

// begin starts a stage and records it for progress reports.
func (c *collector) begin(stage Stage, of time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage, c.stageBegan, c.stageOf = stage, time.Now(), of
}

// observe reports the progress periodically until stop is called.
func (c *collector) observe() (stop func()) {
	if c.cfg.Observe == nil {
		return func() {}
	}
	done := make(chan struct{})
	var told sync.WaitGroup
	told.Go(func() {
		tick := time.NewTicker(observeEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				c.cfg.Observe(c.progress())
				return
			case <-tick.C:
				c.cfg.Observe(c.progress())
			}
		}
	})
	return func() {
		close(done)
		told.Wait()
	}
}

func (c *collector) progress() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := Progress{Stage: c.stage, Elapsed: time.Since(c.stageBegan), Of: c.stageOf}
	if c.stream != nil {
		p.Bytes, p.Lag = c.stream.progress()
		if c.isLight() {
			p.Bytes += c.light.earlier
		}
	}
	if c.sampler != nil {
		p.Snapshots = c.sampler.taken()
	}
	if c.prober != nil {
		phase := capture.InWindow
		if c.stage == StageBaseline {
			phase = capture.Baseline
		}
		count := c.prober.count(phase)
		p.Sent, p.Failed = count.sent, count.failed+count.refused
	}
	return p
}

// survey makes the cheap requests that cannot wait. It returns an error if a
// collection would fail.
func (c *collector) survey(ctx context.Context) error {
	c.begin(StageSurvey, 0)
	if c.cfg.NoTrace {
		c.untraced = &untraced{why: capture.UntracedAsked, text: "none was wanted"}
	}
	index, before := c.facts.first(ctx)
	switch {
	case ctx.Err() != nil:
		return c.client.failed("", context.Canceled)
	case settles(index.err):
		return c.goOutside(ctx, index.err)
	}
	c.index = index
	for _, s := range sourcesAt(capture.Before) {
		c.ahead = append(c.ahead, c.take(before, s))
	}
	if c.untraced != nil {
		return nil
	}
	if index.err != nil && !isLate(index.err) {
		if err := c.withoutIndex(before, index.err); err != nil {
			if !c.listsGoroutines(before) {
				return c.goOutside(ctx, err)
			}
			return c.fallBack(ctx, err)
		}
	}
	// The goroutine page is requested anyway, so this adds no other page that can
	// be late.
	if err := c.fitWriteTimeout(before, "goroutine", nil); err != nil {
		return c.fallBack(ctx, err)
	}
	return nil
}

// fitWriteTimeout shortens the window to what the server allows, as learned from a
// page. If nothing is learned, it returns refused.
func (c *collector) fitWriteTimeout(ctx context.Context, page string, refused error) error {
	asked, wanted := c.window, profileSeconds(c.window)
	longest, ok := c.facts.longest(ctx, page, wanted)
	switch {
	case !ok || longest == wanted:
		return refused
	case longest == 0:
		return withOp("collect from "+c.client.target.String(), newFault(ErrWriteTimeout, "remove the pprof server's WriteTimeout, or build the service with Go 1.23 or later, where it has no effect",
			"the server's write timeout of 1 s or less forbids any window"))
	}
	c.window = time.Duration(longest) * time.Second
	c.warn("window-shortened", "the window is %d s instead of %s: the server's write timeout forbids more (Go before 1.23)", longest, secondsText(asked))
	return nil
}

// withoutIndex returns nil if a collection can do without the index: a custom
// router may serve the trace and nothing else.
func (c *collector) withoutIndex(before context.Context, missing error) error {
	before, cancel := context.WithTimeoutCause(before, headStart, lateForWindow)
	defer cancel()
	trial := c.facts.trial(before)
	switch {
	case trial.err == nil, isLate(trial.err):
		return nil
	case errors.Is(trial.err, ErrTraceRunning):
		return c.facts.explainTracer(before, trial.err)
	}
	c.facts.mutex(before)
	if c.facts.shows() {
		return c.facts.explainTrace(trial.err)
	}
	return missing
}

// collect fills the folder. If it returns an error, nothing in the folder is worth
// keeping.
func (c *collector) collect(ctx context.Context) error {
	if c.outside != nil {
		dropAll(c.ahead)
		c.ahead = nil
	}
	for _, t := range c.ahead {
		t.keep(ctx, nil)
	}
	if err := c.save(); err != nil {
		return err
	}
	if len(c.routes) > 0 {
		if c.untraced == nil && c.outside == nil {
			if err := c.alreadyTraced(ctx); err != nil && c.fallBack(ctx, err) != nil {
				return err
			}
		}
		if err := c.startProbes(); err != nil {
			return err
		}
		defer c.stopProbes()
		c.baseline(ctx)
	}
	if ctx.Err() != nil {
		return c.client.failed("trace", context.Canceled)
	}
	return c.watch(ctx)
}

// save writes the current manifest to the folder, in case this process is killed.
func (c *collector) save() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	c.w.Manifest = c.manifest
	c.w.Manifest.Parts = slices.Clone(c.manifest.Parts)
	c.w.Manifest.Windows = slices.Clone(c.manifest.Windows)
	c.w.Manifest.Service = c.facts.known()
	c.mu.Unlock()
	return c.w.Save()
}

func (c *collector) startProbes() error {
	f, err := c.w.CreatePart(capture.ProbesPart)
	if err != nil {
		return err
	}
	p, err := newProber(c.cfg.Probing, c.routes, c.cfg.Tool, c.clock, f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prober, c.probes = p, f
	return nil
}

// baseline sends the probes that measure the service unobserved. Slow ones may
// still be in flight during the window.
func (c *collector) baseline(ctx context.Context) {
	d := c.cfg.Probing.baseline()
	if d <= 0 {
		return
	}
	c.begin(StageBaseline, d)
	c.prober.send(ctx, capture.Baseline, d)
	c.prober.settle(ctx)
}

// stopProbes ends the probes and sums them up.
func (c *collector) stopProbes() {
	err := c.prober.close()
	err = errors.Join(err, c.probes.Close())
	if err != nil {
		c.warn("probes-incomplete", "not all probes could be recorded: %s", told(err))
	}
	c.part(capture.Part{Name: capture.ProbesPart}, err)
	total := c.prober.count(capture.Baseline)
	window := c.prober.count(capture.InWindow)
	c.log("probes", fmt.Sprintf("sent %d before the window, %d in it; %d of these dialed anew, with %d TLS handshakes",
		total.sent, window.sent, window.fresh, window.handshakes), 0, 0, nil)
	total.add(window)
	if total.dropped > 0 {
		c.warn("probes-dropped", "%d probes were due but not sent: %d others were waiting for an answer", total.dropped, cap(c.prober.slots))
	}
	if held := c.prober.heldBack; held > 0 {
		c.warn("probes-slowed", "%d probes were not sent, because the service had become more than %d times as slow as before the window", held, slowness)
	}
	if total.failed > 0 {
		c.warn("probes-failed", "%d of %d probes got no answer: %s", total.failed, total.sent, total.failure)
	}
	if total.cut > 0 && c.lastEnded() != capture.EndedInterrupted {
		c.warn("probes-unanswered", "%d of %d probes were still waiting for an answer %s after the window", total.cut, total.sent, secondsText(probeGrace))
	}
	if total.long > 0 {
		c.warn("probes-long", "%d of %d probes were not read to the end: the body has more than %s, and their times end there", total.long, total.sent, BytesText(maxProbeBody))
	}
	if total.refused > 0 {
		c.warn("probes-refused", "%d of %d probes were answered with an error: %s", total.refused, total.sent, total.refusal)
	}
}

// lastEnded returns why the last window ended.
func (c *collector) lastEnded() string {
	if n := len(c.manifest.Windows); n > 0 {
		return c.manifest.Windows[n-1].Ended
	}
	return c.manifest.Window.Ended
}

// write writes a complete part.
func (c *collector) write(part string, data []byte) error {
	f, err := c.w.CreatePart(part)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// part adds a part to the manifest.
func (c *collector) part(p capture.Part, err error) {
	if err != nil {
		p.Error = told(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manifest.AddPart(p)
}

// manifestPart returns the manifest's entry for a part so far, or nil.
func (c *collector) manifestPart(name string) *capture.Part {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.manifest.Part(name); p != nil {
		entry := *p
		return &entry
	}
	return nil
}

// finish writes the capture file.
func (c *collector) finish() (*capture.Manifest, error) {
	version := ""
	if c.stream != nil {
		version = c.stream.position.version
	}
	c.facts.resolve(version)
	c.warnOfOldGo()
	if err := c.save(); err != nil {
		return nil, err
	}
	unread := c.handOver()
	begin := time.Now()
	if err := errors.Join(unread, c.w.Finish()); err != nil {
		return nil, err
	}
	c.cfg.Log.Info("wrote the capture", "path", c.path, "took", time.Since(begin))
	return &c.w.Manifest, nil
}

// handOver hands the capture to Config.Collected before the zip is written.
func (c *collector) handOver() error {
	if c.cfg.Collected == nil {
		return nil
	}
	all, err := c.w.Open()
	if err != nil {
		return err
	}
	predictions := c.cfg.Collected(all)
	if err := all.Close(); err != nil || len(predictions) == 0 {
		return err
	}
	if err := c.write(capture.PredictionsPart, predictions); err != nil {
		return err
	}
	c.part(capture.Part{Name: capture.PredictionsPart, Size: int64(len(predictions))}, nil)
	return c.save()
}

// warnOfOldGo warns about the effects of an old version of Go on the answer.
func (c *collector) warnOfOldGo() {
	version := c.facts.known().GoVersion
	minor := minorVersion(version)
	if minor > 0 && minor < cheapTracing {
		c.warn("tracing-expensive", "the service is built with %s: before Go 1.21 a trace costs 10 to 20%% CPU, which its times include", version)
	}
	if ended := c.lastEnded(); minor > 0 && minor < readableCut && ended != capture.EndedInTime && ended != capture.EndedEnough {
		c.warn("trace-unreadable", "the trace ended early, and %s writes the stacks at the end: it cannot be analyzed", version)
	}
}
