package timeline

import "math"

// A trace says when goroutines run as far as the runtime knows. What the kernel did
// meanwhile shows only indirectly: in when CPU samples were taken, and in when nothing
// happened at all.

// A Kernel is what a trace shows about the kernel that the process ran on. Times are in
// nanoseconds.
type Kernel struct {
	// FirstSample and LastSample are when CPU samples were taken, 0 if there were none.
	FirstSample, LastSample int64
	// Tick is the period of the kernel's timer interrupt, or 0 if the samples do not show
	// it. A thread gets its sample at the first interrupt after it has used another 10 ms
	// of CPU, so of two samples that become due between two interrupts one is lost.
	Tick int64
	// Still is how long nothing at all happened in stretches of 5 ms or more,
	// although a processor was running, and Stills counts these stretches. Their ends are
	// Every apart, or multiples of it; 0 if they are at no regular intervals.
	Still, Stills, Every int64
}

// kernel gathers what becomes a Kernel.
type kernel struct {
	Kernel
	ticks [len(ticks)]wheel
	every [len(periods)]wheel
	// Of the stretches of longStill or more: neighbors add shorter ones at any time.
	longs     int64
	longEvery [len(periods)]wheel
}

// ticks are the usual periods of the timer interrupt: 100, 250, 300 and 1000 Hz.
var ticks = [...]int64{10_000_000, 4_000_000, 3_333_333, 1_000_000}

// periods are the usual periods of a CPU limit, the longest first: what comes every
// 100 ms also comes at multiples of 50. Container runtimes use the first.
var periods = [...]int64{100_000_000, 50_000_000, 25_000_000, 20_000_000}

// shortestStill is the shortest stretch without any event that counts as one. A thread
// that computes gets a sample every 10 ms, and so does not look still for longer.
const shortestStill = 5_000_000

// longStill is the length from which a stretch without any event is a long one.
const longStill = 20_000_000

// briefRun is the length below which a stretch of running is brief: between two ticks
// there may be several, in which no sample can be taken.
const briefRun = 2_000_000

// A wheel finds out whether times are multiples of a period apart: it sums them as
// directions.
type wheel struct{ x, y float64 }

func (w *wheel) add(at, period int64) {
	sin, cos := math.Sincos(2 * math.Pi * float64(at%period) / float64(period))
	w.x, w.y = w.x+cos, w.y+sin
}

// alike returns how similar the n directions are: 1 if they are all the same, about
// 1/√n if they are random.
func (w *wheel) alike(n int64) float64 { return math.Hypot(w.x, w.y) / float64(max(n, 1)) }

// sampled records when a CPU sample was taken. Only the time since the one before
// counts: over the whole window, the trace's clock and the kernel's drift apart.
func (k *kernel) sampled(at int64) {
	if k.LastSample != 0 {
		for i, period := range ticks {
			k.ticks[i].add(max(0, at-k.LastSample), period)
		}
	} else {
		k.FirstSample = at
	}
	k.LastSample = max(k.LastSample, at)
}

// stoodStill records that nothing happened from one moment to another, although a
// processor was running.
func (k *kernel) stoodStill(from, to int64) {
	k.Still += to - from
	k.Stills++
	for i, period := range periods {
		k.every[i].add(to, period)
		if to-from >= longStill {
			k.longEvery[i].add(to, period)
		}
	}
	if to-from >= longStill {
		k.longs++
	}
}

// result returns the Kernel, given the number of samples.
func (k *kernel) result(samples int64) Kernel {
	const few = 5
	for i, period := range ticks {
		// A single thread that computes gets its samples 10 ms apart at any tick.
		if least := []float64{0.9, 0.5, 0.5, 0.5}[i]; samples > few && k.Tick == 0 && k.ticks[i].x > least*float64(samples-1) {
			k.Tick = period
		}
	}
	for i, period := range periods {
		if k.Every == 0 && (k.Stills >= few && k.every[i].alike(k.Stills) > 0.8 || k.longs >= few && k.longEvery[i].alike(k.longs) > 0.8) {
			k.Every = period
		}
	}
	return k.Kernel
}
