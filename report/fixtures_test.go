package report_test

import (
	"slices"
	"strings"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// The fixtures are breakdowns as analyze would return them, each named for what it
// shows. They satisfy breakdown.Check.
var fixtures = map[string]func() *breakdown.Breakdown{
	"sequential":        sequential,
	"concurrent":        concurrent,
	"pool-starved":      poolStarved,
	"held-lock":         heldLock,
	"busy-workers":      busyWorkers,
	"slow-database":     slowDatabase,
	"embedded":          embedded,
	"spread":            spread,
	"one-matters":       oneMatters,
	"several-endpoints": severalEndpoints,
	"fast":              fast,
	"inferred":          inferred,
	"long-polls":        longPolls,
	"slow-batch":        slowBatch,
	"unexplained":       unexplained,
	"no-requests":       noRequests,
	"nothing":           nothing,
	"incomplete-only":   incompleteOnly,
	"incomplete-most":   incompleteMost,
	"stuck":             stuck,
	"truncated":         truncated,
	"hostile":           hostile,
	"hidden-calls":      hiddenCalls,
	"held-connections":  heldConnections,
	"limited":           limited,
	"beyond-go":         beyondGo,
	"ticket":            ticket,
	"accept-queue":      acceptQueue,
	"elsewhere":         elsewhere,
	"outside":           outside,
}

const (
	us = int64(time.Microsecond)
	ms = int64(time.Millisecond)
	s  = int64(time.Second)
)

// A part is one bucket's mean per request, with its details.
type part struct {
	bucket  breakdown.Bucket
	mean    int64
	calls   float64
	dials   float64 // the share of the calls that dial
	systems []string
	phases  []breakdown.PhaseTime // means only
	sites   []breakdown.SiteTime  // means only; the first gets the rest
	holders []breakdown.Holder    // means only
	queued  int64
	shadow  int64
}

// endpoint builds an endpoint with consistent numbers from the means of its parts.
func endpoint(name string, requests int64, parts ...part) breakdown.Endpoint {
	e := breakdown.Endpoint{Name: name, Kind: "http/1", Requests: requests, Known: requests, Buckets: make([]breakdown.BucketTime, breakdown.NumBuckets)}
	for _, p := range parts {
		e.Wall.Mean += p.mean
	}
	e.Wall.Total = e.Wall.Mean * requests
	e.Wall.P50, e.Wall.P95, e.Wall.P99, e.Wall.Max = e.Wall.Mean*97/100, e.Wall.Mean*137/100, e.Wall.Mean*171/100, e.Wall.Mean*2
	for i := range e.Buckets {
		e.Buckets[i] = breakdown.BucketTime{Bucket: breakdown.Bucket(i), Ceiling: e.Wall.Mean}
	}
	for _, p := range parts {
		e.Buckets[p.bucket] = p.bucketTime(&e)
	}
	return e
}

func (p part) bucketTime(e *breakdown.Endpoint) breakdown.BucketTime {
	t := breakdown.BucketTime{
		Bucket: p.bucket, Total: p.mean * e.Requests, Mean: p.mean,
		P50: p.mean * 96 / 100, P95: p.mean * 14 / 10, P99: p.mean * 18 / 10,
		Ceiling: e.Wall.Mean - p.mean, QueuedBehind: p.queued, Shadowed: p.shadow,
		CallsPerRequest: p.calls, Calls: int64(p.calls * float64(e.Requests)), Systems: p.systems,
	}
	t.Dials = int64(p.dials * float64(t.Calls))
	if e.Wall.Mean > 0 {
		t.Share = float64(p.mean) / float64(e.Wall.Mean)
		t.TimeShare = t.Share
	}
	for _, ph := range p.phases {
		t.Phases = append(t.Phases, breakdown.PhaseTime{Phase: ph.Phase, Total: ph.Mean * e.Requests, Mean: ph.Mean})
	}
	rest := p.mean
	for i := len(p.sites) - 1; i >= 0; i-- {
		site := p.sites[i]
		if i == 0 {
			site.Mean = rest
		}
		rest -= site.Mean
		site.Total = site.Mean * e.Requests
		t.Sites = append([]breakdown.SiteTime{site}, t.Sites...)
	}
	for _, h := range p.holders {
		h.Total *= e.Requests
		t.Holders = append(t.Holders, h)
	}
	return t
}

// cut adds requests cut by the window's edges, and their time by bucket.
func cut(e *breakdown.Endpoint, requests int64, in map[breakdown.Bucket]int64) {
	e.Incomplete = requests
	for b, ns := range in {
		e.Buckets[b].IncompleteTotal = ns
		e.IncompleteTime += ns
	}
}

func site(function, file string, line int, mean int64, calls, concurrency float64) breakdown.SiteTime {
	return breakdown.SiteTime{
		Frame: breakdown.Frame{Function: function, File: file, Line: line}, Mean: mean, CallsPerRequest: calls, Concurrency: concurrency,
		Why: "waiting, select, net/http.(*persistConn).roundTrip",
	}
}

func phases(pairs ...any) []breakdown.PhaseTime {
	var list []breakdown.PhaseTime
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, breakdown.PhaseTime{Phase: pairs[i].(breakdown.Phase), Mean: pairs[i+1].(int64)})
	}
	return list
}

func source() breakdown.Source {
	at := time.Date(2026, 11, 22, 2, 3, 4, 0, time.UTC)
	return breakdown.Source{
		Target: "http://127.0.0.1:6060", GoVersion: "go1.26.8", CapturedAt: &at,
		Window: 9990 * ms, Covered: 9990 * ms, Asked: 10 * s, GOMAXPROCS: 2, Saturated: 0.03,
		Cost: &breakdown.Cost{BaselineProbes: 10, WindowProbes: 50, BaselineP50: 163 * ms, WindowP50: 163652 * us, Change: 0.004, Low: -0.021, High: 0.03},
	}
}

func of(src breakdown.Source, endpoints ...breakdown.Endpoint) *breakdown.Breakdown {
	return diagnosed(&breakdown.Breakdown{Schema: breakdown.Schema, Source: src, Endpoints: endpoints})
}

// diagnosed adds the causes as analyze would find them, with the evidence that there is of
// each endpoint beside its sums.
func diagnosed(b *breakdown.Breakdown, evidence ...diagnosis.Evidence) *breakdown.Breakdown {
	b.Causes, b.Conclusion = diagnosis.Diagnose(&diagnosis.Input{Breakdown: b, Evidence: evidence})
	b.Findings = diagnosis.Findings(b.Causes)
	return b
}

const vin = "/build/vinservice/api.go"

var (
	fetch   = site("main.(*API).fetch", vin, 88, 0, 4, 1)
	vehicle = site("main.(*Store).Vehicle", "/build/vinservice/store.go", 41, 0, 1, 1)
	burn    = site("main.(*API).checkDigit", vin, 120, 0, 0, 0)
)

func decode(requests int64, parts ...part) breakdown.Endpoint {
	e := endpoint("main.(*API).Decode", requests, parts...)
	e.Route = "GET /v1/vin/{vin}"
	return e
}

func sequential() *breakdown.Breakdown {
	e := decode(229,
		part{bucket: breakdown.Upstream, mean: 159330 * us, calls: 4, dials: 1, systems: []string{"http"}, sites: []breakdown.SiteTime{fetch},
			phases: phases(breakdown.Connect, 2210*us, breakdown.RequestWrite, 20*us, breakdown.ResponseWait, 157090*us, breakdown.BodyRead, 10*us)},
		part{bucket: breakdown.DB, mean: 4410 * us, calls: 1, systems: []string{"postgres"}, sites: []breakdown.SiteTime{vehicle},
			phases: phases(breakdown.Query, 4310*us, breakdown.Rows, 100*us)},
		part{bucket: breakdown.CPU, mean: 4020 * us, sites: []breakdown.SiteTime{burn}},
		part{bucket: breakdown.Scheduler, mean: 370 * us},
		part{bucket: breakdown.ClientIO, mean: 50 * us},
		part{bucket: breakdown.GC, mean: 8 * us},
		part{bucket: breakdown.Unknown, mean: 2 * us},
	)
	e.Client = &breakdown.Client{Probes: 50, Matched: 50, Mean: 170100 * us, Server: 168300 * us,
		Phases: []breakdown.ClientPhase{{Phase: "connect", Mean: 200 * us}, {Phase: "response_wait", Mean: 169 * ms}}}
	cut(&e, 3, map[breakdown.Bucket]int64{breakdown.Upstream: 240 * ms, breakdown.CPU: 8 * ms})
	return diagnosed(of(source(), e), diagnosis.Evidence{Serial: serial(97 * ms)})
}

func concurrent() *breakdown.Breakdown {
	each := fetch
	each.Concurrency = 2.9
	e := decode(1103,
		part{bucket: breakdown.Upstream, mean: 62030 * us, calls: 4, dials: 0.58, systems: []string{"http"}, sites: []breakdown.SiteTime{each},
			phases: phases(breakdown.Connect, 1100*us, breakdown.ResponseWait, 60930*us)},
		part{bucket: breakdown.DB, mean: 4870 * us, calls: 1, systems: []string{"postgres"}, sites: []breakdown.SiteTime{vehicle},
			phases: phases(breakdown.Query, 4870*us)},
		part{bucket: breakdown.CPU, mean: 4190 * us, sites: []breakdown.SiteTime{burn}},
		part{bucket: breakdown.Scheduler, mean: 370 * us},
		part{bucket: breakdown.ClientIO, mean: 80 * us},
	)
	return of(source(), e)
}

func poolStarved() *breakdown.Breakdown {
	e := decode(1540,
		part{bucket: breakdown.DB, mean: 38200 * us, calls: 1, systems: []string{"postgres"}, sites: []breakdown.SiteTime{vehicle},
			phases:  phases(breakdown.PoolWait, 33100*us, breakdown.Query, 5100*us),
			holders: []breakdown.Holder{{Frame: vehicle.Frame, Doing: breakdown.DB, Total: 31800 * us}, {Frame: vehicle.Frame, Doing: breakdown.CPU, Total: 900 * us}}},
		part{bucket: breakdown.CPU, mean: 3400 * us, sites: []breakdown.SiteTime{burn}},
		part{bucket: breakdown.Scheduler, mean: 700 * us},
		part{bucket: breakdown.ClientIO, mean: 60 * us},
	)
	return of(source(), e)
}

func heldLock() *breakdown.Breakdown {
	e := decode(1402,
		part{bucket: breakdown.Lock, mean: 16320 * us, sites: []breakdown.SiteTime{site("main.(*Cache).Load", "/build/vinservice/cache.go", 30, 0, 0, 0)},
			holders: []breakdown.Holder{{Frame: breakdown.Frame{Function: "main.(*Store).Vehicle", File: "/build/store.go", Line: 41}, Doing: breakdown.DB, Total: 14900 * us},
				{Frame: breakdown.Frame{Function: "main.(*Store).Vehicle", File: "/build/store.go", Line: 41}, Doing: breakdown.Scheduler, Total: 300 * us}}},
		part{bucket: breakdown.DB, mean: 5600 * us, calls: 1, systems: []string{"postgres"}, sites: []breakdown.SiteTime{vehicle}, phases: phases(breakdown.Query, 5600*us), queued: 14900 * us},
		part{bucket: breakdown.CPU, mean: 700 * us},
		part{bucket: breakdown.ClientIO, mean: 40 * us},
	)
	return of(source(), e)
}

func busyWorkers() *breakdown.Breakdown {
	worker := breakdown.Frame{Function: "example.com/shop/internal/pricing.(*Pool).work", File: "/build/pool.go", Line: 55}
	e := endpoint("example.com/shop/internal/pricing.(*Handler).ServeHTTP", 301,
		part{bucket: breakdown.Upstream, mean: 7 * ms, calls: 1, systems: []string{"grpc"}, sites: []breakdown.SiteTime{site("example.com/shop/internal/pricing.(*Client).Quote", "/build/client.go", 19, 0, 1, 1)},
			phases: phases(breakdown.ResponseWait, 7*ms), queued: 6200 * us},
		part{bucket: breakdown.Wait, mean: 6500 * us, holders: []breakdown.Holder{{Frame: worker, Doing: breakdown.Upstream, Total: 6200 * us}}},
		part{bucket: breakdown.CPU, mean: 200 * us},
	)
	e.Kind = "http/2"
	return of(source(), e)
}

func slowDatabase() *breakdown.Breakdown {
	owner := site("main.(*Store).Owner", "/build/vinservice/store.go", 77, 21300*us, 2, 1)
	e := decode(88,
		part{bucket: breakdown.DB, mean: 121400 * us, calls: 3, systems: []string{"postgres"}, sites: []breakdown.SiteTime{vehicle, owner},
			phases: phases(breakdown.Query, 118000*us, breakdown.Rows, 3400*us)},
		part{bucket: breakdown.Upstream, mean: 21 * ms, calls: 0.25, systems: []string{"http"}, sites: []breakdown.SiteTime{site("main.(*API).fetch", vin, 88, 0, 0.25, 1)},
			phases: phases(breakdown.ResponseWait, 21*ms)},
		part{bucket: breakdown.CPU, mean: 3 * ms},
		part{bucket: breakdown.Sleep, mean: 2 * ms},
	)
	e.CPU = []breakdown.CPUFunction{{Frame: breakdown.Frame{Function: "crypto/sha256.block"}, Samples: 3, Self: 30 * ms}}
	return of(source(), e)
}

func embedded() *breakdown.Breakdown {
	e := decode(240,
		part{bucket: breakdown.CPU, mean: 31 * ms, sites: []breakdown.SiteTime{burn}},
		part{bucket: breakdown.DB, mean: 4 * ms, systems: []string{"sqlite"}, sites: []breakdown.SiteTime{vehicle}, phases: phases(breakdown.Query, 4*ms)},
		part{bucket: breakdown.ClientIO, mean: 1 * ms},
	)
	e.CPU = []breakdown.CPUFunction{{Frame: breakdown.Frame{Function: "modernc.org/sqlite/lib._sqlite3VdbeExec"}, Samples: 520}, {Frame: breakdown.Frame{Function: "crypto/sha256.block"}, Samples: 100}}
	e.CPULibraries = []breakdown.CPULibrary{{Bucket: breakdown.DB, System: "sqlite", Samples: 520, OfSamples: 620, Estimate: 26 * ms},
		{Bucket: breakdown.Cache, System: "redis", Samples: 10, OfSamples: 620, Estimate: 500 * us}}
	return of(source(), e)
}

func spread() *breakdown.Breakdown {
	e := decode(412,
		part{bucket: breakdown.CPU, mean: 11 * ms, sites: []breakdown.SiteTime{burn}},
		part{bucket: breakdown.Cache, mean: 9 * ms, calls: 12, systems: []string{"redis"}, sites: []breakdown.SiteTime{site("main.(*Sessions).Get", "/build/sessions.go", 12, 0, 12, 1)},
			phases: phases(breakdown.Command, 8*ms, breakdown.PoolWait, 1*ms)},
		part{bucket: breakdown.Queue, mean: 6 * ms, calls: 1, systems: []string{"kafka"}, phases: phases(breakdown.BatchDelay, 5*ms, breakdown.Produce, 1*ms)},
		part{bucket: breakdown.File, mean: 2 * ms},
		part{bucket: breakdown.GC, mean: 3 * ms},
	)
	e.CPU = []breakdown.CPUFunction{
		{Frame: breakdown.Frame{Function: "crypto/sha256.blockAVX2", File: "/go/src/crypto/sha256/sha256block_amd64.s", Line: 12}, Samples: 310},
		{Frame: breakdown.Frame{Function: "encoding/json.(*encodeState).reflectValue", File: "/go/src/encoding/json/encode.go", Line: 340}, Samples: 77},
		{Frame: breakdown.Frame{Function: "runtime.mallocgc", File: "/go/src/runtime/malloc.go", Line: 1010}, Samples: 40},
	}
	return of(source(), e)
}

func longPolls() *breakdown.Breakdown {
	b := sequential()
	poll := endpoint("main.(*API).Wait", 61, part{bucket: breakdown.Wait, mean: 9 * s, sites: []breakdown.SiteTime{site("main.(*API).Wait", "/build/api.go", 310, 0, 0, 0)}}, part{bucket: breakdown.CPU, mean: 300 * us})
	poll.Kind = "http/1 long poll"
	cut(&poll, 20, map[breakdown.Bucket]int64{breakdown.Unknown: 90 * s})
	events := endpoint("main.(*API).Events", 4, part{bucket: breakdown.Wait, mean: 5 * s}, part{bucket: breakdown.CPU, mean: 20 * ms})
	events.Kind = "http/1 stream"
	b.Endpoints = append(b.Endpoints, poll, events)
	return diagnosed(b, diagnosis.Evidence{Serial: serial(97 * ms)})
}

func severalEndpoints() *breakdown.Breakdown {
	b := sequential()
	search := endpoint("example.com/vin/internal/search.(*Server).Query", 3120, part{bucket: breakdown.Cache, mean: 2100 * us, calls: 1, systems: []string{"redis"}, phases: phases(breakdown.Command, 2100*us)},
		part{bucket: breakdown.CPU, mean: 900 * us})
	export := endpoint("main.(*API).Export", 12, part{bucket: breakdown.DB, mean: 180 * ms, calls: 40, systems: []string{"mysql"}, phases: phases(breakdown.Query, 120*ms, breakdown.Rows, 60*ms),
		sites: []breakdown.SiteTime{site("main.(*Store).Page", "/build/page.go", 9, 0, 40, 1)}}, part{bucket: breakdown.ClientIO, mean: 80 * ms}, part{bucket: breakdown.CPU, mean: 20 * ms})
	login := endpoint("main.(*API).Login", 40, part{bucket: breakdown.CPU, mean: 50 * ms})
	me := endpoint("main.(*API).Me", 400, part{bucket: breakdown.CPU, mean: 900 * us})
	unnamed := endpoint(breakdown.Unnamed, 20313, part{bucket: breakdown.CPU, mean: 11 * us}, part{bucket: breakdown.ClientIO, mean: 4 * us})
	b.Endpoints = append(b.Endpoints, search, export, login, me, unnamed)
	b.Warnings = []breakdown.Warning{{Code: "unnamed-requests", Message: "20,313 requests that never blocked left no stack to name them by: the means of the endpoints they belong to are too high"}}
	return diagnosed(b, diagnosis.Evidence{Serial: serial(97 * ms)})
}

func fast() *breakdown.Breakdown {
	src := source()
	src.Cost = nil
	return of(src, endpoint(breakdown.Unnamed, 548213, part{bucket: breakdown.CPU, mean: 14 * us}, part{bucket: breakdown.ClientIO, mean: 3900}, part{bucket: breakdown.Scheduler, mean: 600}))
}

func inferred() *breakdown.Breakdown {
	resize := endpoint("main.resize", 1410, part{bucket: breakdown.CPU, mean: 380 * us}, part{bucket: breakdown.ClientIO, mean: 9 * us})
	resize.Known, resize.Inferred, resize.RequestsCI95 = 40, 1370, &breakdown.Interval{1288, 1533}
	resize.Wall.MeanCI95, resize.Wall.P50CI95, resize.Wall.P95CI95 = &breakdown.Interval{361 * us, 404 * us}, &breakdown.Interval{350 * us, 401 * us}, &breakdown.Interval{520 * us, 566 * us}
	render := endpoint("main.render", 912, part{bucket: breakdown.CPU, mean: 8 * ms})
	render.Known, render.Inferred, render.RequestsCI95 = 640, 272, &breakdown.Interval{912, 912}
	b := of(source(), render, resize)
	b.Warnings = []breakdown.Warning{{Code: "requests-inferred", Facts: &breakdown.Doubt{Count: 1642, Of: 2322}}}
	return b
}

func slowBatch() *breakdown.Breakdown {
	src := source()
	src.Asked, src.Window, src.Covered = 120*s, 120*s, 120*s
	src.Saturated = 0.62
	return of(src, endpoint("main.report", 4, part{bucket: breakdown.DB, mean: 21 * s, calls: 310, dials: 0.002, systems: []string{"sqlite3", "postgres"}, phases: phases(breakdown.Connect, 14*s, breakdown.Query, 7*s), shadow: 9 * s, queued: 4 * s},
		part{bucket: breakdown.CPU, mean: 2 * s}, part{bucket: breakdown.File, mean: 100 * ms}))
}

func unexplained() *breakdown.Breakdown {
	return of(source(), endpoint("main.legacy", 100, part{bucket: breakdown.Unknown, mean: 30 * ms, sites: []breakdown.SiteTime{site("main.cgoCall", "/build/legacy.go", 3, 0, 0, 0)}},
		part{bucket: breakdown.CPU, mean: 10 * ms}))
}

func noRequests() *breakdown.Breakdown {
	buckets := func(parts ...part) []breakdown.BucketTime {
		e := endpoint("", 1, parts...)
		return e.Buckets
	}
	b := &breakdown.Breakdown{Source: breakdown.Source{GoVersion: "go1.26.8", Window: 5 * s, Covered: 5 * s}}
	b.Roots = []breakdown.Root{
		{Function: "example.com/batch/internal/mill.(*Mill).grind", Goroutines: 8, Wall: 40 * s, Buckets: buckets(part{bucket: breakdown.CPU, mean: 9 * s}, part{bucket: breakdown.DB, mean: 31 * s})},
		{Function: "main.main", Goroutines: 1, Wall: 5 * s, Buckets: buckets(part{bucket: breakdown.Sleep, mean: 4900 * ms}, part{bucket: breakdown.CPU, mean: 100 * ms})},
		{Function: "runtime.bgsweep", Goroutines: 1, Wall: 5 * s, Buckets: buckets(part{bucket: breakdown.Wait, mean: 5 * s})},
		{Function: "runtime/pprof.profileWriter", Goroutines: 1, Wall: 5 * s, Buckets: buckets(part{bucket: breakdown.Sleep, mean: 5 * s})},
	}
	b.Warnings = []breakdown.Warning{{Code: "no-requests", Message: "the trace holds no request: the wall time is shown by the function that goroutines began in"}}
	return b
}

func nothing() *breakdown.Breakdown { return &breakdown.Breakdown{} }

func incompleteOnly() *breakdown.Breakdown {
	e := endpoint("main.(*API).Report", 0)
	cut(&e, 8, map[breakdown.Bucket]int64{breakdown.Lock: 71 * s, breakdown.DB: 8900 * ms, breakdown.CPU: 20 * ms})
	return of(source(), e)
}

// stuck has requests that each hold a connection and wait for a second one.
func stuck() *breakdown.Breakdown {
	e := endpoint("main.(*API).Orders", 0)
	cut(&e, 38, map[breakdown.Bucket]int64{breakdown.DB: 111 * s, breakdown.CPU: 20 * ms})
	e.Buckets[breakdown.DB].Phases = []breakdown.PhaseTime{{Phase: breakdown.PoolWait, IncompleteTotal: 110 * s}, {Phase: breakdown.Query, IncompleteTotal: s}}
	return of(source(), e)
}

func incompleteMost() *breakdown.Breakdown {
	e := decode(900, part{bucket: breakdown.CPU, mean: 3 * ms}, part{bucket: breakdown.DB, mean: 1 * ms, calls: 1, systems: []string{"postgres"}, phases: phases(breakdown.Query, 1*ms)})
	cut(&e, 6, map[breakdown.Bucket]int64{breakdown.Lock: 58 * s, breakdown.CPU: 10 * ms})
	return of(source(), e)
}

func truncated() *breakdown.Breakdown {
	b := concurrent()
	b.Source = breakdown.Source{Window: 6980 * ms, Covered: 6980 * ms, Asked: 10 * s, GoVersion: "go1.22.1", Instances: 3}
	b.Warnings = []breakdown.Warning{
		{Code: "trace-truncated", Message: "the trace broke off after 7.0 s of 10.0 s (unexpected EOF while reading event batch); what is shown is from its 7 whole generations"},
		{Code: "no-cpu-profile", Message: "no CPU profile ran beside the trace: CPU time is not told by function"},
	}
	return b
}

func hostile() *breakdown.Breakdown {
	long := "example.com/" + strings.Repeat("deeply/", 20) + "pkg.(*" + strings.Repeat("VeryLongTypeName", 10) + "[...]).Handle" + strings.Repeat("Everything", 8)
	e := endpoint("main.(*API)\x1b[31m.Red|\x1b]0;owned\a", 10,
		part{bucket: breakdown.Upstream, mean: 12 * ms, calls: 1, systems: []string{"http\x1b[2J"}, sites: []breakdown.SiteTime{
			site(long, "/src/"+strings.Repeat("file", 60)+".go", 99999, 0, 1, 1), site("пакет.(*Тип).Метод\u202egnp.exe", `C:\work\日本語ファイル.go`, 7, 4*ms, 1, 1)},
			phases: phases(breakdown.ResponseWait, 12*ms)},
		part{bucket: breakdown.DB, mean: 5 * ms, systems: []string{strings.Repeat("db", 100)}, sites: []breakdown.SiteTime{site("main.q", "", 0, 0, 1, 1)}},
		part{bucket: breakdown.CPU, mean: 3 * ms})
	e.Route = "GET /日本語/🚗|\x00/" + strings.Repeat("segment/", 40)
	src := source()
	src.Target = "http://" + strings.Repeat("a", 300) + ".example:6060/\x1b[1mdebug"
	b := of(src, e, endpoint(long, 10, part{bucket: breakdown.CPU, mean: 2 * ms}))
	b.Findings = []breakdown.Finding{{ID: "x", Endpoint: long, Title: "title\x1b[0m with\nnewline", Evidence: []string{strings.Repeat("evidence ", 30), strings.Repeat("x", 200), ""}, Try: "\u009b31mtry"}}
	b.Warnings = []breakdown.Warning{{Code: "code-only"}, {Code: "w", Message: "the service said: \"<html>\r\n\t<b>\x7f\xff\""}}
	return b
}

// limited runs under a CPU limit.
func limited() *breakdown.Breakdown {
	e := decode(189,
		part{bucket: breakdown.Upstream, mean: 30 * ms, calls: 1, systems: []string{"http"}, phases: phases(breakdown.ResponseWait, 30*ms)},
		part{bucket: breakdown.CPU, mean: 22 * ms, phases: phases(breakdown.OnCPU, 2*ms, breakdown.OffCPU, 20*ms)},
		part{bucket: breakdown.Scheduler, mean: 9 * ms})
	for i, bounds := range []breakdown.Interval{{1 * ms, 4 * ms}, {18 * ms, 21 * ms}} {
		p := &e.Buckets[breakdown.CPU].Phases[i]
		p.MeanCI95, p.TotalCI95 = &bounds, &breakdown.Interval{bounds[0] * 189, bounds[1] * 189}
	}
	e.Buckets[breakdown.CPU].Phases[1].Cause = breakdown.ByLimit
	b := of(source(), e)
	b.Warnings = []breakdown.Warning{{Code: "cpu-throttled", Facts: &breakdown.Doubt{Running: 4200 * ms, Sampled: 400 * ms, Deprived: breakdown.ByLimit}}}
	return b
}

// beyondGo waits for child processes, C code, and timers of libraries.
func beyondGo() *breakdown.Breakdown {
	e := decode(300,
		part{bucket: breakdown.Unknown, mean: 50 * ms, phases: phases(breakdown.ChildProcess, 40*ms, breakdown.CCall, 9*ms, breakdown.NoPhase, 1*ms),
			sites: []breakdown.SiteTime{site("main.describe", "main.go", 13, 0, 0, 0), site("main.hash", "main.go", 22, 9*ms, 0, 0)}},
		part{bucket: breakdown.Sleep, mean: 30 * ms, systems: []string{"go-retryablehttp", "net (dual-stack fallback)"}, sites: []breakdown.SiteTime{site("main.fetch", "main.go", 40, 0, 0, 0)}},
		part{bucket: breakdown.CPU, mean: 4 * ms, phases: phases(breakdown.OnCPU, 4*ms)})
	return of(source(), e)
}

func hiddenCalls() *breakdown.Breakdown {
	return of(source(), decode(500,
		part{bucket: breakdown.Upstream, mean: 40 * ms, calls: 2, systems: []string{"grpc", "http"}, shadow: 18 * ms, phases: phases(breakdown.PoolWait, 30*ms, breakdown.ResponseWait, 10*ms)},
		part{bucket: breakdown.DB, mean: 20 * ms, calls: 1, systems: []string{"sql"}, shadow: 100 * us, queued: 90 * us, phases: phases(breakdown.Query, 20*ms)},
		part{bucket: breakdown.CPU, mean: 4 * ms}))
}

func heldConnections() *breakdown.Breakdown {
	return of(source(), decode(500,
		part{bucket: breakdown.DB, mean: 40 * ms, calls: 1, systems: []string{"postgres"}, phases: phases(breakdown.PoolWait, 30*ms, breakdown.Query, 10*ms), sites: []breakdown.SiteTime{vehicle},
			holders: []breakdown.Holder{{Frame: breakdown.Frame{Function: "main.(*API).Decode", File: vin, Line: 61}, Doing: breakdown.Upstream, Total: 28 * ms},
				{Frame: breakdown.Frame{Function: "main.(*API).Decode", File: vin, Line: 61}, Doing: breakdown.DB, Total: 2 * ms}}},
		part{bucket: breakdown.Upstream, mean: 24 * ms, calls: 1, systems: []string{"http"}, phases: phases(breakdown.ResponseWait, 24*ms), queued: 2 * ms},
		part{bucket: breakdown.CPU, mean: 2 * ms}))
}

// oneMatters has a second endpoint and a second call site too small to mention.
func oneMatters() *breakdown.Breakdown {
	few := site("main.(*API).healthz", vin, 20, 10*us, 0.01, 1)
	e := decode(369, part{bucket: breakdown.Upstream, mean: 101800 * us, calls: 4.01, systems: []string{"http"}, sites: []breakdown.SiteTime{fetch, few}, phases: phases(breakdown.ResponseWait, 101800*us)},
		part{bucket: breakdown.CPU, mean: 4 * ms})
	health := endpoint("main.healthz", 14, part{bucket: breakdown.Scheduler, mean: 40 * us}, part{bucket: breakdown.CPU, mean: 120 * us})
	unnamed := endpoint(breakdown.Unnamed, 0)
	cut(&unnamed, 1, map[breakdown.Bucket]int64{breakdown.CPU: 3 * ms})
	b := diagnosed(of(source(), e, unnamed, health), diagnosis.Evidence{Serial: serial(72 * ms)})
	b.Findings = append(b.Findings, breakdown.Finding{ID: "no-processor", Endpoint: health.Name, Title: "requests wait for a processor", SavesUpTo: 40 * us})
	return b
}

// ticket is a breakdown for a report: it has evidence, and everything that the other
// fixtures show separately.
func ticket() *breakdown.Breakdown {
	b := severalEndpoints()
	s := &b.Source
	s.Case, s.Redacted, s.Instances, s.Rules = "ts-0123456789ab", true, 2, []string{"db=github.com/acme/driver"}
	s.Evidence = []breakdown.Evidence{
		{Case: "ts-a1b2c3d4e5f6", Tool: "v1.4.0", Command: "timesink collect http://127.0.0.1:6060 -d 10s -o incident-4711.zip", CapturedAt: s.CapturedAt,
			Parts: []breakdown.Part{{Name: "trace.out", Size: 12_345_678, SHA256: strings.Repeat("0123456789abcdef", 4)}, {Name: "cpu.pb.gz", Size: 45_678, SHA256: strings.Repeat("fedcba9876543210", 4)}}},
		{Case: "ts-112233445566", Parts: []breakdown.Part{{Name: "trace.out", Size: 2_000_000, SHA256: strings.Repeat("00ff", 16)}}},
	}
	e := &b.Endpoints[0]
	e.CPU = spread().Endpoints[0].CPU
	e.CPULibraries = embedded().Endpoints[0].CPULibraries[:1]
	for i, name := range []string{"conn_wait", "first_byte", "body_read", "outside_server"} {
		e.Client.Phases = append(e.Client.Phases, breakdown.ClientPhase{Phase: name, Mean: int64(4-i) * ms})
	}
	owner := heldLock().Endpoints[0]
	owner.Name, owner.Route = "main.(*API).Owner", "GET /v1/vin/{vin}/owner"
	b.Endpoints = slices.Insert(b.Endpoints, 1, owner)
	return diagnosed(b, diagnosis.Evidence{Serial: serial(97 * ms)})
}

// acceptQueue has clients that wait until their connections are accepted.
func acceptQueue() *breakdown.Breakdown {
	e := endpoint("main.item", 726, part{bucket: breakdown.Sleep, mean: 20500 * us, sites: []breakdown.SiteTime{site("main.item", "/build/main.go", 20, 0, 0, 0)}},
		part{bucket: breakdown.Scheduler, mean: 400 * us}, part{bucket: breakdown.ClientIO, mean: 200 * us})
	e.Route = "GET /item"
	e.Client = &breakdown.Client{Probes: 15, Matched: 15, Mean: 22900 * us, Server: 22300 * us, Phases: []breakdown.ClientPhase{},
		Fresh: &breakdown.Fresh{Probes: 5, Mean: 110 * ms, Server: 21500 * us, Connect: 100 * us, TLS: 3 * ms, Handshakes: 5, Unread: 87 * ms, KeptUnread: 100 * us, Low: 81 * ms, High: 93 * ms}}
	b := of(source(), e)
	b.AcceptLoops = []breakdown.AcceptLoop{{Site: breakdown.Frame{Function: "main.main.func2", File: "/build/main.go", Line: 25},
		Waited: breakdown.Frame{Function: "golang.org/x/net/netutil.(*limitListener).acquire", File: "/mod/listen.go", Line: 47}, Held: 8700 * ms, Accepted: 731, Queued: 729}}
	return diagnosed(b)
}

// elsewhere is a process whose only requests are scrapes of its metrics.
func elsewhere() *breakdown.Breakdown {
	b := noRequests()
	b.Source = source()
	b.Endpoints = []breakdown.Endpoint{endpoint("main.metrics", 20, part{bucket: breakdown.CPU, mean: 2 * ms})}
	b.Warnings = nil
	b.Coverage = breakdown.Coverage{Samples: 912, SamplesInRequests: 4, Running: 9140 * ms, RunningInRequests: 40 * ms, AtWork: 40100 * ms, AtWorkInRequests: 40 * ms}
	b.Roots[0].Units = &breakdown.RootUnits{Kind: breakdown.OneEach, Count: 2410, Root: `^example\.com/batch/internal/mill\.\(\*Mill\)\.grind$`}
	b.Roots[1].Units = &breakdown.RootUnits{Kind: breakdown.InTurn, Count: 120, Root: `^main\.main$`}
	return diagnosed(b)
}

// serial returns what requests would save if their upstream calls were made at once.
func serial(ns int64) (list [breakdown.NumBuckets]int64) {
	list[breakdown.Upstream] = ns
	return list
}

// outside is of a service that shows neither a trace nor its goroutines.
func outside() *breakdown.Breakdown {
	e := endpoint("", 45, part{bucket: breakdown.Unknown, mean: 164 * ms})
	e.Route = "GET /v1/vin/{vin}"
	for i := range e.Buckets {
		e.Buckets[i].Ceiling = 0
		e.Buckets[i].ShareCI95, e.Buckets[i].TotalCI95 = &breakdown.ShareInterval{0, 1}, &breakdown.Interval{0, e.Wall.Total}
	}
	e.Client = &breakdown.Client{
		Probes: 45, Mean: 164 * ms, Failed: 2, Statuses: []breakdown.StatusCount{{Status: 200, Probes: 55}, {Status: 503, Probes: 5}},
		Phases: []breakdown.ClientPhase{
			{Phase: "conn_wait", Mean: 40 * us}, {Phase: "dns"}, {Phase: "connect", Mean: 2 * ms}, {Phase: "tls", Mean: 3 * ms},
			{Phase: "request_write", Mean: 60 * us}, {Phase: "first_byte", Mean: 157 * ms}, {Phase: "body_read", Mean: 1900 * us},
		},
		Fresh:        &breakdown.Fresh{Probes: 15, Mean: 190 * ms, Connect: 3 * ms, TLS: 9 * ms, Handshakes: 15},
		ServerTiming: []breakdown.ServerTiming{{Name: "db", Mean: 121 * ms, Probes: 45}, {Name: "cache-with-a-name-too-long-for-its-column", Mean: 2 * ms, Probes: 9}, {Name: breakdown.Other, Probes: 45}},
	}
	b := of(source(), e)
	b.Estimate, b.Source.GoVersion, b.Source.Outside = true, "", &breakdown.Outside{Why: "missing"}
	b.Warnings = []breakdown.Warning{{Code: "no-pprof", Message: `no pprof (HTTP 404 Not Found: "404 page not found"): only what clients see is known; add the line import _ "net/http/pprof" to package main of the service; ` +
		`unless it serves http.DefaultServeMux already, also go http.ListenAndServe("localhost:6060", nil)`}}
	return b
}
