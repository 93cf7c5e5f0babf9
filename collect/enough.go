package collect

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http/httptrace"
	"os"
	"sync"
	"time"

	"timesink/collect/capture"
)

// A window may end before it is over: when Config.Enough says that what has arrived
// suffices. The side of the connection that requests are written to is then closed. A
// service takes that for the end of its client, stops tracing, and still sends what it has
// traced, the CPU profile included. What stands between may cut the whole connection
// instead. Then the capture ends with the last generation that has arrived whole, and
// the samples of the CPU profile are those in the trace.

const (
	// enoughEvery is the time between two calls of Config.Enough.
	enoughEvery = 50 * time.Millisecond
	// stopGrace is how long the rest of a trace may take after the service was told
	// that it is enough.
	stopGrace = 2 * time.Second
)

// errNoGenerations is the error for a trace that can only be read whole, if its end was to
// depend on what it says.
var errNoGenerations = errors.New("the trace has no generations")

// mayEnd reports whether the window may end before it is over.
func (c *collector) mayEnd() bool { return c.cfg.Enough != nil && !c.fixed && !c.cfg.Light }

// fix makes the window one of fixed length, and reports whether that is another one.
func (c *collector) fix(why string) bool {
	if c.unlighten() {
		c.warn("window-single", "one window of %s, and not several short ones: %s", secondsText(c.window), why)
		return true
	}
	if !c.mayEnd() {
		return false
	}
	fixed := c.fixedWindow()
	longer := c.window > fixed
	c.window = min(c.window, fixed)
	c.mu.Lock()
	c.fixed = true
	c.mu.Unlock()
	c.warn("window-fixed", "the window is a fixed %s, and does not end when the answer is known: %s", secondsText(c.window), why)
	return longer
}

// fixedWindow returns how long the window is if its end cannot depend on what has arrived.
func (c *collector) fixedWindow() time.Duration { return cmp.Or(c.cfg.Fixed, DefaultWindow) }

// settled returns a function that returns how many bytes of the trace are certain to stay
// in the capture; nil if all are.
func (c *collector) settled() func() int64 {
	if !c.mayEnd() {
		return nil
	}
	return func() int64 {
		c.mu.Lock()
		s, fixed := c.stream, c.fixed
		c.mu.Unlock()
		if s == nil {
			return 0
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if fixed && s.enough == nil {
			return math.MaxInt64
		}
		return s.position.wholeBytes
	}
}

// untilEnough stops the trace when enough of it has arrived.
func (s *stream) untilEnough(ctx context.Context) {
	tick := time.NewTicker(enoughEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if a := s.whole(); a.Generations > 0 && s.enough(a) {
			break
		}
	}
	s.mu.Lock()
	s.stopped = true
	sufficient := s.sufficient()
	s.mu.Unlock()
	if s.line.hangUp() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(stopGrace):
		}
	}
	s.cut(sufficient)
}

// whole returns what has arrived in whole generations.
func (s *stream) whole() Arrived {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Arrived{Generations: s.position.whole, Bytes: s.position.wholeBytes, After: s.arrived}
}

// sufficient returns the reason for ending a trace of which enough has arrived. The caller
// holds s.mu.
func (s *stream) sufficient() *earlyEnd {
	return &earlyEnd{capture.EndedEnough, "", fmt.Sprintf("%d generations were enough, which had arrived after %s", s.position.whole, secondsText(s.arrived))}
}

// trim cuts off what arrived after the last whole generation, if early is that enough had
// arrived and the rest is not complete.
func (s *stream) trim(f *os.File, early *earlyEnd) error {
	if early == nil || early.ended != capture.EndedEnough || s.complete {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.end = s.position.wholeBytes, s.started.Add(s.arrived)
	return f.Truncate(s.bytes)
}

// A hangUp ends the sending side of a request's connection, and leaves the other one open.
type hangUp struct {
	mu   sync.Mutex
	conn net.Conn
}

// watch returns a context that remembers the connection of the request made with it.
func (h *hangUp) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.conn = info.Conn
	}})
}

// hangUp tells the other side that nothing more will be sent. The error is errors.ErrUnsupported
// if the connection cannot say that.
func (h *hangUp) hangUp() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch conn := h.conn.(type) {
	case *tls.Conn: // first, because it is also the next
		return conn.CloseWrite()
	case interface{ CloseWrite() error }:
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}
