package collect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// Probing configures the requests to send during a collection, and their rate.
// The zero value sends none.
//
// The loop is open: each probe is sent when it is due, whether or not earlier
// ones have been answered, so that a slow service cannot hide its slowness by
// delaying the client. Connections are kept alive and reused, as by a client of
// the service. In the window, one probe in four dials a new connection instead,
// as the service's new clients do: only these wait until the service accepts
// them. See freshConns for their limits.
//
// A service that has become twice as slow since before the window gets a quarter
// of the probes, so that they do not add to its trouble.
type Probing struct {
	// URLs are probed in turn. They may name sockets: unix:///socket:/path. A
	// {name} in one is replaced with the values in Values and stays in the
	// route.
	URLs []string
	// Rate is the number of probes per second over all URLs; 0 means
	// DefaultRate.
	Rate float64
	// Method is the HTTP method, GET if empty. Methods other than GET and HEAD
	// require AllowUnsafe.
	Method      string
	AllowUnsafe bool
	Header      Header
	Body        []byte
	// Values holds the values of each name, used in turn.
	Values map[string][]string
	TLS    TLS
	// Timeout limits each probe; 0 means DefaultProbeTimeout.
	Timeout time.Duration
	// Baseline is how long probes are sent before the window, at the same rate,
	// to measure what the collection itself costs. 0 means the time of ten
	// probes, but at least 2 s and at most 5 s; a negative value means none.
	Baseline time.Duration
	// MaxInFlight limits the probes that wait for an answer; 0 means
	// DefaultMaxInFlight. Probes due beyond the limit are counted but not sent.
	MaxInFlight int
}

// Format implements fmt.Formatter. It does not print URLs and bodies, which may
// hold secrets.
func (p Probing) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%d URLs, %g probes a second}", len(p.URLs), p.rate())
}

// MarshalText implements encoding.TextMarshaler, for the same reason.
func (p Probing) MarshalText() ([]byte, error) { return fmt.Append(nil, p), nil }

// The defaults that Probing's zero values stand for.
const (
	DefaultRate         = 5.0
	DefaultProbeTimeout = 30 * time.Second
	DefaultMaxInFlight  = 256

	maxRate    = 10000           // probes per second, to catch mistakes
	probeGrace = 2 * time.Second // for probes in flight at the end
)

func (p Probing) method() string {
	if p.Method == "" {
		return http.MethodGet
	}
	return p.Method
}

func (p Probing) rate() float64 {
	if p.Rate == 0 {
		return DefaultRate
	}
	return p.Rate
}

func (p Probing) baseline() time.Duration {
	if p.Baseline != 0 || len(p.URLs) == 0 {
		return max(p.Baseline, 0)
	}
	ten := time.Duration(10 / p.rate() * float64(time.Second))
	return min(max(ten, 2*time.Second), 5*time.Second)
}

// A prober sends probes and records their outcome. Only one goroutine at a time
// may call send.
type prober struct {
	probing Probing
	routes  []*route
	http    *http.Client
	agent   string
	scrub   scrubber
	clock   clock
	turn    int          // probes due so far
	dialed  atomic.Int64 // connections so far
	fresh   freshConns
	slots   chan struct{}

	ctx    context.Context // for the probes in flight
	cancel context.CancelFunc
	flight sync.WaitGroup

	mu     sync.Mutex
	out    io.Writer // receives JSON lines
	size   int64     // of what was written, in bytes
	failed error     // the first error of out, after which nothing is written
	counts map[string]*probeCount
	took   latencies
	// heldBack is how many probes were not sent because the service was slow.
	heldBack int
}

// A probeCount sums up the probes of one phase.
type probeCount struct {
	sent     int
	dropped  int // too many were in flight
	failed   int // no answer
	answered int // with any status
	refused  int // an answer of status 400 or above
	cut      int // unanswered when the collection ended
	long     int // their body was longer than maxProbeBody

	fresh      int // dialed a connection of their own
	handshakes int // those of them with a TLS handshake

	failure, refusal string // the first of each
}

func (c *probeCount) add(d probeCount) {
	c.sent += d.sent
	c.dropped += d.dropped
	c.failed += d.failed
	c.answered += d.answered
	c.refused += d.refused
	c.cut += d.cut
	c.long += d.long
	c.fresh += d.fresh
	c.handshakes += d.handshakes
	c.failure = cmp.Or(c.failure, d.failure)
	c.refusal = cmp.Or(c.refusal, d.refusal)
}

func newProber(p Probing, routes []*route, tool capture.Tool, c clock, out io.Writer) (*prober, error) {
	transport, err := newTransport(p.TLS)
	if err != nil {
		return nil, err
	}
	b := &prober{probing: p, routes: routes, agent: userAgent(tool), clock: c, out: out,
		counts: map[string]*probeCount{capture.Baseline: {}, capture.InWindow: {}}, took: latencies{}}
	inFlight := p.MaxInFlight
	if inFlight <= 0 {
		inFlight = DefaultMaxInFlight
	}
	b.slots = make(chan struct{}, inFlight)
	transport.DialContext = b.dial(transport.DialContext)
	transport.MaxIdleConnsPerHost = inFlight
	transport.ForceAttemptHTTP2 = true
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = DefaultProbeTimeout
	}
	b.http = &http.Client{Transport: transport, CheckRedirect: keepRedirect, Timeout: timeout}
	var secrets []Secret
	for _, values := range p.Header {
		secrets = append(secrets, values...)
	}
	for _, r := range routes {
		if password, ok := r.user.Password(); ok {
			secrets = append(secrets, Secret(password), Secret(r.user.Username()+":"+password))
		}
		secrets = append(secrets, querySecrets(r.pattern[min(r.query+1, len(r.pattern)):])...)
	}
	b.scrub = newScrubber(secrets...)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// A numberedConn is a connection of the probes with its number.
type numberedConn struct {
	net.Conn
	number int
	probes atomic.Int64 // sent on it so far
}

func (b *prober) dial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &numberedConn{Conn: c, number: int(b.dialed.Add(1))}, nil
	}
}

// send sends the probes of a phase, the first at once, until ctx is done or d
// has elapsed (0 means no limit). It does not wait for answers.
func (b *prober) send(ctx context.Context, phase string, d time.Duration) {
	if len(b.routes) == 0 {
		return
	}
	interval := time.Duration(float64(time.Second) / b.probing.rate())
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i += b.pace() {
		due := begin.Add(time.Duration(i) * interval)
		if d > 0 && due.Sub(begin) >= d {
			return
		}
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			b.launch(phase, due)
		}
	}
}

// launch sends one probe, unless too many are in flight.
func (b *prober) launch(phase string, due time.Time) {
	r := b.routes[b.turn%len(b.routes)]
	b.turn++
	fresh := phase == capture.InWindow && b.fresh.take(r, due)
	target := r.url()
	select {
	case b.slots <- struct{}{}:
	default:
		b.mu.Lock()
		b.counts[phase].dropped++
		b.mu.Unlock()
		return
	}
	b.mu.Lock()
	b.counts[phase].sent++
	b.mu.Unlock()
	b.flight.Go(func() {
		defer func() { <-b.slots }()
		b.record(b.probe(r, target, phase, due, fresh))
	})
}

// settle waits for the probes in flight until probeGrace has elapsed or ctx is
// done.
func (b *prober) settle(ctx context.Context) {
	answered := make(chan struct{})
	go func() {
		b.flight.Wait()
		close(answered)
	}()
	grace := time.NewTimer(probeGrace)
	defer grace.Stop()
	select {
	case <-answered:
	case <-grace.C:
	case <-ctx.Done():
	}
}

// close cancels the probes in flight, waits until all are recorded, and closes
// the connections.
func (b *prober) close() error {
	b.cancel()
	b.flight.Wait()
	b.http.CloseIdleConnections()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// probe sends one request, on a new connection if fresh is set, and reads its answer.
func (b *prober) probe(r *route, target, phase string, due time.Time, fresh bool) capture.Probe {
	p := capture.Probe{Route: r.name, Method: b.probing.method(), Host: r.host, Phase: phase, Fresh: fresh, Scheduled: b.clock.unix(due)}
	var m marks
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(b.ctx, m.hooks()), p.Method, target, bytes.NewReader(b.probing.Body))
	if err != nil {
		p.Start = b.clock.unix(time.Now())
		p.End, p.Error = p.Start, b.scrub.text(probeError(err))
		return p
	}
	p.Path = req.URL.Path
	req.Header.Set("User-Agent", b.agent)
	if r.user != nil {
		password, _ := r.user.Password()
		req.SetBasicAuth(r.user.Username(), password)
	}
	setHost(req)
	setHeader(req, b.probing.Header)
	client, done := b.http, func() {}
	if fresh {
		client, done = freshClient(b.http)
	}
	start := time.Now()
	resp, err := client.Do(req)
	if err == nil {
		p.Status, p.Proto = resp.StatusCode, resp.Proto
		p.Bytes, err = bounded.Copy(io.Discard, resp.Body, maxProbeBody)
		resp.Body.Close()
		p.ServerTiming = b.serverTiming(resp.Header)
		if p.Cut = errors.Is(err, bounded.ErrTooLarge); p.Cut {
			err = nil
		}
	}
	end := time.Now()
	if err != nil {
		p.Error = b.scrub.text(probeError(err))
	}
	p.Start, p.End = b.clock.unix(start), b.clock.unix(end)
	m.fill(&p, start, end)
	done()
	if fresh && m.conn != nil {
		m.conn.Close() // HTTP/2 may not count it as idle yet
	}
	return p
}

// unanswered is the error of a probe that was in flight at the end.
const unanswered = "not answered when the collection ended"

// probeError describes why a probe got no answer, without the URL.
func probeError(err error) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, context.Canceled) {
		return unanswered
	}
	return err.Error()
}

// record writes a probe and counts it.
func (b *prober) record(p capture.Probe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = b.write(p)
	}
	b.took.add(&p)
	count := b.counts[p.Phase]
	if p.Cut {
		count.long++
	}
	if p.Status != 0 {
		count.answered++
	}
	if p.Fresh {
		count.fresh++
		if p.TLS > 0 {
			count.handshakes++
		}
	}
	switch {
	case p.Error == unanswered:
		count.cut++
	case p.Error != "":
		count.failed++
		count.failure = cmp.Or(count.failure, p.Error)
	case p.Status >= 400:
		count.refused++
		count.refusal = cmp.Or(count.refusal, fmt.Sprintf("HTTP %d %s", p.Status, http.StatusText(p.Status)))
	}
}

// write writes a probe, as long as there are not more than a reader of the capture
// accepts.
func (b *prober) write(p capture.Probe) error {
	var line bytes.Buffer
	if err := capture.WriteProbes(&line, p); err != nil {
		return err
	}
	if b.size += int64(line.Len()); b.size > capture.MaxProbes {
		return fmt.Errorf("their part has the %s that are allowed", BytesText(capture.MaxProbes))
	}
	_, err := b.out.Write(line.Bytes())
	return err
}

// count returns the sums of a phase so far.
func (b *prober) count(phase string) probeCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.counts[phase]
}
