package interval_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"timesink/analyze/interval"
	"timesink/analyze/trace/tracetest"
)

var long = flag.Bool("long", false, "simulate ten times as many windows, and print a table")

// A service makes the wall times of requests, in ns, and the part of each in one bucket.
type service struct {
	name string
	rate float64 // requests a second
	// next returns those of the next request, and how long after it the one after that
	// comes, in seconds.
	begin func(r *rand.Rand) func() (wall, part, gap float64)
	// least is the share of the intervals that must hold the truth, at least.
	least float64
}

// walls returns log-normal wall times with a mean of 20 ms.
func walls(r *rand.Rand, cv float64) func(z float64) float64 {
	s := math.Sqrt(math.Log(1 + cv*cv))
	return func(z float64) float64 { return 20e6 * math.Exp(s*z-s*s/2) }
}

// independent requests come at random and have nothing to do with each other.
func independent(cv, rate float64) func(*rand.Rand) func() (float64, float64, float64) {
	return func(r *rand.Rand) func() (float64, float64, float64) {
		wall := walls(r, cv)
		return func() (float64, float64, float64) {
			w := wall(r.NormFloat64())
			return w, w * (0.3 + 0.2*r.Float64()), r.ExpFloat64() / rate
		}
	}
}

// drifting requests resemble those before them: by exp(-1) after memory seconds.
func drifting(cv, rate, memory float64) func(*rand.Rand) func() (float64, float64, float64) {
	return func(r *rand.Rand) func() (float64, float64, float64) {
		wall, level := walls(r, cv), r.NormFloat64()
		return func() (float64, float64, float64) {
			gap := r.ExpFloat64() / rate
			kept := math.Exp(-gap / memory)
			level = kept*level + math.Sqrt(1-kept*kept)*r.NormFloat64()
			w := wall(0.7*level + 0.71414*r.NormFloat64())
			return w, w * (0.4 + 0.1*level/(1+math.Abs(level))), gap
		}
	}
}

// queueing requests wait for one worker, in the order in which they come.
func queueing(load, rate float64) func(*rand.Rand) func() (float64, float64, float64) {
	return func(r *rand.Rand) func() (float64, float64, float64) {
		backlog := 0.0 // seconds
		step := func() (float64, float64, float64) {
			job := load / rate * (0.5 + r.Float64())
			wait := backlog
			gap := r.ExpFloat64() / rate
			backlog = max(backlog+job-gap, 0)
			return (wait + job) * 1e9, wait * 1e9, gap
		}
		for range 2000 { // until it has forgotten that it began empty
			step()
		}
		return step
	}
}

// stalling requests take longer for 60 ms every 400 ms, as during garbage collections.
func stalling(cv, rate float64) func(*rand.Rand) func() (float64, float64, float64) {
	return func(r *rand.Rand) func() (float64, float64, float64) {
		wall, now := walls(r, cv), 0.4*r.Float64()
		return func() (float64, float64, float64) {
			gap := r.ExpFloat64() / rate
			w, part := wall(r.NormFloat64()), 0.0
			if now < 0.06 {
				part = 30e6
			}
			if now += gap; now > 0.4 {
				now = math.Mod(now, 0.4)
			}
			return w + part, part, gap
		}
	}
}

var services = []service{
	{"independent, cv 0.3", 100, independent(0.3, 100), 0.90},
	{"independent, cv 1", 100, independent(1, 100), 0.90},
	{"independent, cv 1, rare", 10, independent(1, 10), 0.86},
	{"independent, cv 2, fast", 1000, independent(2, 1000), 0.90},
	{"drifting, 100 ms", 100, drifting(0.5, 100, 0.1), 0.88},
	{"drifting, 300 ms", 300, drifting(0.5, 300, 0.3), 0.85},
	{"a queue, half loaded", 200, queueing(0.5, 200), 0.88},
	{"a queue, 80% loaded", 400, queueing(0.8, 400), 0.82},
	{"stalls", 200, stalling(0.3, 200), 0.90},
}

const blockLength = 0.1 // seconds

// A window is blocks of requests.
type window struct {
	requests, wall, part []float64
	walls                [][]int64
	at                   float64
}

// extend lets seconds of the service pass.
func (w *window) extend(next func() (wall, part, gap float64), seconds float64) {
	end := float64(len(w.requests))*blockLength + seconds
	for n := int(math.Round(seconds / blockLength)); n > 0; n-- {
		w.requests, w.wall, w.part, w.walls = append(w.requests, 0), append(w.wall, 0), append(w.part, 0), append(w.walls, nil)
	}
	for w.at < end {
		wall, part, gap := next()
		i := min(int(w.at/blockLength), len(w.requests)-1)
		w.requests[i]++
		w.wall[i] += wall
		w.part[i] += part
		w.walls[i] = append(w.walls[i], int64(wall))
		w.at += gap
	}
}

// truth returns the mean, the share of the part, and the 95th percentile over a long time.
func (s *service) truth() (mean, share, p95 float64) {
	r := rand.New(rand.NewPCG(7, 7))
	const n = 200_000
	var wall, part float64
	all := make([]float64, 0, n)
	next := s.begin(r)
	for range n {
		w, p, _ := next()
		wall, part, all = wall+w, part+p, append(all, w)
	}
	slices.Sort(all)
	return wall / n, part / wall, all[int(0.95*n)]
}

func holds(e interval.Estimate, truth float64) bool { return math.Abs(e.Value-truth) <= e.Half }

// Intervals hold the truth about as often as they say, also if requests resemble those
// before them, and if the window ends as soon as they are narrow.
func TestIntervalsHoldTheTruth(t *testing.T) {
	windows, lengths := 100, []float64{2, 0}
	if *long || tracetest.Long {
		lengths = []float64{2, 4, 0}
	}
	if *long {
		windows = 2000
	}
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			mean, share, p95 := s.truth()
			for _, seconds := range lengths {
				r := rand.New(rand.NewPCG(1, 2))
				var inMean, inShare, inP95 int
				var lasted, width float64
				for range windows {
					w := &window{}
					next := s.begin(r)
					if seconds > 0 {
						w.extend(next, seconds)
					} else {
						untilNarrow(w, next)
					}
					e := interval.Ratio(w.wall, w.requests)
					low, high := interval.Quantile(w.walls, 0.95)
					lasted += float64(len(w.requests)) * blockLength / float64(windows)
					width += e.Half / e.Value / float64(windows)
					inMean += one(holds(e, mean))
					inShare += one(holds(interval.Ratio(w.part, w.wall), share))
					inP95 += one(float64(low) <= p95 && (p95 <= float64(high) || high == largest(w.walls)))
				}
				of := float64(windows)
				row := fmt.Sprintf("%-26s %4.1f s  mean ±%4.1f%% held %5.1f%%, share %5.1f%%, p95 %5.1f%%", s.name, lasted, 100*width, 100*float64(inMean)/of, 100*float64(inShare)/of, 100*float64(inP95)/of)
				if *long {
					fmt.Println(row)
				}
				if least := int(s.least * of); inMean < least || inShare < least || inP95 < least {
					t.Errorf("%s; want %.0f%%", row, 100*s.least)
				}
			}
		})
	}
}

func largest(values [][]int64) int64 { return slices.Max(slices.Concat(values...)) }

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// untilNarrow lets the window last until the mean is within 3% and the share within a point,
// looking once a second.
func untilNarrow(w *window, next func() (wall, part, gap float64)) {
	w.extend(next, 1)
	for len(w.requests) < 300 {
		w.extend(next, 1)
		mean, share := interval.Ratio(w.wall, w.requests), interval.Ratio(w.part, w.wall)
		if mean.Half <= 0.03*mean.Value && share.Half <= 0.01 {
			return
		}
	}
}

func TestTooLittleSaysNothing(t *testing.T) {
	for name, e := range map[string]interval.Estimate{
		"nothing":    interval.Ratio(nil, nil),
		"three":      interval.Ratio([]float64{1, 2, 3}, []float64{1, 1, 1}),
		"no request": interval.Ratio(make([]float64, 20), make([]float64, 20)),
	} {
		if !math.IsInf(e.Half, 1) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if low, high := interval.Quantile(nil, 0.95); low != 0 || high != 0 {
		t.Errorf("of nothing: %d to %d", low, high)
	}
	if low, high := interval.Quantile([][]int64{{3, 1}, nil, {2}}, 0.95); low != 1 || high != 3 {
		t.Errorf("of three: %d to %d", low, high)
	}
}

// Requests that all take the same time leave no doubt about the mean.
func TestWhatDoesNotVaryIsCertain(t *testing.T) {
	part, whole := make([]float64, 30), make([]float64, 30)
	for i := range whole {
		whole[i] = float64(i % 4)
		part[i] = 5 * whole[i]
	}
	if e := interval.Ratio(part, whole); e.Value != 5 || e.Half != 0 {
		t.Errorf("%+v", e)
	}
}
