package programs

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/collect"
	"timesink/collect/capture"
)

var (
	only   = flag.String("only", "", "run only the programs with these `names`, separated by commas")
	bin    = flag.String("bin", "", "keep the executables in this `folder`, and use those that are there")
	keep   = flag.String("keep", "", "keep the captures in this `folder`")
	window = flag.Duration("window", 5*time.Second, "how long a capture lasts")
)

// The bounds: offCount of the clients' requests, offMean and offTime of the mean that the
// program says, whose counters are read a moment before and after the window, and which
// does not time quite what a request is.
const (
	offCount = 0.03
	offMean  = 0.10
	offTime  = 500 * time.Microsecond
	// A batch's work may begin before a request that is in it waits, or may not be what the
	// request waits for in the end. And the request may wait for more of the same kind than
	// the program times.
	leastPart, mostPart = 0.5, 1.25
)

// TestPrograms observes each program under load and holds the answer against its clients
// and its own metrics.
func TestPrograms(t *testing.T) {
	var names []string
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-12s %-12s %9s %9s %9s %9s %10s %10s %10s\n", "program", "route", "clients", "itself", "known", "inferred", "client", "itself", "timesink")
	for _, p := range Find(names) {
		t.Run(p.Name, func(t *testing.T) {
			folder := cmp.Or(*bin, t.TempDir())
			observe(t, p, start(t, p, install(t, p, folder)), &table)
		})
	}
	fmt.Printf("\n%s\n", table.String())
}

// observe sends a program its traffic, takes a capture, and checks the answer.
func observe(t *testing.T, p Program, r Running, table *strings.Builder) {
	traffic := Send(t.Context(), r, p.Traffic)
	time.Sleep(2 * time.Second)
	before, err := read(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	target, err := collect.ParseTarget(r.Pprof)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cmp.Or(*keep, t.TempDir()), p.Name+".zip")
	if _, err := collect.Run(t.Context(), collect.Config{Target: target, Window: *window}, path); err != nil {
		t.Fatal(err)
	}
	after, err := read(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	answered, err := traffic.Stop()
	if err != nil {
		t.Errorf("a request failed: %v", err)
	}
	cp, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	said, err := accuracy.Analyze(t.Context(), cp, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := check{t: t, p: p, said: said}
	sum := 0
	for _, route := range p.Traffic {
		sum += c.route(route, answered[route.Name], before, after, table)
	}
	c.names()
	c.total(sum)
}

// A check compares an answer with the facts.
type check struct {
	t    *testing.T
	p    Program
	said *accuracy.Analysis
}

// route checks the endpoint of a route, and returns how many of its requests the clients
// saw in the window.
func (c *check) route(route Route, clients []Answered, before, after reading, table *strings.Builder) int {
	seen, clientTime := 0, int64(0)
	for _, a := range clients {
		if a.Start >= c.said.Start && a.End <= c.said.End {
			seen++
			clientTime += a.End - a.Start
		}
	}
	itself, itsTime := c.counted(route, clients, before, after)
	e := c.endpoint(route)
	known, inferred, mean := int64(0), int64(0), time.Duration(0)
	if e != nil {
		known, inferred, mean = e.Known, e.Inferred, time.Duration(e.Wall.Mean)
	}
	fmt.Fprintf(table, "%-12s %-12s %9d %9.0f %9d %9d %10s %10s %10s\n", c.p.Name, route.Name, seen, itself, known, inferred,
		short(time.Duration(clientTime/int64(max(seen, 1)))), short(itsTime), short(mean))
	switch edges := float64(2 * max(route.Clients, 1)); {
	case e == nil && !route.Blocks && c.unnamed() >= int64(float64(seen)*(1-offCount)-edges):
		return seen // none of them was seen
	case e == nil:
		c.t.Errorf("%s: there is no endpoint %s", route.Name, route.Endpoint)
		return seen
	case float64(known) > float64(seen)+edges:
		c.t.Errorf("%s: %d requests are known, but the clients sent %d", route.Name, known, seen)
	case route.Blocks && float64(known) < float64(seen)*(1-offCount)-edges:
		c.t.Errorf("%s: %d requests are known of the clients' %d", route.Name, known, seen)
	case e.RequestsCI95 != nil && !within(*e.RequestsCI95, float64(seen), edges):
		c.t.Errorf("%s: %d requests are said, %v, of the clients' %d", route.Name, e.Requests, *e.RequestsCI95, seen)
	}
	if off := beyond(e, itsTime); route.Blocks && itsTime > 0 && off.Abs() > offTime && math.Abs(float64(off)) > offMean*float64(itsTime) {
		c.t.Errorf("%s: the mean is %v, by its own metrics %v", route.Name, mean, itsTime)
	}
	c.split(route, e)
	c.part(route, e, before.counts[route.Name], after.counts[route.Name])
	return seen
}

// part checks the time that each request takes in a bucket against the work that the
// program timed.
func (c *check) part(route Route, e *breakdown.Endpoint, before, after Counted) {
	if after.Parts == before.Parts {
		return
	}
	itself := time.Duration(float64(after.PartsTime-before.PartsTime) / (after.Parts - before.Parts))
	for _, b := range e.Buckets {
		if mean := time.Duration(b.Mean); b.Bucket == after.Part {
			c.t.Logf("%s: %s takes %v of each request; by its own metrics each of %.0f takes %v", route.Name, b.Bucket, mean, after.Parts-before.Parts, itself)
			if of := float64(mean) / float64(itself); of < leastPart || of > mostPart {
				c.t.Errorf("%s: %s takes %v of each request, by its own metrics %v", route.Name, b.Bucket, mean, itself)
			}
		}
	}
}

// beyond returns by how much an endpoint's mean time differs from what the program says.
// The program's clock may start only when the request has got a core, so what it waited
// for one may be missing there.
func beyond(e *breakdown.Endpoint, itself time.Duration) time.Duration {
	mean, least := time.Duration(e.Wall.Mean), time.Duration(e.Wall.Mean)
	for _, b := range e.Buckets {
		if b.Bucket == breakdown.Scheduler {
			least -= time.Duration(b.Mean)
		}
	}
	return max(least-itself, 0) + min(mean-itself, 0)
}

// within reports whether a count is in its interval widened from 95 to 99.9%, and by so
// many at the edges of the window.
func within(r breakdown.Interval, n, edges float64) bool {
	middle, half := float64(r[0]+r[1])/2, 1.7*float64(r[1]-r[0])/2
	return math.Abs(n-middle) <= half+edges
}

// counted returns what the program counted between the readings, scaled to the window,
// and its mean time. It checks the clients' count with it. Both are 0 if the program does
// not count the route.
func (c *check) counted(route Route, clients []Answered, before, after reading) (requests float64, mean time.Duration) {
	n := after.counts[route.Name].Requests - before.counts[route.Name].Requests
	if _, counts := after.counts[route.Name]; !counts {
		return 0, 0
	}
	// A request may be counted when its client has the answer already.
	least, most := answeredBetween(clients, before, after)
	if late := max(route.Clients, 1); int(n) < least-late || int(n) > most+late {
		c.t.Errorf("%s: it counted %.0f requests, its clients between %d and %d", route.Name, n, least, most)
	}
	if n > 0 {
		mean = time.Duration(float64(after.counts[route.Name].Time-before.counts[route.Name].Time) / n)
	}
	return n * float64(c.said.End-c.said.Start) / float64(after.to.Sub(before.to)), mean
}

// unnamed returns how many requests have no name.
func (c *check) unnamed() (n int64) {
	for _, e := range c.said.Breakdown.Endpoints {
		if e.Name == breakdown.Unnamed {
			n += e.Requests
		}
	}
	return n
}

// endpoint returns the endpoint of a route, of several kinds the one with most requests,
// nil if there is none. A stream that the window cuts may look like an ordinary request.
func (c *check) endpoint(route Route) (most *breakdown.Endpoint) {
	for i := range c.said.Breakdown.Endpoints {
		e := &c.said.Breakdown.Endpoints[i]
		if e.Name == route.Endpoint && (most == nil || e.Requests > most.Requests) {
			most = e
		}
	}
	return most
}

// split checks where an endpoint's time goes, and its call sites.
func (c *check) split(route Route, e *breakdown.Endpoint) {
	var sites []string
	for _, b := range e.Buckets {
		if least, ok := route.Split[b.Bucket]; ok && b.Share < least {
			c.t.Errorf("%s: %s is %.1f%% of the time, less than %.0f%%", route.Name, b.Bucket, 100*b.Share, 100*least)
		}
		for _, s := range b.Sites {
			sites = append(sites, s.Function)
			if b.Share*float64(s.Total) > 0.05*float64(b.Total) && b.Bucket.External() && !strings.HasPrefix(s.Function, c.p.Own) {
				c.t.Errorf("%s: the call site %s (%s:%d) of %s is not the program's own", route.Name, s.Function, s.File, s.Line, b.Bucket)
			}
		}
	}
	for _, want := range route.Sites {
		if !slices.ContainsFunc(sites, func(f string) bool { return strings.HasPrefix(f, want) }) {
			c.t.Errorf("%s: no call site is in %s: %s", route.Name, want, strings.Join(slices.Compact(sites), ", "))
		}
	}
}

// names checks that all endpoints have names that an engineer would know: no closures
// besides those that are expected.
func (c *check) names() {
	for _, e := range c.said.Breakdown.Endpoints {
		expected := slices.ContainsFunc(c.p.Traffic, func(r Route) bool { return r.Endpoint == e.Name })
		c.t.Logf("%-90s %6d %s", e.Name, e.Requests, short(time.Duration(e.Wall.Mean)))
		if !expected && strings.Contains(e.Name, ".func") {
			c.t.Errorf("an endpoint is named %s", e.Name)
		}
	}
}

// total checks that no request is lost or counted twice, whatever its name.
func (c *check) total(clients int) {
	all := int64(0)
	for _, e := range c.said.Breakdown.Endpoints {
		all += e.Requests
	}
	edges := 0
	for _, r := range c.p.Traffic {
		edges += 2 * max(r.Clients, 1)
	}
	if float64(all) < float64(clients)*(1-offCount)-float64(edges) {
		c.t.Errorf("%d requests in all, but the clients sent %d", all, clients)
	}
}

// short returns a duration with three digits.
func short(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
