package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"syscall"
	"time"

	"timesink/collect/capture"
)

const (
	// copyBuffer is the size of one read from the socket, in bytes. The reader of
	// a chunked answer fills the buffer before it returns, however long that
	// takes: a larger one would hide the lag and lose more at an interrupt.
	copyBuffer = 32 << 10
	// watchEvery is the interval of the checks for free disk and an overdue
	// trace.
	watchEvery = 250 * time.Millisecond
	// overrun is how much longer than asked a trace may be, by its own clock. A
	// service that is short of processors ends it late.
	overrun = 2 * time.Second
)

// A stream copies the trace from the socket to the disk. In between it only
// counts bytes and reads the batch headers that reveal the lag, because the
// service holds in memory whatever is not read here.
//
// The lag is how far the trace has fallen behind the service, measured whenever
// bytes arrive: the time since the trace was requested, minus the service's time
// in the newest batch, minus the smallest such delay so far, because a trace may
// begin late. A service flushes once a second (a generation), so up to two
// seconds are normal. A silent service has nothing to send: no bytes, no lag. For
// formats before Go 1.22 only the end shows it: a service that still sends when
// its time is up has fallen behind.
type stream struct {
	client *client
	asked  time.Duration
	limits limits
	began  func(time.Time)    // called once, when the request has been written
	enough func(Arrived) bool // nil if the trace must last as long as asked

	cut  context.CancelCauseFunc // ends the trace with an earlyEnd
	line hangUp

	mu       sync.Mutex
	stopped  bool          // enough has arrived, and the service was told
	arrived  time.Duration // when the last whole generation had
	complete bool          // all of the trace has arrived although it was stopped
	position position
	bytes    int64
	started  time.Time     // when the request was written; the trace opened later
	end      time.Time     // when the last bytes arrived
	reading  time.Duration // time spent waiting for the socket
	writing  time.Duration // time spent waiting for the disk
	delay    time.Duration // the smallest seen between the service and this process
	lag      time.Duration // the largest seen beyond it
}

// limits bounds a trace.
type limits struct {
	maxBytes int64         // 0: none
	maxLag   time.Duration // > 0
	reserve  int64         // bytes of free disk to keep
	others   func() int64  // more such bytes, for other collections; may be nil
	dir      string        // whose disk that is
	costly   func() error  // why the trace costs the service too much; nil for no bound
}

// An earlyEnd is the reason why a trace ended early.
type earlyEnd struct {
	ended   string // one of the capture.Ended constants
	code    string // of the warning
	message string
}

func (e *earlyEnd) Error() string { return e.message }

// run requests the trace and writes it to f until it ends, ctx is canceled or a
// limit is reached. It returns why the trace ended early, or nil if it did not.
// If it returns an error, no trace arrived.
func (s *stream) run(ctx context.Context, f io.Writer) (*earlyEnd, error) {
	ctx, s.cut = context.WithCancelCause(ctx)
	defer s.cut(nil)
	// The transport may write the request during or after its cancellation: began
	// must not be called after run has returned.
	var beginning sync.Mutex
	over := false
	ctx = onWritten(ctx, func() {
		beginning.Lock()
		defer beginning.Unlock()
		if over {
			return
		}
		now := time.Now()
		s.mu.Lock()
		s.started = now
		s.mu.Unlock()
		s.began(now)
	})
	if s.enough != nil {
		ctx = s.line.watch(ctx)
	}
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	if s.enough != nil {
		watching.Go(func() { s.untilEnough(ctx) })
	}
	err := s.fetch(ctx, f)
	cause := context.Cause(ctx)
	beginning.Lock()
	over = true
	beginning.Unlock()
	s.cut(nil)
	watching.Wait()
	return s.judge(err, cause)
}

// fetch requests the trace and copies it; see copy for the result.
func (s *stream) fetch(ctx context.Context, f io.Writer) error {
	resp, err := s.client.getOnce(ctx, s.endpoint())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s.client.refused(s.endpoint(), resp, errorBody(resp.Body))
	}
	return s.copy(f, resp.Body)
}

func (s *stream) endpoint() string {
	return "trace?seconds=" + strconv.FormatFloat(s.asked.Seconds(), 'f', -1, 64)
}

// onWritten returns a context that calls f when the request made with it has been
// written.
func onWritten(ctx context.Context, f func()) context.Context {
	var once sync.Once
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				once.Do(f)
			}
		},
	})
}

// copy copies the trace and returns why it stopped: io.EOF at its end.
func (s *stream) copy(f io.Writer, body io.Reader) error {
	buf := make([]byte, copyBuffer)
	begin := time.Now()
	// Some services answer any request with status 200 and a page: write nothing
	// before the header has arrived.
	n, err := io.ReadAtLeast(body, buf, traceHeaderSize)
	if n > 0 && !capture.IsTrace(buf[:n]) {
		return s.client.notTrace(s.endpoint(), buf[:n])
	}
	for {
		came := time.Now()
		kept := s.room(n)
		if _, err := f.Write(buf[:kept]); err != nil {
			return &writeError{err}
		}
		if early := s.passed(buf[:kept], came.Sub(begin), time.Since(came)); early != nil {
			return early
		}
		if err != nil {
			return err
		}
		begin = time.Now()
		n, err = body.Read(buf)
	}
}

// A writeError marks an error of the local disk, as opposed to the network.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// room returns how many of n bytes may still be written.
func (s *stream) room(n int) int {
	if s.limits.maxBytes <= 0 {
		return n
	}
	return int(min(int64(n), s.limits.maxBytes-s.bytes))
}

// passed accounts for bytes that were read and written. It returns an error when
// the trace is large enough or too far behind.
func (s *stream) passed(b []byte, reading, writing time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(b))
	whole := s.position.whole
	s.position.Write(b)
	s.reading += reading
	s.writing += writing
	s.end = time.Now()
	ran := s.end.Sub(s.started)
	if s.position.whole > whole {
		s.arrived = ran
	}
	if s.enough != nil && s.position.lost && s.position.generations == 0 {
		return errNoGenerations
	}
	if covered, known := s.position.elapsed(); known {
		late := ran - covered
		if s.position.frequency != 0 && (s.delay == 0 || late < s.delay) {
			s.delay = late
		}
		s.lag = max(s.lag, late-s.delay)
	}
	switch covered, known := s.position.measured(); {
	case known && covered > s.asked+overrun:
		return s.overlong("the trace covers " + secondsText(covered) + " already")
	case s.lag > s.limits.maxLag:
		return s.behind(s.lag)
	case s.limits.maxBytes > 0 && s.bytes >= s.limits.maxBytes:
		return &earlyEnd{capture.EndedMaxBytes, "max-bytes", fmt.Sprintf("the trace reached the %s allowed after %s of %s",
			BytesText(s.bytes), secondsText(ran), secondsText(s.asked))}
	}
	return nil
}

// watch ends the trace when the disk fills up, or when the service is still
// sending long after its time is up.
func (s *stream) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if early := s.check(); early != nil {
			s.cut(early)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *stream) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started.IsZero() {
		return nil
	}
	ran := time.Since(s.started)
	late := ran - s.asked - s.delay
	if late > s.limits.maxLag {
		return s.overdue(late)
	}
	s.lag = max(s.lag, late)
	if s.limits.costly != nil && s.bytes > 0 {
		if err := s.limits.costly(); err != nil {
			return err
		}
	}
	// The zip will need as much again, at worst.
	free, err := capture.FreeDisk(s.limits.dir)
	keep := s.limits.reserve
	if s.limits.others != nil {
		keep += s.limits.others()
	}
	if err == nil && s.bytes > 0 && free < keep+s.bytes {
		return &earlyEnd{capture.EndedDisk, "disk-low", fmt.Sprintf("only %s of disk are free: the trace was ended at %s, after %s of %s",
			BytesText(free), BytesText(s.bytes), secondsText(ran), secondsText(s.asked))}
	}
	return nil
}

// overdue returns why a trace has not ended although its time was up so long ago: the
// service is silent, or goes on tracing, or what it traced in time is still on its way.
func (s *stream) overdue(late time.Duration) error {
	covered, known := s.position.measured()
	last := s.end
	if s.bytes == 0 {
		last = s.started
	}
	switch silent := time.Since(last); {
	case silent >= s.limits.maxLag/2:
		return &earlyEnd{capture.EndedSilent, "trace-silent", fmt.Sprintf("the trace fell silent after %s of %s, at %s: nothing more came, and its time was up %s ago",
			secondsText(last.Sub(s.started)), secondsText(s.asked), BytesText(s.bytes), secondsText(late))}
	case known && covered > s.asked:
		return s.overlong("its bytes still come " + secondsText(late) + " later")
	}
	return s.behind(late)
}

// overlong returns the reason for a trace of a service that ignores its duration.
func (s *stream) overlong(how string) error {
	return &earlyEnd{capture.EndedOverlong, "trace-overlong", fmt.Sprintf("the service was asked to trace for %s and did not stop: %s; a handler or a proxy may drop the query",
		secondsText(s.asked), how)}
}

func (s *stream) behind(lag time.Duration) error {
	slow := "the network to the service"
	if s.writing > s.reading {
		slow = "the local disk"
	}
	return &earlyEnd{capture.EndedLag, "trace-lag", fmt.Sprintf("the trace came %s behind the service, which holds the rest in its memory, and was ended at %s: %s is too slow for it",
		secondsText(lag), BytesText(s.bytes), slow)}
}

// opened returns when the trace began, by this machine's clock. That lies between
// the request and the time that the smallest delay implies, because a service may
// begin late. Within these bounds the trace's clock, which is the service's,
// decides; outside of them it is ignored. Without it, opened takes the time of
// the request, unless the trace arrived later than one that began at once.
func (s *stream) opened(c clock) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	earliest, latest := c.wall(s.started), c.wall(s.started.Add(s.delay))
	if at, known := s.position.opened(); known && !at.Before(earliest) && !at.After(latest) {
		return at.UTC()
	}
	return earliest.Add(max(0, latest.Sub(earliest)-firstGeneration))
}

// judge returns why the copy stopped, or nil if the trace is complete. If it
// returns an error, no trace arrived.
func (s *stream) judge(err, cause error) (*earlyEnd, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes == 0 {
		return nil, s.judgeNothing(err, cause)
	}
	ran := s.end.Sub(s.started)
	after := fmt.Sprintf("after %s of %s", secondsText(ran), secondsText(s.asked))
	if ran >= s.asked {
		after = "at the end of its " + secondsText(s.asked)
	}
	var early *earlyEnd
	var write *writeError
	switch {
	case errors.Is(err, errNoGenerations):
		return nil, err
	case errors.As(cause, &early), errors.As(err, &early): // the first of them: canceling hands out bytes held back
		return early, nil
	case s.stopped && cause == nil && !errors.As(err, &write):
		s.complete = err == io.EOF && !s.position.midway()
		return s.sufficient(), nil
	case cause != nil:
		return &earlyEnd{capture.EndedInterrupted, "interrupted", "the window was ended early, " + after}, nil
	case errors.As(err, &write):
		return &earlyEnd{capture.EndedDisk, "disk-full", fmt.Sprintf("the trace could not be written any further, %s: %v", after, write.err)}, nil
	case err != io.EOF:
		return &earlyEnd{capture.EndedCut, "trace-cut", fmt.Sprintf("the trace was cut %s (%s): a write timeout of the server or a proxy may do that",
			after, s.client.scrub.text(brokenOff(err)))}, nil
	case s.position.midway():
		return &earlyEnd{capture.EndedCut, "trace-cut", fmt.Sprintf("the trace was cut %s (its answer ended in the middle of it): a proxy may do that", after)}, nil
	case ran < s.asked-watchEvery:
		return &earlyEnd{capture.EndedCut, "trace-short", "the service ended the trace " + after}, nil
	}
	return nil, nil
}

// A reworded error has another text.
type reworded struct {
	error
	text string
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.error }

// brokenOff describes the error with which an answer ended before its end.
func brokenOff(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset by the other side"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the end of the answer"
	case isTimeout(err):
		return "nothing came in time"
	}
	return err.Error()
}

// judgeNothing returns the error for a trace that did not arrive.
func (s *stream) judgeNothing(err, cause error) error {
	var early *earlyEnd
	var write *writeError
	var told *capture.Error
	switch {
	case errors.As(cause, &early):
		return withOp(s.client.op(s.endpoint()), newFault(ErrUnreachable, doctorHint, "no trace came within %s", secondsText(time.Since(s.started))))
	case cause != nil:
		return withOp(s.client.op(s.endpoint()), newFault(ErrInterrupted, "an idle service sends its trace late, some KB at a time: let the window end",
			"interrupted before any of it had arrived"))
	case errors.As(err, &told): // by fetch
		return told
	case errors.As(err, &write):
		return &capture.Error{Op: "write " + capture.TracePart, Err: capture.Plain(write.err), Hint: "free some space, or write to another disk with -o"}
	case err == io.EOF:
		return s.client.notTrace(s.endpoint(), nil)
	}
	return s.client.failed(s.endpoint(), err)
}

// progress returns the number of bytes so far and the largest lag.
func (s *stream) progress() (bytes int64, lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, s.lag
}

// summary summarizes the stream for the log.
func (s *stream) summary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("took %s: at most %s behind the service, waited %s for the socket and %s for the disk",
		capture.TracePart, secondsText(s.lag), secondsText(s.reading), secondsText(s.writing))
}
