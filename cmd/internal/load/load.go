// Package load drives a service over HTTP in a closed loop: each of a number of
// connections sends its next request when the last one is answered.
//
// A closed loop keeps the service busy at a known concurrency, as the demo and
// the tests need. It does not measure what clients in general would see: when the
// service slows down, so does the load. That is why timesink's own probes use an
// open loop.
package load

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config configures a load. A run without Duration and Requests lasts until its
// context ends.
type Config struct {
	// URL may contain {vin} once or more; requests replace it with the Values in
	// turn.
	URL         string
	Values      []string
	Connections int
	Duration    time.Duration // no request starts later; 0 means no limit
	Requests    int           // the maximum number; 0 means no limit
	Keep        int           // the number of requests to list in the result
	HTTP2       bool          // h2c with prior knowledge, or h2 over https
	Insecure    bool          // accept any certificate
	// Open, if not nil, opens a session for each connection, which replaces HTTP.
	// Open then defines the meaning of URL.
	Open func() Session
}

// Flags declares a flag for each field but Values, with its default.
func (c *Config) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.URL, "url", "", "`URL` to get; {vin} in it is replaced by a different number each time")
	fs.IntVar(&c.Connections, "connections", 8, "connections, each with one request at a time")
	fs.DurationVar(&c.Duration, "duration", 10*time.Second, "how long to send; 0 means until stopped")
	fs.IntVar(&c.Requests, "requests", 0, "maximum number of requests; 0 means no limit")
	fs.IntVar(&c.Keep, "keep", 1<<16, "number of requests to list individually, from the first")
	fs.BoolVar(&c.HTTP2, "http2", false, "speak HTTP/2")
	fs.BoolVar(&c.Insecure, "insecure", false, "accept any certificate")
}

// A Result is what the clients saw. Times are nanoseconds since the Unix epoch,
// derived from one reading of the wall clock and the monotonic clock since.
type Result struct {
	Start    int64       `json:"start_ns"` // before the first connection
	End      int64       `json:"end_ns"`   // after the last answer
	Count    int         `json:"count"`    // requests answered, whatever the status
	Statuses map[int]int `json:"statuses"`
	Failed   int         `json:"failed"`          // requests without an answer
	Error    string      `json:"error,omitempty"` // the first failure
	Latency  Latency     `json:"latency"`
	// Requests lists the requests that were answered first, by start; Dropped
	// counts the rest.
	Requests []Request `json:"requests"`
	Dropped  int       `json:"dropped"`
}

// A Request is one request, from before its first byte was sent until after the
// last byte of the answer was read.
type Request struct {
	Connection int   `json:"connection"`
	Status     int   `json:"status"`
	Start      int64 `json:"start_ns"`
	End        int64 `json:"end_ns"`
}

// Latency summarizes the listed requests, in nanoseconds.
type Latency struct {
	Mean int64 `json:"mean_ns"`
	P50  int64 `json:"p50_ns"`
	P95  int64 `json:"p95_ns"`
	P99  int64 `json:"p99_ns"`
	Max  int64 `json:"max_ns"`
}

// grace is how long a request in flight may take after the context has ended.
const grace = 5 * time.Second

// Run sends requests until the duration or the number is reached, or the context
// ends. It waits for requests in flight, so that none is cut off.
//
// Run returns an error only for an invalid Config. Failed requests are counted in
// the Result. A connection ends after three failures in a row, because the
// service is gone.
func Run(ctx context.Context, c Config) (*Result, error) {
	if strings.Contains(c.URL, "{vin}") && len(c.Values) == 0 {
		return nil, fmt.Errorf("no values to fill into %s", c.URL)
	}
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	r := &run{Config: c, base: time.Now()}
	r.start = r.now()

	// Requests in flight when ctx ends get their own context for the grace
	// period.
	flight, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()

	workers := make([]worker, max(c.Connections, 1))
	for i := range workers {
		session, err := c.Session()
		if err != nil {
			return nil, err
		}
		workers[i] = worker{run: r, id: i, session: session, statuses: map[int]int{}}
	}
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { workers[i].work(ctx, flight) })
	}
	all.Wait()
	return r.result(workers), nil
}

// A run is the state shared by the workers of one Run.
type run struct {
	Config
	base  time.Time
	start int64
	sent  atomic.Int64
	kept  atomic.Int64
}

func (r *run) now() int64 { return r.base.UnixNano() + int64(time.Since(r.base)) }

// next returns the URL of the next request; ok is false when there are enough.
func (r *run) next() (target string, ok bool) {
	n := r.sent.Add(1)
	if r.Requests > 0 && n > int64(r.Requests) {
		return "", false
	}
	if len(r.Values) == 0 {
		return r.URL, true
	}
	return strings.ReplaceAll(r.URL, "{vin}", r.Values[int(n-1)%len(r.Values)]), true
}

// A worker is one connection's loop.
type worker struct {
	*run
	id       int
	session  Session
	statuses map[int]int
	requests []Request
	count    int
	failed   int
	err      error
}

func (w *worker) work(ctx, flight context.Context) {
	defer w.session.Close()
	for inARow := 0; inARow < 3 && ctx.Err() == nil; {
		target, ok := w.next()
		if !ok {
			return
		}
		start := w.now()
		status, err := w.session.Get(flight, target)
		end := w.now()
		if err != nil {
			w.err = cmp.Or(w.err, err)
			w.failed++
			inARow++
			continue
		}
		inARow = 0
		w.count++
		w.statuses[status]++
		if w.kept.Add(1) <= int64(w.Keep) {
			w.requests = append(w.requests, Request{w.id, status, start, end})
		}
	}
}

func (r *run) result(workers []worker) *Result {
	result := &Result{Start: r.start, End: r.now(), Statuses: map[int]int{}, Requests: []Request{}}
	var err error
	for _, w := range workers {
		result.Count += w.count
		result.Failed += w.failed
		result.Requests = append(result.Requests, w.requests...)
		for status, n := range w.statuses {
			result.Statuses[status] += n
		}
		err = cmp.Or(err, w.err)
	}
	if err != nil {
		result.Error = err.Error()
	}
	result.Dropped = result.Count - len(result.Requests)
	result.Latency = latency(result.Requests)
	slices.SortFunc(result.Requests, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Connection, b.Connection))
	})
	return result
}

func latency(requests []Request) Latency {
	if len(requests) == 0 {
		return Latency{}
	}
	walls, total := make([]int64, len(requests)), int64(0)
	for i, r := range requests {
		walls[i] = r.End - r.Start
		total += walls[i]
	}
	slices.Sort(walls)
	at := func(percent int) int64 { return walls[(len(walls)-1)*percent/100] }
	return Latency{Mean: total / int64(len(walls)), P50: at(50), P95: at(95), P99: at(99), Max: at(100)}
}

// A Session is one connection to the service, used by one goroutine.
type Session interface {
	// Get sends one request and waits for the whole answer. It connects, or
	// reconnects, if necessary.
	Get(ctx context.Context, target string) (status int, err error)
	Close()
}

// Session returns a session for the requests. It does not connect, and returns an
// error only for an invalid Config.
func (c *Config) Session() (Session, error) {
	if c.Open != nil {
		return c.Open(), nil
	}
	target, err := url.Parse(strings.ReplaceAll(c.URL, "{vin}", "x"))
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, fmt.Errorf("load needs an http or https URL, not %q", c.URL)
	}
	config := &tls.Config{InsecureSkipVerify: c.Insecure, ServerName: target.Hostname()}
	if !c.HTTP2 {
		port := cmp.Or(target.Port(), map[string]string{"http": "80", "https": "443"}[target.Scheme])
		s := &plain{address: net.JoinHostPort(target.Hostname(), port)}
		if target.Scheme == "https" {
			s.tls = config
		}
		return s, nil
	}
	transport := &http.Transport{MaxConnsPerHost: 1, TLSClientConfig: config, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP2(true)
	transport.Protocols.SetUnencryptedHTTP2(true)
	return multiplexed{transport}, nil
}

// plain speaks HTTP/1.1 over one connection. Without http.Transport and its two
// goroutines per connection, a request costs half as much, which leaves more of
// the machine to the service under load.
type plain struct {
	address string
	tls     *tls.Config
	conn    net.Conn
	reader  *bufio.Reader
}

func (p *plain) Get(ctx context.Context, target string) (int, error) {
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return 0, err
	}
	if err := p.dial(ctx); err != nil {
		return 0, err
	}
	conn := p.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	status, keep, err := p.exchange(request)
	if err != nil || !keep {
		p.Close()
	}
	return status, err
}

func (p *plain) dial(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return err
	}
	if p.tls != nil {
		secure := tls.Client(conn, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return errors.Join(err, conn.Close())
		}
		conn = secure
	}
	p.conn, p.reader = conn, bufio.NewReader(conn)
	return nil
}

func (p *plain) exchange(request *http.Request) (status int, keep bool, err error) {
	if err := request.Write(p.conn); err != nil {
		return 0, false, err
	}
	response, err := http.ReadResponse(p.reader, request)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, false, err
	}
	return response.StatusCode, !response.Close, nil
}

func (p *plain) Close() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}

// multiplexed speaks HTTP/2 over one connection.
type multiplexed struct{ *http.Transport }

func (m multiplexed) Get(ctx context.Context, target string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, err
	}
	response, err := m.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func (m multiplexed) Close() { m.CloseIdleConnections() }
