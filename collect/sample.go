package collect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptrace"
	"slices"
	"sync"
	"time"

	"timesink/collect/capture"
)

// Sampling in place of a trace: how often snapshots of all goroutines are taken, and in
// which form, is bounded by what they cost the service.
const (
	// maxPause is the longest time for which a snapshot may stop the service.
	maxPause = 20 * time.Millisecond
	// costsKept is how many snapshots in a row decide what one costs: the machine, and
	// the way to it, make single ones late.
	costsKept = 5
	// worstCost and worstPerGoroutine bound what a snapshot costs: what it takes beyond
	// is the lateness of the machine and of the network. Each is several times of what
	// was ever measured.
	worstCost         = 3 * time.Millisecond
	worstPerGoroutine = 100 * time.Microsecond
	// textPerGoroutine is the time for which listing one goroutine as text stops the
	// service, until a snapshot has shown what it is for this one. Measured: 24 µs with
	// 100 goroutines, 38 µs with 10,000, 50 µs with 100,000, on two cores.
	textPerGoroutine = 50 * time.Microsecond
	// leastSnapshots is how many snapshots a window must allow for.
	leastSnapshots = 3
	// sampleGap is the least time between two snapshots: closer ones say little new.
	sampleGap = 10 * time.Millisecond
	// maxStackText limits a list of goroutines as text, in bytes.
	maxStackText = 16 << 20
	// maxSamplesSize ends the window, in bytes on disk.
	maxSamplesSize = 128 << 20
	// mostFailures in a row end the window.
	mostFailures = 3
	// roundTrips is how many small requests measure the round trip.
	roundTrips = 3
)

// A sampler takes snapshots of a service's goroutines for the length of a window.
type sampler struct {
	client   *client
	clock    clock
	window   time.Duration
	whole    bool // the profile form stops the service, too (Go before 1.19)
	out      *capture.SampleWriter
	maxBytes int64
	tooDear  func() error // why observing costs the service too much, or nil; may be nil

	mu         sync.Mutex
	sampling   capture.Sampling
	goroutines int               // at the last snapshot; 0 if unknown
	costs      map[string]*costs // by form
	trip       time.Duration     // the quickest round trip
	started    time.Time
	first      time.Duration // what the first snapshot cost, if that was too much
	stopped    string        // why text is no longer asked for, "" if it is
}

// run takes snapshots until the window is over, or ctx is done. It returns why the window
// ended early, or nil if it did not. If it returns an error, there is no snapshot, or
// too few can be taken. It calls began once it is known that the service can afford them.
func (s *sampler) run(ctx context.Context, began func()) (*earlyEnd, error) {
	s.trip = s.firstTrip(ctx)
	s.started = time.Now()
	end := s.started.Add(s.window)
	failures := 0
	for {
		took, err := s.takeInTime(ctx)
		var write *writeError
		switch {
		case ctx.Err() != nil && s.sampling.Snapshots == 0:
			return nil, s.client.failed("goroutine", context.Canceled)
		case ctx.Err() != nil:
			return &earlyEnd{capture.EndedInterrupted, "interrupted", "the window was ended early, " + s.after()}, nil
		case errors.As(err, &write) && s.sampling.Snapshots > 0:
			return &earlyEnd{capture.EndedDisk, "disk-full", fmt.Sprintf("the samples could not be written any further, %s: %v", s.after(), write.err)}, nil
		case errors.As(err, &write):
			return nil, write.err
		case err != nil && s.sampling.Snapshots == 0:
			return nil, err
		case err != nil:
			s.sampling.Failed++
			if failures++; failures == mostFailures {
				return &earlyEnd{capture.EndedCut, "samples-cut", fmt.Sprintf("%d goroutine profiles in a row failed, %s (%s)", failures, s.after(), told(err))}, nil
			}
		default:
			failures = 0
		}
		again, err := s.affordable(took)
		switch {
		case err != nil:
			return nil, err
		case again:
			continue
		}
		if s.sampling.Snapshots > 0 {
			began()
			began = func() {}
		}
		var costly *earlyEnd
		if s.tooDear != nil && errors.As(s.tooDear(), &costly) && s.sampling.Snapshots > 0 {
			return costly, nil
		}
		if limit := s.limit(); s.out.Size() > limit {
			return &earlyEnd{capture.EndedMaxBytes, "max-bytes", fmt.Sprintf("the samples reached the %s allowed %s", BytesText(limit), s.after())}, nil
		}
		next := s.next(took)
		if next.After(end) {
			next = end
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next)):
		}
		if !next.Before(end) && ctx.Err() == nil {
			return nil, nil
		}
	}
}

func (s *sampler) limit() int64 {
	if s.maxBytes > 0 {
		return min(s.maxBytes, maxSamplesSize)
	}
	return maxSamplesSize
}

func (s *sampler) after() string {
	return fmt.Sprintf("after %s of %s", secondsText(time.Since(s.started)), secondsText(s.window))
}

// affordable returns an error if the budget does not allow enough snapshots for an
// answer. It is called after each. If the first one cost too much it asks for another at
// once, since a busy machine makes single ones late, and the cheaper one decides.
func (s *sampler) affordable(took time.Duration) (again bool, err error) {
	n := s.sampling.Snapshots
	if n == 0 || n > 2 || n == 2 && s.first == 0 {
		return false, nil
	}
	if n == 2 {
		took = min(took, s.first)
	}
	err = s.tooCostly(took)
	if n == 1 && err != nil {
		s.first = max(took, 1)
		return true, nil
	}
	return false, err
}

// tooCostly returns an error if snapshots that cost as much cannot give an answer.
func (s *sampler) tooCostly(took time.Duration) error {
	if s.whole && took > maxPause {
		return s.costly(fmt.Sprintf("a list of its %d goroutines stops the service for %s, and %s is the most that is taken", s.goroutines, millisText(took), millisText(maxPause)),
			"build the service with Go 1.19 or later, which lists goroutines while it goes on")
	}
	if allowed := float64(s.window) * s.sampling.Budget / float64(max(took, 1)); allowed < leastSnapshots {
		longer := time.Duration(float64(took)*leastSnapshots/s.sampling.Budget).Round(time.Second) + time.Second
		return s.costly(fmt.Sprintf("a list of its %d goroutines takes the service %s: at %.0f%% of its time a window of %s allows %.1f of them, and %d are the least",
			s.goroutines, millisText(took), 100*s.sampling.Budget, secondsText(s.window), allowed, leastSnapshots), fmt.Sprintf("observe for longer, with -d %s", longer))
	}
	return nil
}

func (s *sampler) costly(seen, hint string) error {
	return withOp(s.client.op("goroutine"), newFault(ErrTooCostly, hint, "%s", seen))
}

// millisText formats a duration in milliseconds.
func millisText(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// next returns when the next snapshot is due, after one that took that long. The pause
// is random, so that snapshots do not keep step with anything periodic.
func (s *sampler) next(took time.Duration) time.Time {
	due := s.started.Add(time.Duration(float64(s.sampling.Spent) / s.sampling.Budget))
	gap := max(time.Until(due), time.Duration(float64(took)/s.sampling.Budget)/2, sampleGap)
	return time.Now().Add(gap + time.Duration(rand.Float64()*float64(gap)/4))
}

// take takes one snapshot, and returns what it cost the service.
func (s *sampler) take(ctx context.Context) (took time.Duration, err error) {
	text := s.asText()
	endpoint, limit, form := "goroutine?debug=2", int64(maxStackText), capture.FormText
	if !text {
		endpoint, limit, form = "goroutine", maxProfile, capture.FormProfile
	}
	var timing answerTiming
	a := s.client.fetch(timing.context(ctx), endpoint, limit)
	took = timing.took(text, a.took, s.trip)
	took = atWorst(took, s.goroutines)
	switch {
	case a.err != nil:
		return took, a.err
	case a.more:
		return took, fmt.Errorf("larger than %s", BytesText(limit))
	case !text && !isGzip(a.body):
		return took, withOp(s.client.op(endpoint), newFault(ErrStatus, pprofHint, "not a profile but %s", capture.Sniff(a.body).What))
	}
	snap := &capture.Snapshot{At: s.clock.unix(timing.wrote()), Form: form}
	parse := profileStacks
	if text {
		parse = parseStacks
	}
	if snap.Goroutines, err = parse(a.body, s.stack); err != nil {
		return took, err
	}
	n := 0
	for _, g := range snap.Goroutines {
		n += max(g.Count, 1)
	}
	took = atWorst(took, n)
	snap.Took = int64(took)
	if err := s.out.Snapshot(snap); err != nil {
		return took, &writeError{err}
	}
	s.count(snap, n, took)
	return took, nil
}

// atWorst returns what a list of n goroutines cost at most that took so long to arrive.
func atWorst(took time.Duration, n int) time.Duration {
	if n == 0 {
		return took
	}
	return min(took, worstCost+time.Duration(n)*worstPerGoroutine)
}

func (s *sampler) stack(key []byte, read func() capture.Stack) (int, error) {
	n, err := s.out.Stack(key, read)
	if err != nil && !errors.Is(err, capture.ErrTooManyStacks) {
		err = &writeError{err}
	}
	return n, err
}

// taken returns the number of snapshots so far.
func (s *sampler) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sampling.Snapshots
}

// count accounts for a snapshot of n goroutines.
func (s *sampler) count(snap *capture.Snapshot, n int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.goroutines = n
	s.sampling.Snapshots++
	s.sampling.Spent += int64(took)
	s.sampling.Longest = max(s.sampling.Longest, int64(took))
	c := s.costs[snap.Form]
	if c == nil {
		c = &costs{}
		s.costs[snap.Form] = c
	}
	late := snap.Form == capture.FormText && took > maxPause
	if late && c.late {
		s.stopped = fmt.Sprintf("lists of %d goroutines with their states took %s", n, millisText(took))
	}
	c.add(took/time.Duration(n), late)
}

// costs are what the last snapshots of one form cost, by goroutine.
type costs struct {
	each []time.Duration
	late bool // the last one took longer than it may
}

func (c *costs) add(each time.Duration, late bool) {
	c.each, c.late = append(c.each, each), late
	if n := len(c.each); n > costsKept {
		c.each = c.each[n-costsKept:]
	}
}

// median returns the median cost of a goroutine, and usual if there is none.
func (c *costs) median(usual time.Duration) time.Duration {
	if c == nil || len(c.each) == 0 {
		return usual
	}
	sorted := slices.Sorted(slices.Values(c.each))
	return sorted[len(sorted)/2]
}

// asText reports whether the next snapshot may be in the form that stops the service.
func (s *sampler) asText() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.goroutines == 0 || s.stopped != "" {
		return false
	}
	return time.Duration(s.goroutines)*s.costs[capture.FormText].median(textPerGoroutine) <= maxPause*3/4
}

// patience is how long a service may take for a snapshot: no budget allows for longer ones.
func (s *sampler) patience() time.Duration {
	return max(DefaultMaxLag, time.Duration(float64(s.window)*s.sampling.Budget/leastSnapshots))
}

// takeInTime is take, except that it gives up on a service that does not answer.
func (s *sampler) takeInTime(ctx context.Context) (took time.Duration, err error) {
	most := s.patience()
	ctx, cancel := context.WithTimeoutCause(ctx, most, &lateError{"no answer in " + secondsText(most)})
	defer cancel()
	return s.take(ctx)
}

// firstTrip is roundTrip, except that it gives up after headStart.
func (s *sampler) firstTrip(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeoutCause(ctx, headStart, lateForWindow)
	defer cancel()
	return s.roundTrip(ctx)
}

// roundTrip returns how long the quickest of a few small requests takes, 0 if none is
// answered.
func (s *sampler) roundTrip(ctx context.Context) (quickest time.Duration) {
	for range roundTrips {
		if ctx.Err() != nil {
			return quickest
		}
		var timing answerTiming
		a := s.client.fetch(timing.context(ctx), "cmdline", maxHead)
		if a.status == 0 {
			continue
		}
		if took := timing.took(true, a.took, 0); quickest == 0 || took < quickest {
			quickest = took
		}
	}
	return quickest
}

// An answerTiming is when a request was written and when its answer began.
type answerTiming struct {
	mu           sync.Mutex
	sent, answer time.Time
}

func (t *answerTiming) context(ctx context.Context) context.Context {
	note := func(at *time.Time) {
		now := time.Now()
		t.mu.Lock()
		defer t.mu.Unlock()
		*at = now
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { note(&t.sent) },
		GotFirstResponseByte: func() { note(&t.answer) },
	})
}

func (t *answerTiming) wrote() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent
}

// took returns how long the service worked on an answer: until it began, if all of it was
// ready then, else until its end. The whole request took that long, and a round trip
// without work takes trip.
func (t *answerTiming) took(ready bool, whole, trip time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := whole
	if ready && !t.sent.IsZero() && t.answer.After(t.sent) {
		out = t.answer.Sub(t.sent)
	}
	return max(out-trip, 0)
}
