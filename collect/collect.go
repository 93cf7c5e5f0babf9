// Package collect takes the evidence from a live service: one window in which
// execution trace, CPU profile and client probes cover the same requests.
//
// It is the first arrow of the flow, a live service → a capture.Capture, and
// the only package that touches the network. Run makes a capture; Doctor tells
// what a service would let one see. Both need nothing in the service but
// net/http/pprof, over one guarded or open port.
//
// What it takes, in order:
//
//  1. the pprof index, which counts the goroutines, and a goroutine profile;
//  2. a few probes as the baseline against which the cost of looking is measured;
//  3. over the window: a CPU profile of whole seconds, the execution trace for a
//     little less, so that CPU samples cover all of it, and probes in open loop;
//  4. a goroutine profile once more, and what the service gives away of itself.
//
// The parts that come of it are declared in capture.Kinds, and what is asked for
// each of them in the table of sources, in sources.go. To take one more, add a
// row to each and a reader to analyze; a source that is more than one page has a
// file of its own, as cpu.go is.
//
// Without the trace there is no capture. Everything else is a side part, and one
// that is slow is done without, with a warning. What comes before the window holds
// it up for two seconds at most, and what comes after it the answer for three.
//
// It does no harm if it can help it: the trace goes from the socket to the disk
// with nothing between, and ends early when it falls behind the service (which
// would hold the rest in memory), when the disk fills up, at a size, or when
// the user says so. What came until then is kept. Secrets are never printed and
// never stored.
//
// It does not look into what it takes, beyond what tells that it is the right
// thing: that is analyze's.
package collect

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"timesink/collect/capture"
)

// Config says what to collect, from where, and how much of it at most.
type Config struct {
	Target  Target
	Window  time.Duration // 0 means DefaultWindow
	Probing Probing

	// MaxBytes ends the window when the trace has come to that size; 0 means no
	// bound.
	MaxBytes int64
	// MaxLag ends the window when the trace is that far behind the service; 0
	// means DefaultMaxLag. Some two seconds are usual.
	MaxLag time.Duration
	// Reserve is how much free disk must be left, in bytes, besides what the
	// capture needs; 0 means DefaultReserve.
	Reserve int64

	Tool capture.Tool // who collects, for the manifest and the User-Agent
	// Log gets one record for each thing that was done, with how long it took;
	// the manifest keeps them too. Nil means nowhere.
	Log *slog.Logger
	// Observe gets the progress, some five times a second, on one goroutine.
	// Nil means nobody looks.
	Observe func(Progress)
	// Growing, where set, is handed the trace as it grows on disk, on a
	// goroutine of its own; the reader ends with the trace. The collection
	// does not wait for it.
	Growing func(trace io.ReadCloser)
	// Collected, where set, is handed all that was collected as it lies in the
	// folder, safe, before the file is made of it: that takes a second or more
	// where the trace is big. The file is made when it returns, and the capture
	// is closed then.
	Collected func(*capture.Capture)
}

// What Config's zeros mean.
const (
	DefaultWindow  = 10 * time.Second
	DefaultMaxLag  = 5 * time.Second
	DefaultReserve = 128 << 20
)

// Progress is how far a collection has come.
type Progress struct {
	Stage   Stage
	Elapsed time.Duration // in this stage
	Of      time.Duration // what the stage will take; 0 when it cannot be told
	Bytes   int64         // of the trace so far
	Lag     time.Duration // the largest so far
	Sent    int           // probes of this stage
	Failed  int           // of them, without an answer or with an error
}

// A Stage is a part of a collection.
type Stage string

// The stages, in their order.
const (
	StageSurvey   Stage = "survey"
	StageBaseline Stage = "baseline"
	StageWindow   Stage = "window"
	StageFinish   Stage = "finish"
)

// Run collects from the target into a new capture file at path, and returns its
// manifest.
//
// When ctx is cancelled in the window, the window ends and what came is kept:
// that is no error. Before the window there is nothing to keep: the error is
// ErrInterrupted. Where an error leaves a part of a capture behind, in the
// folder path.partial, its hint says so; nothing half-written bears the name
// path.
func Run(ctx context.Context, cfg Config, path string) (*capture.Manifest, error) {
	c, err := newCollector(cfg, path)
	if err != nil {
		return nil, err
	}
	stop := c.observe()
	defer stop()
	ctx, done := context.WithCancel(ctx)
	defer done()
	if err := c.survey(ctx); err != nil {
		return nil, err
	}
	if c.w, err = capture.Create(path); err != nil {
		return nil, err
	}
	if err := c.collect(ctx); err != nil {
		c.w.Discard() // the error at hand says more than a folder that stays
		return nil, err
	}
	return c.finish()
}

func (cfg Config) window() time.Duration {
	if cfg.Window == 0 {
		return DefaultWindow
	}
	return cfg.Window
}

// MostProbes bounds the number of probes that a collection sends in its window.
func (cfg Config) MostProbes() int {
	if len(cfg.Probing.URLs) == 0 {
		return 0
	}
	rate := cfg.Probing.Rate
	if rate == 0 {
		rate = DefaultRate
	}
	// A window may last as much longer as the trace lags.
	return int(rate*2*cfg.window().Seconds()) + 64
}

// check finds what cannot work whatever the service does.
func (cfg Config) check() error {
	const op = "collect"
	switch w := cfg.Window; {
	case w < 0 || w > 0 && w < minWindow:
		return configError(op, fmt.Sprintf("a window of %s", w), fmt.Sprintf("the shortest is %s", minWindow))
	case w > maxWindow:
		return configError(op, fmt.Sprintf("a window of %s", w), fmt.Sprintf("the longest is %s", maxWindow))
	case cfg.MaxBytes < 0:
		return configError(op, fmt.Sprintf("at most %d bytes", cfg.MaxBytes), "0 means no bound")
	case math.IsNaN(cfg.Probing.Rate) || cfg.Probing.Rate < 0 || cfg.Probing.Rate > maxRate:
		return configError(op, fmt.Sprintf("a rate of %v probes a second", cfg.Probing.Rate), fmt.Sprintf("it lies between 0 and %d", maxRate))
	}
	return nil
}

const (
	minWindow = 100 * time.Millisecond
	maxWindow = time.Hour
)

// profileSeconds is the CPU profile's duration that goes with a window:
// /profile takes whole seconds only, and takes 1.5 for 30 without a word.
func profileSeconds(window time.Duration) int {
	return int(math.Ceil(window.Seconds()))
}

// profileLead is how much of its time the CPU profile has to begin before and
// end after the trace.
const profileLead = 100 * time.Millisecond

// traceDuration is the trace's duration that goes with a window.
func traceDuration(window time.Duration) time.Duration {
	return min(window, time.Duration(profileSeconds(window))*time.Second-profileLead)
}
