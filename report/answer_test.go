package report_test

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// lastLine returns the answer in the text, and checks that the other formats have it
// too.
func lastLine(t *testing.T, b *breakdown.Breakdown) string {
	t.Helper()
	paragraphs := strings.Split(strings.TrimSpace(text(t, b, report.TextOptions{Width: 80})), "\n\n")
	line := strings.ReplaceAll(paragraphs[len(paragraphs)-1], "\n", " ")
	var markdown, page bytes.Buffer
	if err := report.Markdown(&markdown, b, report.MarkdownOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := report.HTML(&page, b, nil, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{"markdown": strings.NewReplacer(`\`, "", "`", "").Replace(markdown.String()), "HTML": page.String()}
	for format, page := range pages {
		if !strings.Contains(html.UnescapeString(page), line) {
			t.Errorf("the %s does not say %q", format, line)
		}
	}
	return line
}

// For every kind of system, the saving leaves out the time on the service's own side.
func TestAFreeSystemSavesOnlyItsOwnTime(t *testing.T) {
	frame := breakdown.Frame{Function: "main.(*API).Decode", File: vin, Line: 61}
	heldIn := func(b breakdown.Bucket, ns int64) []breakdown.Holder {
		return []breakdown.Holder{{Frame: frame, Doing: b, Total: ns}}
	}
	pool, dial := breakdown.PoolWait, breakdown.Connect
	for _, c := range []struct {
		name string
		part part // of 100 ms; the rest is CPU
		want string
	}{
		{"answers alone", part{bucket: breakdown.DB, mean: 80 * ms, systems: []string{"postgres"}, phases: phases(breakdown.Query, 80*ms)},
			"Most time is spent waiting for the database. Instant answers from Postgres would save 80.0 ms (80.0%). Another 20.0 ms (20.0%) is in CPU."},
		{"a pool held for calls to others", part{bucket: breakdown.DB, mean: 80 * ms, systems: []string{"postgres"}, phases: phases(pool, 75*ms, breakdown.Query, 5*ms), holders: heldIn(breakdown.Upstream, 75*ms)},
			"The cause: requests wait for database connections that are held across an upstream call, by main.(*API).Decode (api.go:61). It accounts for 75.0 of 100.0 ms per request (75.0%); fixing it saves that much at most."},
		{"a pool that is busy with the database", part{bucket: breakdown.DB, mean: 80 * ms, systems: []string{"postgres"}, phases: phases(pool, 70*ms, breakdown.Query, 10*ms), holders: heldIn(breakdown.DB, 70*ms)},
			"The likely cause: requests wait for a free database connection, and all are busy with statements, held by main.(*API).Decode (api.go:61). It accounts for 70.0 of 100.0 ms per request (70.0%); fixing it saves that much at most."},
		{"a pool and nothing else", part{bucket: breakdown.DB, mean: 80 * ms, phases: phases(pool, 80*ms), holders: heldIn(breakdown.Sleep, 80*ms)},
			"The cause: requests wait for database connections that are held across sleep, by main.(*API).Decode (api.go:61). It accounts for 80.0 of 100.0 ms per request (80.0%); fixing it saves that much at most."},
		{"dialing for nearly half", part{bucket: breakdown.DB, mean: 95 * ms, systems: []string{"postgres"}, phases: phases(dial, 42*ms, breakdown.Query, 53*ms)},
			"Most time is spent waiting for the database. Instant answers from Postgres would save 53.0 ms (53.0%); another 42.0 ms (42.0%) is spent dialing connections."},
		{"dialing for most", part{bucket: breakdown.Cache, mean: 80 * ms, systems: []string{"redis"}, phases: phases(dial, 60*ms, breakdown.Command, 20*ms)},
			"Most time is spent not in the cache itself but dialing connections (60.0%). A free Redis would save 20.0 ms (20.0%)."},
		{"a cache's pool", part{bucket: breakdown.Cache, mean: 80 * ms, systems: []string{"redis"}, phases: phases(pool, 60*ms, breakdown.Command, 20*ms), holders: heldIn(breakdown.CPU, 60*ms)},
			"The cause: requests wait for cache connections that are held across CPU, by main.(*API).Decode (api.go:61). It accounts for 60.0 of 100.0 ms per request (60.0%); fixing it saves that much at most."},
		{"a batch that fills slowly", part{bucket: breakdown.Queue, mean: 80 * ms, systems: []string{"kafka"}, phases: phases(breakdown.BatchDelay, 70*ms, breakdown.Produce, 10*ms)},
			"The cause: messages wait for the producer's batch timer. It accounts for 70.0 of 100.0 ms per request (70.0%); fixing it saves that much at most."},
		{"names and handshakes", part{bucket: breakdown.Upstream, mean: 80 * ms, systems: []string{"http"}, phases: phases(breakdown.DNS, 20*ms, dial, 20*ms, breakdown.TLS, 20*ms, breakdown.ResponseWait, 20*ms)},
			"Most time is spent not in the upstream itself but dialing connections (60.0%). Free upstream HTTP calls would save 20.0 ms (20.0%)."},
		{"names alone", part{bucket: breakdown.Upstream, mean: 80 * ms, systems: []string{"http"}, phases: phases(breakdown.DNS, 58*ms, dial, 2*ms, breakdown.ResponseWait, 20*ms)},
			"Most time is spent not in the upstream itself but looking up host names (60.0%). Free upstream HTTP calls would save 20.0 ms (20.0%)."},
		{"an upstream that answers slowly", part{bucket: breakdown.Upstream, mean: 80 * ms, systems: []string{"http"}, phases: phases(dial, 10*ms, breakdown.ResponseWait, 60*ms, breakdown.BodyRead, 10*ms)},
			"Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 70.0 ms (70.0%); another 10.0 ms (10.0%) is spent dialing connections. Another 20.0 ms (20.0%) is in CPU."},
		{"mostly dialing, but not most of the time", part{bucket: breakdown.Upstream, mean: 55 * ms, systems: []string{"grpc"}, phases: phases(dial, 40*ms, breakdown.ResponseWait, 15*ms)},
			"Most time is spent waiting for upstream gRPC, 72.7% of it dialing connections. Free upstream gRPC calls would save 15.0 ms (15.0%)."},
	} {
		b := of(source(), decode(500, c.part, part{bucket: breakdown.CPU, mean: 100*ms - c.part.mean}))
		if got := lastLine(t, b); got != c.want {
			t.Errorf("%s:\n  %s\nnot\n  %s", c.name, got, c.want)
		}
	}
}

func TestTheSecondSentenceAppearsOnlyIfItMatters(t *testing.T) {
	upstream := part{bucket: breakdown.Upstream, mean: 80 * ms, systems: []string{"http"}, phases: phases(breakdown.ResponseWait, 80*ms)}
	held := []breakdown.Holder{{Frame: breakdown.Frame{Function: "main.(*table).refresh"}, Doing: breakdown.Sleep, Total: 19 * ms}}
	few := &breakdown.Histogram{} // two requests of five hundred
	few.RecordN(0, 498)
	few.RecordN(5*s, 2)
	all := &breakdown.Histogram{}
	all.RecordN(20*ms, 500)
	for _, c := range []struct {
		name  string
		parts []part
		hist  *breakdown.Histogram // of the second part
		want  string
	}{
		{"a database, however small", []part{upstream, {bucket: breakdown.CPU, mean: 19 * ms}, {bucket: breakdown.DB, mean: 1 * ms, systems: []string{"postgres"}}}, nil,
			"Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (80.0%). A free Postgres would save 1.0 ms (1.0%)."},
		{"a database that takes next to nothing", []part{upstream, {bucket: breakdown.DB, mean: 10 * us, systems: []string{"postgres"}}}, nil,
			"Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (99.9%). A free Postgres would save next to nothing (<0.1 ms)."},
		{"nothing notable", []part{upstream, {bucket: breakdown.ClientIO, mean: 5 * ms}, {bucket: breakdown.CPU, mean: 3 * ms}}, nil, "Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (90.9%)."},
		{"a notable part", []part{upstream, {bucket: breakdown.ClientIO, mean: 20 * ms}}, all, "Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (80.0%). Another 20.0 ms (20.0%) is in client I/O."},
		{"a part from only two requests", []part{upstream, {bucket: breakdown.ClientIO, mean: 20 * ms}}, few, "Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (80.0%)."},
		{"a lock, and who holds it", []part{upstream, {bucket: breakdown.Lock, mean: 20 * ms, holders: held}}, nil,
			"Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (80.0%). Another 20.0 ms (20.0%) is in locks, held by main.(*table).refresh while it was in sleep."},
		{"another system", []part{upstream, {bucket: breakdown.Cache, mean: 20 * ms, systems: []string{"redis"}, phases: phases(breakdown.Command, 20*ms)}}, nil,
			"Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (80.0%). A free Redis would save 20.0 ms (20.0%)."},
		{"the first sentence has named both", []part{{bucket: breakdown.CPU, mean: 40 * ms}, {bucket: breakdown.ClientIO, mean: 35 * ms}, {bucket: breakdown.GC, mean: 25 * ms}}, nil,
			"The time is spread: 40.0% in CPU, 35.0% in client I/O."},
		{"what is unknown is no second part", []part{upstream, {bucket: breakdown.Unknown, mean: 12 * ms}, {bucket: breakdown.Scheduler, mean: 11 * ms}}, nil,
			"Most time is spent waiting for upstream HTTP. Instant answers from the upstream would save 80.0 ms (77.7%). Another 11.0 ms (10.7%) is in the scheduler (ready to run, no processor free)."},
	} {
		b := of(source(), decode(500, c.parts...))
		b.Endpoints[0].Buckets[c.parts[1].bucket].Hist = c.hist
		if got := lastLine(t, b); got != c.want {
			t.Errorf("%s:\n  %s\nnot\n  %s", c.name, got, c.want)
		}
	}
}

// Where the window's edges cut requests with most of the time, the answer says so, even if
// they wait for the same system as those that complete.
func TestTheAnswerCountsTheRequestsThatAreCut(t *testing.T) {
	for _, c := range []struct {
		name  string
		ns    int64 // of the cut requests, in the database
		other int64 // in locks
		want  string
	}{
		{"most", 30 * s, 0, "In the 2 requests that completed: most time is spent waiting for the database. Instant answers from Postgres would save 500.0 ms (100.0%). But 12 more requests did not complete within the window: they hold 96.8% of its request time, most of it in the database, mostly at main.(*API).Decode (api.go:61)."},
		{"most, in several places", 14 * s, 16 * s, "In the 2 requests that completed: most time is spent waiting for the database. Instant answers from Postgres would save 500.0 ms (100.0%). But 12 more requests did not complete within the window: they hold 96.8% of its request time, most of it in locks."},
		{"few", 500 * ms, 0, "Most time is spent waiting for the database. Instant answers from Postgres would save 500.0 ms (100.0%)."},
	} {
		b := of(source(), decode(2, part{bucket: breakdown.DB, mean: 500 * ms, systems: []string{"postgres"}, phases: phases(breakdown.Query, 500*ms)}))
		e := &b.Endpoints[0]
		cut(e, 12, map[breakdown.Bucket]int64{breakdown.DB: c.ns, breakdown.Lock: c.other})
		e.Buckets[breakdown.DB].IncompleteSites = []breakdown.SiteTime{{Frame: breakdown.Frame{Function: "main.(*API).Decode", File: vin, Line: 61}, Total: c.ns}}
		if got := lastLine(t, b); got != c.want {
			t.Errorf("%s:\n  %s\nnot\n  %s", c.name, got, c.want)
		}
	}
}

// Where one place has most of the running time, the answer names it, and what it calls.
func TestTheAnswerNamesThePlaceThatComputes(t *testing.T) {
	place := breakdown.Frame{Function: "example.com/shop/main.sanitize", File: "/src/main.go", Line: 16}
	for _, c := range []struct {
		name          string
		called        string
		total, sample int64
		want          string
	}{
		{"a library's function", "regexp.MustCompile", 700e3, 70, ", 70.0% of it in regexp.MustCompile, called at main.sanitize (main.go:16)."},
		{"its own code", "", 700e3, 70, ", 70.0% of it at main.sanitize (main.go:16)."},
		{"less than half of it", "regexp.MustCompile", 400e3, 40, "spent in CPU."},
		{"few samples", "regexp.MustCompile", 700e3, 3, "spent in CPU."},
	} {
		e := breakdown.Endpoint{Name: "main.clean", Requests: 1, Wall: breakdown.Stats{Total: 1e6, Mean: 1e6}, Buckets: make([]breakdown.BucketTime, breakdown.NumBuckets)}
		for i := range e.Buckets {
			e.Buckets[i].Bucket = breakdown.Bucket(i)
		}
		cpu := &e.Buckets[breakdown.CPU]
		cpu.Total, cpu.Mean = 1e6, 1e6
		cpu.Sites = []breakdown.SiteTime{{Frame: place, Total: c.total, Mean: c.total, Samples: c.sample}, {Frame: breakdown.Frame{Function: breakdown.Other}, Total: 1e6 - c.total}}
		e.CPUSites = []breakdown.CPUSite{{Frame: place, Called: c.called, Samples: c.sample, OfSamples: 100}}
		b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}
		if got := lastLineOf(b); !strings.Contains(got, "Most time is spent in CPU") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// Where many places compute, each for a small part, the page names the largest ones, and
// sums the others.
func TestThePageNamesTheLargestOfManyPlaces(t *testing.T) {
	var sites []breakdown.SiteTime
	for i := range 40 {
		mean := ms
		if i >= 2 {
			mean = ms / 4 // less than half of the largest
		}
		sites = append(sites, site(fmt.Sprintf("main.step%02d", i), "/build/steps.go", 10+i, mean, 0, 0))
	}
	e := decode(500, part{bucket: breakdown.CPU, mean: 2*ms + 38*ms/4 + 100*ms, sites: append(sites, breakdown.SiteTime{Frame: breakdown.Frame{Function: breakdown.Other}, Mean: 100 * ms})})
	got := text(t, of(source(), e), report.TextOptions{Width: 80})
	for _, want := range []string{"main.step00", "steps.go:10", "main.step01", "other call sites"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "main.step02") {
		t.Errorf("the page names a trifle:\n%s", got)
	}
}
