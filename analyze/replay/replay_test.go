package replay

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

const ms = int64(time.Millisecond)

var (
	fetch = &breakdown.Cause{State: "waiting", Reason: "select", System: "http", Site: breakdown.Frame{Function: "main.fetch", File: "/src/api.go", Line: 88}}
	query = &breakdown.Cause{State: "waiting", Reason: "network", System: "postgres", Site: breakdown.Frame{Function: "main.(*Store).Get", File: "/src/store.go", Line: 7}}
	run   = &breakdown.Cause{State: "running"}
	ready = &breakdown.Cause{State: "runnable"}
)

// A script makes requests out of what they do, one thing after another.
type script struct {
	r  *breakdown.Request
	at int64
}

func asked(goroutine, start int64) *script {
	return &script{&breakdown.Request{Goroutine: goroutine, Endpoint: "main.serve", Kind: "http/1", Start: start, End: start}, start}
}

func (s *script) part(goroutine int64, bucket breakdown.Bucket, phase breakdown.Phase, cause *breakdown.Cause, time int64) *script {
	s.r.Path = append(s.r.Path, breakdown.Segment{Start: s.at, End: s.at + time, Goroutine: goroutine, Bucket: bucket, Phase: phase, Cause: cause})
	s.at += time
	s.r.End = s.at
	return s
}

func (s *script) cpu(time int64) *script {
	return s.part(s.r.Goroutine, breakdown.CPU, breakdown.NoPhase, run, time)
}

func (s *script) waitCPU(time int64) *script {
	return s.part(s.r.Goroutine, breakdown.Scheduler, breakdown.NoPhase, ready, time)
}

// call makes a call on the path.
func (s *script) call(goroutine int64, bucket breakdown.Bucket, phase breakdown.Phase, cause *breakdown.Cause, time int64) *script {
	s.beside(goroutine, bucket, cause, s.at, s.at+time, time)
	return s.part(goroutine, bucket, phase, cause, time)
}

// beside makes a call that lies on the path for only a part of its time.
func (s *script) beside(goroutine int64, bucket breakdown.Bucket, cause *breakdown.Cause, start, end, onPath int64) *script {
	s.r.Calls = append(s.r.Calls, breakdown.Call{Start: start, End: end, Goroutine: goroutine, Bucket: bucket, System: cause.System, Site: cause.Site, OnPath: onPath})
	return s
}

// record makes a recording of requests in a window from 0 on.
func record(t *testing.T, processors int, length int64, scripts ...*script) *Recording {
	t.Helper()
	c := NewRecorder(64 << 20)
	for _, s := range scripts {
		c.Add(s.r)
	}
	var load breakdown.Load
	for _, s := range scripts {
		for i := range s.r.Path {
			if p := &s.r.Path[i]; onProcessor(p) {
				load.Add(p.Start, p.End)
			}
		}
	}
	return c.Recording(Window{End: length, Processors: processors, Load: &load}, endpoint)
}

func endpoint(r *breakdown.Request) Endpoint { return Endpoint{Name: r.Endpoint, Kind: r.Kind} }

func predict(t *testing.T, rec *Recording, o Options) *breakdown.EndpointPredicted {
	t.Helper()
	p, err := rec.Predict(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Endpoints) != 1 {
		t.Fatalf("%d endpoints, want 1", len(p.Endpoints))
	}
	e := &p.Endpoints[0]
	for _, x := range []*breakdown.Predicted{&e.Before, &e.Replayed, &e.After} {
		sum := int64(0)
		for _, b := range x.Buckets {
			sum += b.Mean
		}
		if d := sum - x.Mean; d > int64(breakdown.NumBuckets) || d < -int64(breakdown.NumBuckets) {
			t.Errorf("the buckets sum to %d ns, the mean is %d", sum, x.Mean)
		}
	}
	return e
}

func target(t *testing.T, rec *Recording, text string) Target {
	t.Helper()
	at, err := rec.Resolve(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func mustMean(t *testing.T, what string, got, want int64) {
	t.Helper()
	if d := got - want; d > want/1000 || d < -want/1000 {
		t.Errorf("%s: the mean is %v, want %v", what, time.Duration(got), time.Duration(want))
	}
}

func mustBeNear(t *testing.T, what string, got, want int64) {
	t.Helper()
	if d := got - want; d > want/20 || d < -want/20 {
		t.Errorf("%s: the mean is %v, want %v within 5%%", what, time.Duration(got), time.Duration(want))
	}
}

// fan makes a request with three calls at once: the path shows the one that ended last.
func fan(goroutine, start int64) *script {
	s := asked(goroutine, start).cpu(1 * ms)
	from := s.at
	s.beside(101, breakdown.Upstream, fetch, from, from+40*ms, 0)
	s.beside(102, breakdown.Upstream, fetch, from, from+70*ms, 0)
	return s.call(103, breakdown.Upstream, breakdown.ResponseWait, query, 100*ms).cpu(2 * ms)
}

func TestAFasterCallUncoversTheNext(t *testing.T) {
	rec := record(t, 2, 1000*ms, fan(1, 0), fan(1, 200*ms), fan(1, 400*ms))
	mustMean(t, "nothing changed", predict(t, rec, Options{Load: Open}).After.Mean, 103*ms)
	slow := Change{Kind: Scale, Target: target(t, rec, "main.(*Store).Get"), Factor: 0.1}
	mustMean(t, "the slowest call is fast", predict(t, rec, Options{Load: Open, Changes: []Change{slow}}).After.Mean, 73*ms)
	mustMean(t, "all calls are free", predict(t, rec, Options{Load: Open, Changes: []Change{{Kind: Scale, Target: target(t, rec, "upstream")}}}).After.Mean, 3*ms)
}

// sequence makes a request with three calls, one after another, with work in between.
func sequence(goroutine, start int64) *script {
	s := asked(goroutine, start).cpu(1 * ms)
	for _, time := range []int64{30 * ms, 50 * ms, 40 * ms} {
		s.call(goroutine, breakdown.Upstream, breakdown.Connect, fetch, 5*ms)
		s.r.Calls = s.r.Calls[:len(s.r.Calls)-1]
		s.beside(goroutine, breakdown.Upstream, fetch, s.at-5*ms, s.at+time, time+5*ms)
		s.r.Calls[len(s.r.Calls)-1].Dialing = 5 * ms
		s.part(goroutine, breakdown.Upstream, breakdown.ResponseWait, fetch, time).cpu(1 * ms)
	}
	return s
}

func TestCallsThatFollowOneAnother(t *testing.T) {
	rec := record(t, 8, 1000*ms, sequence(1, 0), sequence(1, 300*ms), sequence(1, 600*ms))
	at := target(t, rec, "api.go:88")
	for _, test := range []struct {
		what    string
		changes []Change
		want    int64
	}{
		{"nothing", nil, 139 * ms},
		{"at once", []Change{{Kind: Concurrent, Target: at}}, 58 * ms}, // the last one's work comes after all
		{"only one", []Change{{Kind: Once, Target: at}}, 39 * ms},
		{"connections kept", []Change{{Kind: Reuse}}, 124 * ms},
		{"half as long", []Change{{Kind: Scale, Target: at, Factor: 0.5}}, 4*ms + 135*ms/2},
		{"connections kept, and at once", []Change{{Kind: Reuse}, {Kind: Concurrent, Target: at}}, 53 * ms},
	} {
		mustMean(t, test.what, predict(t, rec, Options{Load: Open, Changes: test.changes}).After.Mean, test.want)
	}
}

// TestTheQueueForProcessorsComesOutOfTheReplay lets three clients compute on one processor:
// each request waits for the two others, for as long as their turns take.
func TestTheQueueForProcessorsComesOutOfTheReplay(t *testing.T) {
	var scripts []*script
	for round := range int64(20) {
		for client := range int64(3) {
			start := (round*3 + client) * 4 * ms
			if round == 0 {
				start = 0
			} else {
				start -= 8 * ms
			}
			wait := 8 * ms
			if round == 0 {
				wait = client * 4 * ms
			}
			scripts = append(scripts, asked(client+1, start).waitCPU(wait).cpu(4*ms))
		}
	}
	rec := record(t, 1, 240*ms, scripts...)
	e := predict(t, rec, Options{Load: Closed})
	mustMean(t, "the replay", e.Replayed.Mean, e.Before.Mean)
	if got := e.Replayed.Buckets[breakdown.Scheduler].Mean; got < 7*ms {
		t.Errorf("the replay waits for a processor for %v, want about 8 ms", time.Duration(got))
	}
	for _, test := range []struct {
		what   string
		change Change
		want   int64
	}{
		{"three processors", Change{Kind: Procs, Number: 3}, 4 * ms},
		{"half the work", Change{Kind: Scale, Target: target(t, rec, "cpu"), Factor: 0.5}, e.Before.Mean / 2},
		{"twice the clients", Change{Kind: Rate, Factor: 2}, 2 * e.Before.Mean},
	} {
		mustBeNear(t, test.what, predict(t, rec, Options{Load: Closed, Changes: []Change{test.change}}).After.Mean, test.want)
	}
}

func TestTheLoadIsTold(t *testing.T) {
	var closed, opened []*script
	for i := range int64(20) {
		wall := (10 + i%7) * ms
		s := asked(1, 0)
		if i > 0 {
			s = asked(1, closed[i-1].r.End+ms/10)
		}
		closed = append(closed, s.call(1, breakdown.DB, breakdown.Query, query, wall))
		opened = append(opened, asked(1+i%5, i*30*ms).call(1+i%5, breakdown.DB, breakdown.Query, query, wall))
	}
	for want, scripts := range map[string][]*script{"closed": closed, "open": opened} {
		p, err := record(t, 2, 1000*ms, scripts...).Predict(Options{})
		if err != nil || p.Load != want || !p.Told {
			t.Errorf("the load is %s, told %v, %v; want %s", p.Load, p.Told, err, want)
		}
	}
}

func TestAnAmbiguousPlaceIsRefused(t *testing.T) {
	other := &breakdown.Cause{State: "waiting", Site: breakdown.Frame{Function: "main.(*Cache).Get", File: "/src/cache.go", Line: 7}}
	rec := record(t, 2, 100*ms, asked(1, 0).call(1, breakdown.DB, breakdown.Query, query, ms).call(1, breakdown.Cache, breakdown.Command, other, ms))
	for text, want := range map[string]AmbiguousError{
		"Get":      {Text: "Get", Matches: []string{"main.(*Cache).Get", "main.(*Store).Get"}},
		"nowhere":  {Text: "nowhere", None: true, Matches: []string{"main.(*Cache).Get  cache.go:7", "main.(*Store).Get  store.go:7"}},
		"api.go:7": {Text: "api.go:7", None: true, Matches: []string{"main.(*Cache).Get  cache.go:7", "main.(*Store).Get  store.go:7"}},
	} {
		_, err := rec.Resolve(text)
		if got, ok := err.(*AmbiguousError); !ok || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %#v, want %#v", text, err, want)
		}
	}
	if at := target(t, rec, "(*Store).Get"); at.Function != "main.(*Store).Get" {
		t.Errorf("(*Store).Get is %+v", at)
	}
	if at := target(t, rec, "cache.go:7"); at.File != "/src/cache.go" || at.Line != 7 {
		t.Errorf("cache.go:7 is %+v", at)
	}
}

// TestWhatDoesNotFitIsTheLaterPart gives a recorder too many requests.
func TestWhatDoesNotFitIsTheLaterPart(t *testing.T) {
	c := NewRecorder(100_000)
	for i := range int64(2000) {
		c.Add(asked(1, i*ms).call(1, breakdown.DB, breakdown.Query, query, ms/2).r)
	}
	if c.size > c.most {
		t.Errorf("%d bytes, more than %d", c.size, c.most)
	}
	rec := c.Recording(Window{End: 2000 * ms, Processors: 1}, func(*breakdown.Request) Endpoint { return Endpoint{Name: "main.serve"} })
	if n := len(rec.requests); n == 0 || n+int(rec.dropped) != 2000 {
		t.Fatalf("%d requests and %d dropped, want 2000 in all", n, rec.dropped)
	}
	if last := rec.requests[len(rec.requests)-1].start; last >= rec.length || rec.length > 2000*ms/2 {
		t.Errorf("the last request began at %d of %d ns", last, rec.length)
	}
	p, err := rec.Predict(Options{Load: Open})
	if err != nil || len(p.Assumptions) < 2 || p.Assumptions[1].Code != breakdown.AssumePart {
		t.Errorf("%v, %v; want the part of the window among the assumptions", p.Assumptions, err)
	}
}

func TestTheSamePredictionEachTime(t *testing.T) {
	var scripts []*script
	for i := range int64(50) {
		scripts = append(scripts, fan(i%4+1, i*31*ms), sequence(i%4+11, i*29*ms))
	}
	o := Options{Load: Open, Changes: []Change{{Kind: Procs, Number: 1}, {Kind: Rate, Factor: 3}}}
	first, err := record(t, 2, 2000*ms, scripts...).Predict(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if p, _ := record(t, 2, 2000*ms, scripts...).Predict(o); !reflect.DeepEqual(p, first) {
			t.Fatalf("another prediction: %+v, first %+v", p, first)
		}
	}
}

// A round lets clients do the same in turns: with one resource, each waits for all others.
func round(clients, rounds int64, hold int64, do func(s *script, wait int64, before int64)) (scripts []*script) {
	for i := range clients * rounds {
		before := i - clients
		start := max(0, before+1) * hold
		s := asked(i%clients+1, start)
		do(s, i*hold-start, (i+clients-1)%clients+1)
		scripts = append(scripts, s)
	}
	return scripts
}

// TestQueuesComeOutOfTheReplay lets four clients share one connection, one worker, or a lock.
func TestQueuesComeOutOfTheReplay(t *testing.T) {
	const hold = 10 * ms
	locked := &breakdown.Cause{State: "waiting", Reason: "sync", Rule: "sync.(*Mutex).Lock", Of: breakdown.Lock, Site: breakdown.Frame{Function: "main.(*Store).Locked", File: "/src/store.go", Line: 20}}
	waits := &breakdown.Cause{State: "waiting", Reason: "chan receive", Site: breakdown.Frame{Function: "main.serve", File: "/src/api.go", Line: 30}}
	works := &breakdown.Cause{State: "waiting", Reason: "network", System: "postgres", Of: breakdown.DB, Site: breakdown.Frame{Function: "main.work", File: "/src/work.go", Line: 5}, Stack: []breakdown.Frame{{Function: "main.work"}, {Function: "main.pool.func1"}}}
	pool := *query
	pool.Of = breakdown.DB
	for name, test := range map[string]struct {
		do     func(s *script, wait, before int64)
		bucket breakdown.Bucket
		change Change
	}{
		"a pool": {func(s *script, wait, _ int64) {
			from := s.at
			if wait > 0 {
				s.part(s.r.Goroutine, breakdown.DB, breakdown.PoolWait, &pool, wait)
			}
			s.part(s.r.Goroutine, breakdown.DB, breakdown.Query, &pool, hold)
			s.beside(s.r.Goroutine, breakdown.DB, &pool, from, s.at, s.at-from)
		}, breakdown.DB, Change{Kind: Pool, Number: 4, Target: Target{Text: "db", Bucket: breakdown.DB}}},
		"workers": {func(s *script, wait, _ int64) {
			if wait > 0 {
				s.part(s.r.Goroutine, breakdown.Wait, breakdown.NoPhase, waits, wait)
			}
			s.part(99, breakdown.DB, breakdown.Query, works, hold)
		}, breakdown.Wait, Change{Kind: Workers, Number: 4, Target: Target{Text: "main.pool.func1", Function: "main.pool.func1"}}},
		"a lock": {func(s *script, wait, before int64) {
			if wait > 0 {
				s.part(s.r.Goroutine, breakdown.Lock, breakdown.NoPhase, locked, wait)
				s.r.Path[len(s.r.Path)-1].Behind = []breakdown.Behind{{Release: locked, Bucket: breakdown.DB, Time: wait, By: before}}
			}
			s.part(s.r.Goroutine, breakdown.DB, breakdown.Query, &pool, hold)
		}, breakdown.Lock, Change{Kind: NoLock, Target: Target{Text: "main.(*Store).Locked", Function: "main.(*Store).Locked"}}},
	} {
		t.Run(name, func(t *testing.T) {
			rec := record(t, 8, 400*ms, round(4, 10, hold, test.do)...)
			e := predict(t, rec, Options{Load: Closed})
			// All four come and go at the same moments, so their order is open.
			mustBeNear(t, "nothing changed", e.Replayed.Mean, e.Before.Mean)
			if p, err := rec.Predict(Options{Load: Closed}); err != nil || slices.ContainsFunc(p.Unknown, func(a breakdown.Assumption) bool { return a.Code == breakdown.AssumeQueueKept }) {
				t.Errorf("not known are %v, %v; want the queue to be understood", p.Unknown, err)
			}
			mustBeNear(t, "for all", predict(t, rec, Options{Load: Closed, Changes: []Change{test.change}}).After.Mean, hold)
			if got := e.Replayed.Buckets[test.bucket].Mean; got < 2*hold {
				t.Errorf("the replay waits for %v in %v, want about %v", time.Duration(got), test.bucket, time.Duration(3*hold))
			}
		})
	}
}
