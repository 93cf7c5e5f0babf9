package collect

import (
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"timesink/collect/capture"
)

// marks holds the times of one probe's events, as httptrace reports them. The
// hooks run on the transport's goroutines, some even after the request has
// ended: a dial goes on for the next request.
type marks struct {
	mu                        sync.Mutex
	done                      bool // the probe has ended; later events belong to others
	dnsStart, dnsDone         time.Time
	connectStart, connectDone time.Time
	tlsStart, tlsDone         time.Time
	gotConn, wrote, firstByte time.Time
	conn                      *numberedConn
	seq                       int
	reused                    bool
}

// at calls set with the current time, under the lock, unless the probe has
// ended.
func (m *marks) at(set func(now time.Time)) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.done {
		set(now)
	}
}

func (m *marks) hooks() *httptrace.ClientTrace {
	first := func(mark *time.Time) {
		m.at(func(now time.Time) {
			if mark.IsZero() {
				*mark = now
			}
		})
	}
	last := func(mark *time.Time) { m.at(func(now time.Time) { *mark = now }) }
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { first(&m.dnsStart) },
		DNSDone:  func(httptrace.DNSDoneInfo) { last(&m.dnsDone) },
		// A host with two address families is dialed twice in parallel: the
		// phase lasts from the first start to the last end before the
		// connection.
		ConnectStart:         func(string, string) { first(&m.connectStart) },
		ConnectDone:          func(string, string, error) { last(&m.connectDone) },
		TLSHandshakeStart:    func() { first(&m.tlsStart) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { last(&m.tlsDone) },
		GotConn:              m.got,
		WroteRequest:         func(httptrace.WroteRequestInfo) { last(&m.wrote) },
		GotFirstResponseByte: func() { first(&m.firstByte) },
	}
}

// got records the connection. It is called twice if an idle connection turned
// out to be closed and the transport took another: the last call counts.
func (m *marks) got(info httptrace.GotConnInfo) {
	m.at(func(now time.Time) {
		m.gotConn, m.wrote, m.firstByte = now, time.Time{}, time.Time{}
		m.reused = info.Reused
		if m.conn = numbered(info.Conn); m.conn != nil {
			m.seq = int(m.conn.probes.Add(1))
		}
	})
}

// numbered returns the dialed connection underneath the one that HTTP uses.
func numbered(c net.Conn) *numberedConn {
	switch c := c.(type) {
	case *numberedConn:
		return c
	case *tls.Conn:
		return numbered(c.NetConn())
	}
	return nil
}

// fill sets the probe's phases between start and end, and its connection.
func (m *marks) fill(p *capture.Probe, start, end time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = true
	at := start
	// until ends a phase at t; at the end of the probe if it failed in that
	// phase; it adds nothing if t is before the phase.
	until := func(phase *int64, t time.Time) {
		if t.IsZero() || t.After(end) {
			t = end
		}
		if t.After(at) {
			*phase += int64(t.Sub(at))
			at = t
		}
	}
	if !m.reused { // otherwise a dial was started, but another connection became free first
		for _, d := range []struct {
			phase      *int64
			start, end time.Time
		}{{&p.DNS, m.dnsStart, m.dnsDone}, {&p.Connect, m.connectStart, m.connectDone}, {&p.TLS, m.tlsStart, m.tlsDone}} {
			if !d.start.IsZero() {
				until(&p.ConnWait, d.start)
				until(d.phase, d.end)
			}
		}
	}
	until(&p.ConnWait, m.gotConn)
	if !m.gotConn.IsZero() {
		written := m.wrote
		if !m.firstByte.IsZero() && (written.IsZero() || written.After(m.firstByte)) {
			written = m.firstByte // answered before it had read the whole request
		}
		until(&p.RequestWrite, written)
		until(&p.FirstByte, m.firstByte)
	}
	until(&p.BodyRead, end)
	p.Reused = m.reused
	if m.conn != nil {
		p.Conn, p.ConnSeq = m.conn.number, m.seq
		p.Local, p.Remote = m.conn.LocalAddr().String(), m.conn.RemoteAddr().String()
	}
}
