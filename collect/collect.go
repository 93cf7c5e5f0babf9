// Package collect gathers evidence from a live service: one window in which the
// execution trace, the CPU profile and the client's probes cover the same
// requests.
//
// It is the first arrow of the flow, a live service → a capture.Capture, and the
// only package that touches the network. Run writes a capture. Doctor reports
// what a service exposes. Both need nothing in the service but net/http/pprof,
// on one port, guarded or open.
//
// What it takes, in order:
//
//  1. the pprof index, which counts the goroutines, and a goroutine profile;
//  2. a few probes, the baseline for the cost of the collection itself;
//  3. during the window, a CPU profile of whole seconds, the execution trace for
//     a little less, so that CPU samples cover all of it, and probes in an open
//     loop;
//  4. a second goroutine profile, and the pages on which the service describes
//     itself.
//
// The resulting parts are declared in capture.Kinds, and the request for each in
// the table of sources in sources.go. To add a part, add a row to both tables
// and a reader to package analyze. A source that is more than one page has its
// own file, such as cpu.go.
//
// If there is no trace to be had, the window is sampled instead: snapshots of all
// goroutines, as often as they cost the service little (untraced.go, sample.go).
// Where there are neither, probes alone are a capture (outside.go). Everything else is a side part: the
// collection does without a slow one and warns. Work before the window delays it
// by two seconds at most, and work after it delays the answer by three at most.
//
// How to cost the service less:
//
//   - The trace costs as long as it lasts, and so does the CPU profile beside it. Several short
//     windows (Config.Light, light.go) trace about a quarter of the time and keep what only a
//     trace shows. Snapshots in its place (Config.NoTrace) cost at most 1%.
//   - The goroutine profiles, one before and one after, list every goroutine, and are left
//     out where there are more than 10,000.
//   - A probe costs what a client's request does: lower Probing.Rate.
//   - Config.MaxOverhead ends the window when probes become slower by more than that.
//
// cmd/internal/cost measures each part alone (.ci/cost).
//
// It avoids harm to the service: the trace goes from the socket straight to the
// disk. It ends early when it falls behind the service (which would hold the
// rest in memory), when the disk fills up, when it reaches a size limit, or when
// the user interrupts it. The part that has arrived by then is kept. Secrets are
// never printed and never stored.
//
// It does not interpret the data, beyond a check that it is of the right kind:
// that is the task of package analyze.
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

// Config says what to collect, from where, and within which limits.
type Config struct {
	Target  Target
	Window  time.Duration // 0 means DefaultWindow
	Probing Probing
	// NoTrace takes no execution trace: it samples the service's goroutines instead.
	NoTrace bool
	// SampleBudget is the share of the service's time that sampling may take; 0 means
	// DefaultSampleBudget.
	SampleBudget float64

	// Enough, if not nil, reports whether the generations of the trace that have arrived
	// are enough, so that the window may end before it is over. It is asked several times
	// a second, from one goroutine, once there is a whole one, and must return at once.
	// Where it cannot be asked, because there is no trace or it has no generations (Go
	// before 1.22), the window is Fixed, if that is shorter; 0 means DefaultWindow.
	Enough func(Arrived) bool
	Fixed  time.Duration
	// Light takes several short windows at random moments within Window in place of one, and
	// covers about a quarter of it. Window must be LeastLight or more. Growing and Enough are
	// not used then.
	Light bool
	// EnoughWindows, if not nil, reports whether the windows of a light collection so far are
	// enough. It is called between two windows and may take its time. The capture is closed
	// when it returns.
	EnoughWindows func(*capture.Capture) bool
	// Auto describes Enough or EnoughWindows in the manifest.
	Auto *capture.Auto

	// MaxBytes ends the window when the trace reaches this size; 0 means no
	// limit.
	MaxBytes int64
	// MaxLag ends the window when the trace is this far behind the service; 0
	// means DefaultMaxLag. About two seconds are normal.
	MaxLag time.Duration
	// MaxOverhead ends the window when observing costs the service more than this
	// share of its time, as its probes say or Runnable; 0 means no limit.
	MaxOverhead float64
	// Runnable, if not nil, returns the share of the requests' time so far in which
	// they were ready to run and waited for a processor.
	Runnable func() float64
	// Reserve is the free disk space to keep, in bytes, beyond what the capture
	// needs; 0 means DefaultReserve.
	Reserve int64
	// Others, if not nil, returns how much of the disk other collections will still need,
	// in bytes. That much is kept free, too.
	Others func() int64

	// Instance and Labels describe the target among the instances of its service, for
	// the manifest. Labels are sorted by name.
	Instance string
	Labels   []capture.Label

	Tool capture.Tool // identifies the collector in the manifest and the User-Agent
	// Log receives one record for each step, with its duration; the manifest
	// keeps the records too. Nil discards them.
	Log *slog.Logger
	// Observe is called with the progress about five times a second, from one
	// goroutine. It may be nil.
	Observe func(Progress)
	// Growing, if not nil, is called in its own goroutine with a reader of the
	// trace as it grows on disk. The reader returns io.EOF after the end of the
	// trace. The collection does not wait for Growing.
	Growing func(trace io.ReadCloser)
	// Collected, if not nil, is called with the capture when all of it is safe
	// in the folder, before the zip is written, which takes a second or more for
	// a big trace. When Collected returns, the capture is closed and the zip is
	// written. It returns predictions to be kept in the capture, one line of JSON
	// each, or nil.
	Collected func(*capture.Capture) (predictions []byte)
}

// Arrived is how much of a trace has arrived in whole generations, which can be analyzed
// although the rest has not.
type Arrived struct {
	Generations int
	Bytes       int64         // of the trace, to the end of the last of them
	After       time.Duration // from the request for the trace until they had arrived
}

// The defaults that Config's zero values stand for.
const (
	DefaultWindow  = 10 * time.Second
	DefaultMaxLag  = 5 * time.Second
	DefaultReserve = 128 << 20
	// DefaultSampleBudget is 1% of the service's time.
	DefaultSampleBudget = 0.01
)

// Progress is the state of a collection in progress.
type Progress struct {
	Stage   Stage
	Elapsed time.Duration // in this stage
	Of      time.Duration // expected duration of the stage; 0 if unknown
	Bytes   int64         // of the trace so far
	// Snapshots is how many snapshots have been taken in place of a trace.
	Snapshots int
	Lag       time.Duration // the largest so far
	Sent      int           // probes of this stage
	Failed    int           // those of them without an answer or with an error
}

// A Stage is a step of a collection.
type Stage string

// The stages, in order.
const (
	StageSurvey   Stage = "survey"
	StageBaseline Stage = "baseline"
	StageWindow   Stage = "window"
	StageFinish   Stage = "finish"
)

// Run collects from the target into a new capture file at path, and returns its
// manifest.
//
// If ctx is canceled during the window, the window ends, Run keeps the data that
// has arrived and returns no error. Before the window there is nothing to keep,
// and the error is ErrInterrupted. If an error leaves a partial capture behind,
// in the folder path.partial, its hint says so. No incomplete file ever has the
// name path.
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
		c.w.Discard() // this error matters more than a folder that cannot be removed
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

// MostProbes returns an upper bound on the number of probes sent in the window.
func (cfg Config) MostProbes() int {
	if len(cfg.Probing.URLs) == 0 {
		return 0
	}
	rate := cfg.Probing.Rate
	if rate == 0 {
		rate = DefaultRate
	}
	// The window may last longer by as much as the trace lags.
	return int(rate*2*cfg.window().Seconds()) + 64
}

// check rejects configurations that cannot work with any service.
func (cfg Config) check() error {
	const op = "collect"
	switch w := cfg.Window; {
	case w < 0 || w > 0 && w < minWindow:
		return configError(op, fmt.Sprintf("a window of %s", w), fmt.Sprintf("the shortest is %s", minWindow))
	case w > maxWindow:
		return configError(op, fmt.Sprintf("a window of %s", w), fmt.Sprintf("the longest is %s", maxWindow))
	case math.IsNaN(cfg.MaxOverhead) || cfg.MaxOverhead < 0:
		return configError(op, fmt.Sprintf("an overhead of at most %v", cfg.MaxOverhead), "0 means no bound")
	case cfg.Fixed < 0 || cfg.Fixed > 0 && cfg.Fixed < minWindow:
		return configError(op, fmt.Sprintf("a fixed window of %s", cfg.Fixed), fmt.Sprintf("the shortest is %s", minWindow))
	case cfg.Light && cfg.window() < LeastLight:
		return configError(op, fmt.Sprintf("several short windows within %s", cfg.window()), fmt.Sprintf("the shortest time for them is %s", LeastLight))
	case cfg.MaxBytes < 0:
		return configError(op, fmt.Sprintf("at most %d bytes", cfg.MaxBytes), "0 means no bound")
	case math.IsNaN(cfg.SampleBudget) || cfg.SampleBudget < 0 || cfg.SampleBudget > 1:
		return configError(op, fmt.Sprintf("a sampling budget of %v", cfg.SampleBudget), "it is a share between 0 and 1")
	case math.IsNaN(cfg.Probing.Rate) || cfg.Probing.Rate < 0 || cfg.Probing.Rate > maxRate:
		return configError(op, fmt.Sprintf("a rate of %v probes a second", cfg.Probing.Rate), fmt.Sprintf("the rate must lie between 0 and %d", maxRate))
	}
	return nil
}

const (
	minWindow = 100 * time.Millisecond
	maxWindow = time.Hour
)

// profileSeconds returns the duration of the CPU profile for a window: /profile
// accepts only whole seconds and silently treats 1.5 as 30.
func profileSeconds(window time.Duration) int {
	return int(math.Ceil(window.Seconds()))
}

// profileLead is the total time by which the CPU profile begins before and ends
// after the trace.
const profileLead = 100 * time.Millisecond

// traceDuration returns the duration of the trace for a window.
func traceDuration(window time.Duration) time.Duration {
	return min(window, time.Duration(profileSeconds(window))*time.Second-profileLead)
}
