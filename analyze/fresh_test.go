package analyze

import (
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// shopWindow is a window with a probe every 200 ms: those on a kept connection are read at
// once, every fourth dials and waits before it is read. Other clients dial for each of
// their requests, to the same endpoint and to another one.
func shopWindow(unread int64) (m *matcher, item *endpoint, found []matched) {
	f := newFold(0)
	item, other := f.endpoint(endpointKey{name: "main.item"}), f.endpoint(endpointKey{name: "main.other"})
	m = newMatcher(100, 1<<20)
	request := func(g, start, end int64, at *endpoint) {
		r := &breakdown.Request{Goroutine: g, Start: start, End: end, Endpoint: at.key.name}
		if m.see(r) == fateNote {
			m.note(r, at)
		}
	}
	var probes []capture.Probe
	g := int64(100)
	for i := range int64(20) {
		at := i * 200 * msec
		p := capture.Probe{Route: "GET /item", Phase: capture.InWindow, Start: at, Status: 200, Proto: "HTTP/1.1"}
		if i%4 == 3 {
			g++
			start := at + msec + unread
			p.Fresh, p.Connect, p.Conn, p.End = true, msec, int(10+i), start+21*msec
			request(g, start, p.End-msec/2, item)
			g++
			request(g, start, p.End, other)
		} else {
			p.Reused, p.Conn, p.ConnSeq, p.End = true, 1, int(i+1), at+20*msec
			request(1, at+msec/10, p.End-msec/10, item)
		}
		probes = append(probes, p)
		for k := range int64(9) { // of other clients
			g++
			request(g, at+k*20*msec+5*msec, at+k*20*msec+25*msec, item)
		}
	}
	_, found = m.solve(probes, &timeline.Clock{Wall: time.Unix(0, 0)})
	return m, item, found
}

func TestProbesOnNewConnectionsAreMatched(t *testing.T) {
	m, item, found := shopWindow(87 * msec)
	fresh := 0
	for _, f := range found {
		if f.endpoint != item {
			t.Errorf("the probe at %d is matched to %s", f.probe.Start, f.endpoint.key.name)
		}
		if !f.probe.Fresh {
			if f.g != 1 {
				t.Errorf("the probe at %d, on the kept connection, is matched to goroutine %d", f.probe.Start, f.g)
			}
			continue
		}
		fresh++
		if waited := f.start + m.offset - f.probe.Sent(); waited < 86*msec || waited > 88*msec {
			t.Errorf("the probe at %d waited %d ns until it was read", f.probe.Start, waited)
		}
	}
	if m.pairs != 20 || fresh != 5 {
		t.Errorf("%d probes are matched, %d of them on new connections", m.pairs, fresh)
	}
}

// Only a wait that is longer than chance and matters is a queue before the service.
func TestNewConnectionsThatQueue(t *testing.T) {
	for _, c := range []struct {
		name   string
		unread int64
		queues bool
	}{
		{"accepted at once", msec / 10, false},
		{"a little later", msec, false},
		{"queued", 87 * msec, true},
	} {
		m, item, found := shopWindow(c.unread)
		for _, f := range found {
			item.addProbe(f.candidate, f.probe, m.offset)
		}
		client := clientOf(item.probes)
		if client.Probes != 15 || client.Mean != 20*msec {
			t.Errorf("%s: the kept connections' probes are %+v", c.name, client)
		}
		fresh := client.Fresh
		if fresh == nil || fresh.Probes != 5 || fresh.Queues() != c.queues {
			t.Errorf("%s: those on new connections are %+v", c.name, fresh)
			continue
		}
		if off := distance(fresh.Longer(), c.unread); off > msec/5 || fresh.Low > fresh.Longer() || fresh.High < fresh.Longer() {
			t.Errorf("%s: they wait %d ns longer (%d to %d), not %d", c.name, fresh.Longer(), fresh.Low, fresh.High, c.unread)
		}
		causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{{Name: "main.item", Client: client}}}})
		if (len(causes) == 1) != c.queues {
			t.Errorf("%s: the causes are %+v", c.name, causes)
		}
	}
}

// A handshake that takes longer than its round trips and its computing waits for the
// server to accept the connection, too.
func TestAHandshakeThatWaits(t *testing.T) {
	pair := probePair{probe: &capture.Probe{Fresh: true, Connect: msec, TLS: 40 * msec}, unread: msec}
	if got := waitsOf([]probePair{pair})[0]; got != 34*msec {
		t.Errorf("%d ns", got)
	}
	pair.probe.TLS = 6 * msec
	if got := waitsOf([]probePair{pair})[0]; got != msec {
		t.Errorf("%d ns for an ordinary handshake", got)
	}
}
