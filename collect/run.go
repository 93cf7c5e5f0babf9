package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"timesink/collect/capture"
)

const (
	observeEvery = 200 * time.Millisecond
	// afterTimeout bounds what is still asked of the service when the window is
	// over, also after an interrupt.
	afterTimeout = 5 * time.Second
	// profileGrace is how long the CPU profile may take beyond its time: it is
	// made and sent at the end.
	profileGrace = 15 * time.Second
	// profileStart is how long the trace waits for the CPU profile's request to
	// be on its way.
	profileStart = 2 * time.Second
)

// A collector is one run.
type collector struct {
	cfg    Config
	path   string
	window time.Duration // as asked, or as the server's write timeout allows
	client *client
	routes []*route
	clock  clock
	w      *capture.Writer
	prober *prober  // nil without URLs
	probes *os.File // what it writes

	mu         sync.Mutex
	manifest   capture.Manifest
	facts      survey
	stage      Stage
	stageBegan time.Time
	stageOf    time.Duration
	stream     *stream
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
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &collector{cfg: cfg, path: path, window: cfg.window(), clock: newClock()}
	var err error
	if c.client, err = newClient(cfg.Target, cfg.Tool); err != nil {
		return nil, err
	}
	if c.routes, err = cfg.Probing.routes(); err != nil {
		return nil, err
	}
	if err := capture.Check(path); err != nil {
		return nil, err
	}
	if err := c.checkDisk(); err != nil {
		return nil, err
	}
	c.facts = survey{client: c.client, log: c.log}
	c.manifest = capture.Manifest{
		Tool:       cfg.Tool,
		Target:     cfg.Target.String(),
		CapturedAt: c.clock.base.UTC(),
		Asked:      capture.Asked{Duration: int64(cfg.window()), URLs: asked(c.routes), MaxBytes: cfg.MaxBytes},
	}
	if len(c.routes) > 0 {
		c.manifest.Asked.Rate = cfg.Probing.rate()
	}
	return c, nil
}

// checkDisk refuses to begin on a disk that is full already.
func (c *collector) checkDisk() error {
	free, err := capture.FreeDisk(filepath.Dir(c.path))
	if err == nil && free < c.cfg.Reserve {
		return &capture.Error{Op: "write " + c.path,
			Err:  &fault{kind: capture.ErrDiskFull, seen: fmt.Sprintf("only %s of disk are free, %s must be left", bytesText(free), bytesText(c.cfg.Reserve))},
			Hint: "free some space, or write to another disk with -o"}
	}
	return nil
}

// log tells the logger and the manifest that something was done.
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

// begin begins a stage, for who observes.
func (c *collector) begin(stage Stage, of time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage, c.stageBegan, c.stageOf = stage, time.Now(), of
}

// observe tells the progress from time to time, until stop is called.
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

// survey asks what costs nothing, and fails where a collection would.
func (c *collector) survey(ctx context.Context) error {
	c.begin(StageSurvey, 0)
	s := &c.facts
	index := s.index(ctx)
	if index.err != nil && !errors.Is(index.err, ErrNotFound) {
		return index.err
	}
	s.mutex(ctx)
	if e := s.service.Endpoints; index.err != nil && !e[len(e)-1].OK {
		return index.err // neither the index nor a page below it
	}
	s.metrics(ctx)
	return c.fitWriteTimeout(ctx)
}

// fitWriteTimeout shortens the window to what the server allows.
func (c *collector) fitWriteTimeout(ctx context.Context) error {
	wanted := profileSeconds(c.window)
	longest, ok := c.facts.longest(ctx, wanted)
	switch {
	case !ok || longest == wanted:
		return nil
	case longest == 0:
		return withOp("collect from "+c.client.target.String(), newFault(ErrWriteTimeout, "let the pprof server have no WriteTimeout, or build the service with Go 1.23 or later, where it does not matter",
			"the server's write timeout of 1 s or less forbids any window"))
	}
	c.window = time.Duration(longest) * time.Second
	c.warn("window-shortened", "the window is %d s instead of %s: the server's write timeout forbids more (Go before 1.23)", longest, secondsText(c.cfg.window()))
	return nil
}

// collect fills the folder. An error means that nothing in it is worth keeping.
func (c *collector) collect(ctx context.Context) error {
	if c.facts.service.Goroutines > manyGoroutines {
		c.warn("goroutines-many", "no goroutine profiles were taken: with %d goroutines they would stop the service for a while", c.facts.service.Goroutines)
	} else if data := c.goroutines(ctx, capture.GoroutineBeforePart); data != nil {
		c.facts.goroutines(data)
	}
	if err := c.save(); err != nil {
		return err
	}
	if len(c.routes) > 0 {
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

// save writes the manifest as it is into the folder, for the case that this
// process is killed.
func (c *collector) save() error {
	c.mu.Lock()
	c.w.Manifest = c.manifest
	c.w.Manifest.Service = c.facts.service
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

// baseline sends the probes that tell what the service does unobserved. Those
// that are not answered for long run on into the window.
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
		c.warn("probes-incomplete", "not all probes could be written down: %s", told(err))
	}
	c.part(capture.Part{Name: capture.ProbesPart}, err)
	total := c.prober.count(capture.Baseline)
	window := c.prober.count(capture.InWindow)
	c.log("probes", fmt.Sprintf("sent %d before the window, %d in it", total.sent, window.sent), 0, 0, nil)
	total.add(window)
	if total.dropped > 0 {
		c.warn("probes-dropped", "%d probes were due but not sent: %d others were waiting for their answer", total.dropped, cap(c.prober.slots))
	}
	if total.failed > 0 {
		c.warn("probes-failed", "%d of %d probes got no answer: %s", total.failed, total.sent, total.failure)
	}
	if total.cut > 0 && c.manifest.Window.Ended != capture.EndedInterrupted {
		c.warn("probes-unanswered", "%d of %d probes were still waiting for their answer %s after the window", total.cut, total.sent, secondsText(probeGrace))
	}
	if total.refused > 0 {
		c.warn("probes-refused", "%d of %d probes were answered with an error: %s", total.refused, total.sent, total.refusal)
	}
}

// goroutines takes a goroutine profile into a part, and returns it too; nil
// when none came.
func (c *collector) goroutines(ctx context.Context, part string) []byte {
	a := c.client.fetch(ctx, "goroutine", maxGoroutine)
	err := a.err
	switch {
	case err == nil && a.more:
		err = fmt.Errorf("larger than %s", bytesText(maxGoroutine))
	case err == nil && !isGzip(a.body):
		err = fmt.Errorf("no profile, but %s", capture.Sniff(a.body).What)
	}
	if err == nil {
		err = c.write(part, a.body)
	}
	c.log("goroutine", "took "+part, a.took, int64(len(a.body)), err)
	c.part(capture.Part{Name: part, Source: "goroutine", Took: int64(a.took), Size: int64(len(a.body))}, err)
	if err != nil {
		return nil
	}
	return a.body
}

// write writes a part of which all has come.
func (c *collector) write(part string, data []byte) error {
	f, err := c.w.CreatePart(part)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// part enters a part into the manifest.
func (c *collector) part(p capture.Part, err error) {
	if err != nil {
		p.Error = told(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manifest.Parts = append(c.manifest.Parts, p)
}

// watch is the window: trace, CPU profile and probes at once.
func (c *collector) watch(ctx context.Context) error {
	c.begin(StageWindow, c.window)
	ctx, end := context.WithCancel(ctx)
	defer end()

	profileCtx, cutProfile := context.WithCancel(ctx)
	defer cutProfile()
	asked := make(chan struct{})
	var profiling sync.WaitGroup
	profiling.Go(func() { c.profile(profileCtx, sync.OnceFunc(func() { close(asked) })) })
	select {
	case <-asked:
	case <-ctx.Done():
	case <-time.After(profileStart):
	}

	var probing sync.WaitGroup
	probeCtx, stopProbes := context.WithCancel(ctx)
	defer stopProbes()
	early, err := c.trace(ctx, func(at time.Time) {
		c.mu.Lock()
		c.manifest.Window.Start = c.clock.unix(at)
		c.manifest.Window.TraceAsked = int64(traceDuration(c.window))
		c.mu.Unlock()
		probing.Go(func() {
			// Should this process be killed in the window, its start is known.
			if err := c.save(); err != nil {
				c.log("manifest", "saved for the case of a kill", 0, 0, err)
			}
			if c.prober != nil {
				c.prober.send(probeCtx, capture.InWindow, 0)
			}
		})
	})
	stopProbes()
	if err != nil || early != nil {
		cutProfile()
	}
	probing.Wait()
	if c.prober != nil && err == nil {
		c.prober.settle(ctx)
	}
	profiling.Wait()
	return err
}

// trace takes the execution trace. It returns why it ended early, nil if it did
// not; an error means that none came.
func (c *collector) trace(ctx context.Context, began func(time.Time)) (*earlyEnd, error) {
	f, err := c.w.CreatePart(capture.TracePart)
	if err != nil {
		return nil, err
	}
	s := &stream{
		client: c.client,
		asked:  traceDuration(c.window),
		limits: limits{maxBytes: c.cfg.MaxBytes, maxLag: c.cfg.MaxLag, reserve: c.cfg.Reserve, dir: c.w.Dir()},
		began:  began,
	}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	written := make(chan struct{})
	defer close(written)
	if c.cfg.Growing != nil {
		growing, err := capture.Follow(f.Name(), written)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		go c.cfg.Growing(growing)
	}
	early, err := s.run(ctx, f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	c.log("trace", s.summary(), s.end.Sub(s.started), s.bytes, err)
	if err != nil {
		return nil, err
	}
	part := capture.Part{Name: capture.TracePart, Source: s.endpoint(), Took: int64(s.end.Sub(s.started)), Size: s.bytes}
	ended := capture.EndedInTime
	if early != nil {
		ended, part.Error = early.ended, early.message
		c.warn(early.code, "%s", early.message)
	}
	c.part(part, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.manifest.Window
	w.End, w.Ended = c.clock.unix(s.end), ended
	return early, nil
}

// profile takes the CPU profile. It calls asked when the service has been asked
// for it, or will not be. Without a profile the capture is worth hardly less:
// as long as one runs, its samples are in the trace.
func (c *collector) profile(ctx context.Context, asked func()) {
	defer asked()
	seconds := profileSeconds(c.window)
	endpoint := fmt.Sprintf("profile?seconds=%d", seconds)
	begin := time.Now()
	timeout, cancel := context.WithTimeout(onWritten(ctx, asked), time.Duration(seconds)*time.Second+profileGrace)
	defer cancel()
	size, err := c.download(timeout, endpoint, capture.CPUPart)
	took := time.Since(begin)
	c.log("profile", "took "+capture.CPUPart, took, size, err)
	c.part(capture.Part{Name: capture.CPUPart, Source: endpoint, Took: int64(took), Size: size}, err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		c.warn("cpu-profile-cut", "no CPU profile: a profile that is cut sends nothing; the samples until then are in the trace")
	case errors.Is(err, ErrProfileRunning):
		c.warn("cpu-profile-busy", "no CPU profile: another one is being taken (%s); its samples are in the trace", told(err))
	default:
		c.warn("cpu-profile-missing", "no CPU profile: %s", told(err))
	}
}

// download copies an endpoint's gzipped answer into a part; nothing is left of
// one that failed.
func (c *collector) download(ctx context.Context, endpoint, part string) (int64, error) {
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
	n, err := copyGzip(f, resp.Body)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return 0, errors.Join(err, c.w.RemovePart(part))
	}
	return n, nil
}

// copyGzip copies what must be gzipped.
func copyGzip(f *os.File, body io.Reader) (int64, error) {
	head := make([]byte, 512)
	n, err := io.ReadAtLeast(body, head, 2)
	if err != nil {
		return 0, err
	}
	if !isGzip(head[:n]) {
		return 0, fmt.Errorf("no profile, but %s", capture.Sniff(head[:n]).What)
	}
	return io.Copy(f, io.MultiReader(bytes.NewReader(head[:n]), body))
}

// finish takes what comes after the window and makes the file. It does not
// listen to the context that ended the window: what came is to be kept.
func (c *collector) finish() (*capture.Manifest, error) {
	c.begin(StageFinish, 0)
	if c.manifest.Part(capture.GoroutineBeforePart) != nil {
		ctx, cancel := context.WithTimeout(context.Background(), afterTimeout)
		c.goroutines(ctx, capture.GoroutineAfterPart)
		cancel()
	}
	c.facts.resolve(c.stream.position.version)
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

// handOver shows what was collected to who does not wait for the file.
func (c *collector) handOver() error {
	if c.cfg.Collected == nil {
		return nil
	}
	all, err := c.w.Open()
	if err != nil {
		return err
	}
	c.cfg.Collected(all)
	return all.Close()
}

// warnOfOldGo tells what the service's version of Go does to the answer.
func (c *collector) warnOfOldGo() {
	version := c.facts.service.GoVersion
	minor := minorVersion(version)
	if minor > 0 && minor < cheapTracing {
		c.warn("tracing-expensive", "the service is built with %s: before Go 1.21 a trace costs 10 to 20%% CPU, and the times in it hold that", version)
	}
	if minor > 0 && minor < readableCut && c.manifest.Window.Ended != capture.EndedInTime {
		c.warn("trace-unreadable", "the trace ended early, and one of %s has its stacks at its end: it cannot be analyzed", version)
	}
}
