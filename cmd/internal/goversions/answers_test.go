package goversions_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/truth"
	"timesink/collect/capture"
)

// asleep is how long a sleeping handler is asked to sleep.
const asleep = 3 * time.Millisecond

// asks lists the requests of the clients of the answers service. Each client repeats
// its request on one connection without a pause. If the answer's length is given,
// nothing remains to be written after the handler has returned.
var asks = []struct {
	method, query string
	body          int
	tls           bool
}{
	{method: "GET", query: "bytes=100&compute=50"},
	{method: "GET", query: "bytes=100&sleep=3ms"},
	{method: "GET", query: "bytes=100000&compute=50"},
	{method: "GET", query: "bytes=100000&length=1"},
	{method: "GET", query: "bytes=4000000&length=1"},
	{method: "POST", query: "bytes=100000&length=1", body: 3000}, // which the handler does not read
	{method: "POST", query: "bytes=100000&length=1&read=1", body: 300000},
	{method: "GET", query: "bytes=50000&length=1&compute=50", tls: true},
	{method: "POST", query: "bytes=50000&length=1&read=1", body: 3000, tls: true},
}

// answering lists the versions that serve them. In the recorded ones a connection does
// not appear to wait between two requests, for reasons that do not apply to later
// versions.
var answering = []struct {
	name     string
	how      build
	recorded bool
}{
	{"answers-go1.19", build{language: "1.19", toolchain: "go1.19.13"}, true},
	{"answers-go1.20", build{language: "1.20", toolchain: "go1.20.14"}, true},
	{"answers-go1.21", build{language: "1.21", toolchain: "go1.21.13"}, true},
	{"answers", build{}, false},
}

// TestRequestsWithoutAPause compares the requests that timesink finds on connections
// that hardly ever wait with those that the clients sent, and prints their number and
// mean time.
func TestRequestsWithoutAPause(t *testing.T) {
	var table strings.Builder
	for _, a := range answering {
		t.Run(a.name, func(t *testing.T) {
			var r *recording
			switch a.how.module = "answers"; {
			case *update && a.recorded:
				r = a.how.answers(t)
				r.save(t, a.name)
			case a.recorded:
				r = open(t, a.name)
			default:
				r = a.how.answers(t)
			}
			line, broken := r.count(t, a.name)
			for _, err := range broken {
				t.Error(err)
			}
			fmt.Fprintln(&table, line)
		})
	}
	fmt.Printf("\n%s\n", &table)
}

// answers measures the service under load.
func (b *build) answers(t *testing.T) *recording {
	exe := filepath.Join(t.TempDir(), "answers")
	b.source(t).run(t, "build", "-o", exe, ".")
	var s struct{ Go, Work, TLS, Admin string }
	testbin.Start(t, exe, nil, &s)
	ctx, stop := context.WithCancel(t.Context())
	sent := make([][]load.Request, len(asks))
	failed := make([]error, len(asks))
	var all sync.WaitGroup
	for i := range asks {
		address := s.Work
		if asks[i].tls {
			address = s.TLS
		}
		all.Go(func() { sent[i], failed[i] = ask(ctx, i, address) })
	}
	time.Sleep(300 * time.Millisecond) // the first requests are atypical
	data, err := get("http://" + s.Admin + "/debug/pprof/trace?seconds=0.5")
	stop()
	all.Wait()
	told, unheard := get("http://" + s.Admin + "/truth")
	if err := errors.Join(append(failed, err, unheard)...); err != nil {
		t.Fatal(err)
	}
	var measured truth.Truth
	if err := json.Unmarshal(told, &measured); err != nil {
		t.Fatal(err)
	}
	return &recording{trace: data, facts: facts{Go: s.Go, Requests: measured.Requests, Clients: slices.Concat(sent...)}}
}

// ask sends requests of one kind, one after another, until the context ends.
func ask(ctx context.Context, kind int, address string) (sent []load.Request, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if asks[kind].tls {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	defer c.Close()
	base, in := time.Now(), bufio.NewReader(c)
	now := func() int64 { return base.UnixNano() + int64(time.Since(base)) }
	for ctx.Err() == nil {
		request := fmt.Appendf(nil, "%s /answer?id=%d/%d&%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
			asks[kind].method, kind, len(sent), asks[kind].query, asks[kind].body)
		start := now()
		if _, err := c.Write(append(request, make([]byte, asks[kind].body)...)); err != nil {
			return sent, err
		}
		answer, err := http.ReadResponse(in, &http.Request{Method: asks[kind].method})
		if err != nil {
			return sent, err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return sent, err
		}
		sent = append(sent, load.Request{Connection: kind, Status: answer.StatusCode, Start: start, End: now()})
	}
	return sent, nil
}

// count compares timesink's answer about the trace with the requests sent, and with the
// handlers' stopwatches.
func (r *recording) count(t *testing.T, name string) (line string, broken []error) {
	cp, err := capture.Read(name, bytes.NewReader(r.trace))
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	said, _, err := accuracy.OnTraceClock(t.Context(), cp, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	offset, broken := r.offset()
	said.Shift(offset)
	fail := func(format string, a ...any) { broken = append(broken, fmt.Errorf(format, a...)) }

	found := slices.DeleteFunc(said.Requests, func(q accuracy.Request) bool { return q.Incomplete })
	p := r.pair(found, said.Start, said.End)
	if 100*p.unfound > p.sent || p.sent < 20 {
		fail("%d of %d requests that were sent are not found", p.unfound, p.sent)
	}
	if 100*p.early > p.sent {
		fail("%d of %d requests begin before they were sent", p.early, p.sent)
	}
	// It does not compare with the clients: for the server a request ends when its
	// connection is idle again, which may be after its client has sent the next one.
	row := accuracy.Compare(name, found, r.facts.Requests, accuracy.Named, nil, said.Start, said.End)
	if wrong := row.Missed + row.Extra; 100*wrong > row.Requests {
		fail("%d requests matched, %d of the service's missed, %d unknown to it: %q", row.Requests, row.Missed, row.Extra, row.Odd)
	}
	if row.Wall.Tool < row.Wall.Service {
		fail("wall: the service measured %d ns, the tool says %d", row.Wall.Service, row.Wall.Tool)
	}
	for b, p := range row.Measured {
		// The rest of a handler's buffers is written right after its last stopwatch.
		if own := p.Tool - row.Aside[b]; own > p.Service && breakdown.Bucket(b) != breakdown.ClientIO {
			fail("%s: the tool says %d ns within the stopwatches, which say %d", breakdown.Bucket(b), own, p.Service)
		}
	}
	// The time of a sleep beyond the requested one is processor time.
	if least := int64(row.Steps[breakdown.Sleep] * float64(asleep)); row.Measured[breakdown.Sleep].Tool < least-least/10 {
		fail("sleep: the tool says %d ns, the handlers slept for %d or more", row.Measured[breakdown.Sleep].Tool, least)
	}
	if u := row.Buckets[breakdown.Unknown]; 200*u > row.Wall.Tool {
		fail("%d of %d ns are unknown", u, row.Wall.Tool)
	}
	return fmt.Sprintf("%-16s %5d sent %5d found  handler %6.3f ms  timesink %6.3f ms  client %6.3f ms", name, p.sent, p.sent-p.unfound,
		float64(row.Wall.Service)/1e6, float64(row.Wall.Tool)/1e6, float64(p.waited)/float64(max(p.sent, 1))/1e6), append(broken, compute(&row, r.facts.Requests)...)
}

// pairs describes the requests sent and answered within a window: their number, how
// many of them are not found, and how many begin before they were sent. The clients
// waited for them.
type pairs struct {
	sent, unfound, early int
	waited               int64
}

func (r *recording) pair(found []accuracy.Request, from, to int64) (p pairs) {
	onGoroutine := map[int64][]accuracy.Request{}
	for _, q := range found {
		onGoroutine[q.Goroutine] = append(onGoroutine[q.Goroutine], q)
	}
	served := map[string]truth.Request{}
	for _, s := range r.facts.Requests {
		served[s.VIN] = s
	}
	count := make([]int, len(asks))
	for _, c := range r.facts.Clients {
		s := served[fmt.Sprintf("%d/%d", c.Connection, count[c.Connection])]
		count[c.Connection]++
		if c.Start < from || c.End > to {
			continue
		}
		p.sent++
		p.waited += c.End - c.Start
		own := onGoroutine[s.Goroutine]
		i := slices.IndexFunc(own, func(q accuracy.Request) bool { return q.Start <= s.Start+drift && q.End >= s.End-drift })
		if i < 0 {
			p.unfound++
			continue
		}
		if own[i].Start < c.Start-drift {
			p.early++
		}
		onGoroutine[s.Goroutine] = slices.Delete(own, i, i+1)
	}
	return p
}
