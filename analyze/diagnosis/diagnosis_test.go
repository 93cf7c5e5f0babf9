package diagnosis_test

import (
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

const ms = int64(1e6)

// endpoint returns an endpoint with 10 requests that take these times in each bucket.
func endpoint(name string, times map[breakdown.Bucket]int64, phases ...breakdown.PhaseTime) breakdown.Endpoint {
	e := breakdown.Endpoint{Name: name, Requests: 10}
	for b := range breakdown.NumBuckets {
		t := breakdown.BucketTime{Bucket: b, Mean: times[b], Total: 10 * times[b]}
		for _, p := range phases {
			if slices.Contains(b.Info().Phases, p.Phase) && times[b] > 0 {
				p.Total = 10 * p.Mean
				t.Phases = append(t.Phases, p)
			}
		}
		e.Wall.Mean += times[b]
		e.Buckets = append(e.Buckets, t)
	}
	e.Wall.Total = 10 * e.Wall.Mean
	return e
}

func diagnose(endpoints ...breakdown.Endpoint) ([]breakdown.Explanation, breakdown.Conclusion) {
	return diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: endpoints}})
}

func ids(list []breakdown.Explanation) (out []string) {
	for _, x := range list {
		out = append(out, x.ID)
	}
	return out
}

// shown returns the ids of the causes that are shown.
func shown(list []breakdown.Explanation) []string {
	return ids(slices.DeleteFunc(list, func(x breakdown.Explanation) bool { return !x.Shown }))
}

// A pool that two endpoints wait for is one cause, which accounts for the time of both.
func TestAPoolOfSeveralEndpointsIsOneCause(t *testing.T) {
	spent := map[breakdown.Bucket]int64{breakdown.DB: 40 * ms, breakdown.CPU: ms}
	a := endpoint("main.a", spent, breakdown.PhaseTime{Phase: breakdown.PoolWait, Mean: 30 * ms}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 10 * ms})
	b := endpoint("main.b", spent, breakdown.PhaseTime{Phase: breakdown.PoolWait, Mean: 38 * ms}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 2 * ms})
	causes, conclusion := diagnose(a, b)
	if len(causes) == 0 || causes[0].ID != "pool-starved" || !slices.Equal(causes[0].Endpoints, []string{"main.b", "main.a"}) {
		t.Fatalf("%+v", causes)
	}
	if x := causes[0]; x.Explains != 34*ms || x.Saves != 34*ms || x.Facts.Time(breakdown.FactSpent) != 38*ms || x.Confidence != breakdown.Certain {
		t.Errorf("%+v", x)
	}
	if conclusion.Cause != "pool-starved" {
		t.Errorf("the conclusion is %+v", conclusion)
	}
	if f := diagnosis.Findings(causes); len(f) != 1 || f[0].Endpoint != "main.b" {
		t.Errorf("%+v", f)
	}
}

// What a limit explains is not a lack of processors as well, and no instant is explained
// twice.
func TestAnInstantHasOneCause(t *testing.T) {
	spent := map[breakdown.Bucket]int64{breakdown.CPU: 30 * ms, breakdown.Scheduler: 50 * ms, breakdown.DB: 20 * ms}
	limited := endpoint("main.a", spent, breakdown.PhaseTime{Phase: breakdown.OnCPU, Mean: 5 * ms},
		breakdown.PhaseTime{Phase: breakdown.OffCPU, Mean: 25 * ms, Cause: breakdown.ByLimit}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 20 * ms})
	causes, _ := diagnose(limited)
	if got := ids(causes); !slices.Equal(got, []string{"no-core", "other-side"}) {
		t.Fatalf("%v", got)
	}
	sum := int64(0)
	for _, x := range causes {
		sum += x.Explains
	}
	if sum != 95*ms {
		t.Errorf("the causes explain %d of %d ns", sum, limited.Wall.Mean)
	}
}

// Another system that answers slowly is a cause, and nothing to do about here.
func TestTheOtherSideIsNoFinding(t *testing.T) {
	causes, conclusion := diagnose(endpoint("main.a", map[breakdown.Bucket]int64{breakdown.DB: 40 * ms}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 40 * ms}))
	if len(causes) != 1 || causes[0].ID != "other-side" || causes[0].Facts.Name(breakdown.FactOtherSide) != "db" || len(diagnosis.Findings(causes)) != 0 || conclusion.Cause != "other-side" {
		t.Errorf("%+v, %+v", causes, conclusion)
	}
}

// A lack of cores makes every answer come late, those of the usual suspect as well. That is
// no reason not to say how little the suspect has to do with the time.
func TestASuspectIsClearedThoughItsAnswersComeLate(t *testing.T) {
	spent := map[breakdown.Bucket]int64{breakdown.CPU: 30 * ms, breakdown.Scheduler: 50 * ms, breakdown.DB: 8 * ms, breakdown.Upstream: 20 * ms}
	e := endpoint("main.a", spent, breakdown.PhaseTime{Phase: breakdown.OnCPU, Mean: 5 * ms},
		breakdown.PhaseTime{Phase: breakdown.OffCPU, Mean: 25 * ms, Cause: breakdown.ByNeighbors}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 8 * ms}, breakdown.PhaseTime{Phase: breakdown.ResponseWait, Mean: 20 * ms})
	late := diagnosis.Evidence{}
	late.Late[breakdown.DB] = 3 * ms
	causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{late}})
	if got := ids(causes); !slices.Contains(got, "no-core") || !slices.Contains(got, "not-worth-it") {
		t.Errorf("%v", got)
	}
}

// The pool of any client is told from what it leads to, and who holds its connections from
// how many there are.
func TestPoolsOfAllClientsAreCauses(t *testing.T) {
	for bucket, asking := range map[breakdown.Bucket]breakdown.Phase{breakdown.DB: breakdown.Query, breakdown.Cache: breakdown.Command, breakdown.Upstream: breakdown.ResponseWait} {
		for doing, want := range map[breakdown.Bucket]string{bucket: "pool-too-small", breakdown.Sleep: "pool-held", breakdown.NumBuckets: "pool-starved"} {
			e := endpoint("main.get", map[breakdown.Bucket]int64{bucket: 40 * ms, breakdown.CPU: ms}, breakdown.PhaseTime{Phase: breakdown.PoolWait, Mean: 30 * ms}, breakdown.PhaseTime{Phase: asking, Mean: 10 * ms})
			if doing < breakdown.NumBuckets {
				holder := breakdown.Frame{Function: "main.hold", File: "main.go", Line: 7}
				e.Buckets[bucket].Holders = []breakdown.Holder{{Frame: holder, Doing: doing, At: &holder, Total: 280 * ms}}
			}
			causes, conclusion := diagnose(e)
			if len(causes) == 0 || causes[0].ID != want || causes[0].Explains != 30*ms || causes[0].Facts.Name(breakdown.FactBucket) != bucket.String() || conclusion.Cause != want {
				t.Errorf("%s: the holders are in %d, and the causes %+v", bucket, doing, causes)
			}
		}
	}
}

// A few calls at a time add up as one after another do, unless they are as many as they can
// be, or only one of them is long.
func TestAFewCallsAtATimeAddUp(t *testing.T) {
	for name, tt := range map[string]struct {
		calls, inFlight float64
		serial          int64
		found           bool
	}{
		"one at a time":       {4, 1, 20 * ms, true},
		"two of eight":        {8, 2, 30 * ms, true},
		"two of three":        {3, 2, 10 * ms, false},
		"all at once":         {8, 7.6, 30 * ms, false},
		"one of them is long": {8, 1.6, 0, false},
	} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.Upstream: 40 * ms}, breakdown.PhaseTime{Phase: breakdown.ResponseWait, Mean: 40 * ms})
		u := &e.Buckets[breakdown.Upstream]
		u.CallsPerRequest = tt.calls
		u.Sites = []breakdown.SiteTime{{Frame: breakdown.Frame{Function: "main.fetch"}, CallsPerRequest: tt.calls, Concurrency: tt.inFlight}}
		evidence := diagnosis.Evidence{}
		evidence.Serial[breakdown.Upstream] = tt.serial
		causes, _ := diagnosis.Diagnose(&diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Evidence: []diagnosis.Evidence{evidence}})
		if found := slices.Contains(ids(causes), "sequential-calls"); found != tt.found {
			t.Errorf("%s: the causes are %q", name, ids(causes))
		}
	}
}

// Whoever waits for a message waits for its sender. That is said if it is what most of the
// time goes to, and then no other system is blamed for it.
func TestAwaitedMessages(t *testing.T) {
	wait := diagnosis.Way{Bucket: breakdown.DB, Site: breakdown.Frame{Function: "main.wait"}, Calls: 10, Requests: 10, PerRequest: 1, InFlight: 1, Each: 8 * ms, Time: 8 * ms, Awaits: true}
	query := wait
	query.Awaits = false
	for _, c := range []struct {
		name     string
		way      diagnosis.Way
		upstream int64
		want     []string
	}{
		{"a notification", wait, ms, []string{"awaited-message"}},
		{"a query", query, ms, []string{"other-side"}},
		{"a notification, and a longer call", wait, 20 * ms, []string{"other-side", "other-side"}},
	} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.DB: 8 * ms, breakdown.Upstream: c.upstream}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 8 * ms})
		var got []string
		for _, x := range diagnoseOne(e, diagnosis.Evidence{Ways: []diagnosis.Way{c.way}}) {
			if x.ID != "other-side" || x.Explains > ms {
				got = append(got, x.ID)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Calls that are repeated after a pause ask for the same each time.
func TestCallsThatAreRepeatedAreNoList(t *testing.T) {
	site := breakdown.Frame{Function: "main.try"}
	tries := diagnosis.Way{Bucket: breakdown.DB, Site: site, Calls: 200, Requests: 10, PerRequest: 20, InFlight: 1, Each: ms, Time: 20 * ms, Tries: true}
	e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.DB: 20 * ms, breakdown.Sleep: 40 * ms}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 20 * ms})
	for _, c := range []struct {
		name  string
		again breakdown.Frame
		want  []string
	}{
		{"a pause before each", site, []string{"retries"}},
		{"a pause before others", breakdown.Frame{Function: "main.other"}, []string{"retries", "many-queries"}},
	} {
		evidence := diagnosis.Evidence{Ways: []diagnosis.Way{tries}, Sleeps: []diagnosis.Sleep{{Site: breakdown.Frame{Function: "main.pause"}, Called: "time.Sleep", Time: 40 * ms, Retried: 40 * ms, Again: c.again}}}
		if got := shown(diagnoseOne(e, evidence)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Requests whose batches are made by what sleeps, and looks now and then, wait for its timer.
func TestBatchesThatAreLookedFor(t *testing.T) {
	relay := breakdown.Frame{Function: "main.relay"}
	for _, c := range []struct {
		doing breakdown.Bucket
		want  string
	}{{breakdown.Sleep, "sleeping"}, {breakdown.File, "batch-queue"}} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.Wait: 9 * ms, c.doing: 11 * ms})
		e.Buckets[breakdown.Wait].Holders = []breakdown.Holder{{Frame: relay, Doing: c.doing, Total: e.Buckets[breakdown.Wait].Total, Batch: true}}
		evidence := diagnosis.Evidence{Batch: &diagnosis.Batch{Site: relay, Doing: c.doing, Busy: 11 * ms}}
		if c.doing == breakdown.Sleep {
			evidence.Sleeps = []diagnosis.Sleep{{Site: relay, Called: "time.Sleep", Time: 11 * ms}}
		}
		causes := diagnoseOne(e, evidence)
		if got := ids(causes); len(got) != 1 || got[0] != c.want || causes[0].Explains != 20*ms {
			t.Errorf("%s: %q, explains %v", c.doing, got, causes)
		}
	}
}

// Pings are said of requests that ask for something as well, and then the calls are not also
// made one after another.
func TestPings(t *testing.T) {
	ping := diagnosis.Way{Bucket: breakdown.DB, Site: breakdown.Frame{Function: "main.check"}, Calls: 10, Requests: 10, PerRequest: 1, InFlight: 1, Each: 4 * ms, Time: 4 * ms, Tests: true}
	query := diagnosis.Way{Bucket: breakdown.DB, Site: breakdown.Frame{Function: "main.get"}, Calls: 10, Requests: 10, PerRequest: 1, InFlight: 1, Each: 4 * ms, Time: 4 * ms}
	for _, c := range []struct {
		name string
		ways []diagnosis.Way
		want []string
	}{
		{"a ping and a query", []diagnosis.Way{ping, query}, []string{"ping-per-call"}},
		{"a check of health", []diagnosis.Way{ping}, nil},
		{"two queries", []diagnosis.Way{query, query}, []string{"sequential-calls"}},
	} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.DB: 8 * ms, breakdown.CPU: ms}, breakdown.PhaseTime{Phase: breakdown.Query, Mean: 8 * ms})
		var evidence diagnosis.Evidence
		evidence.Ways, evidence.Serial[breakdown.DB] = c.ways, 4*ms
		if got := shown(diagnoseOne(e, evidence)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Streams are examined only if they are most of what there is, and their causes are not those
// of the other requests of a handler.
func TestStreamsBesideRequestsThatDoNotComplete(t *testing.T) {
	streams := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.Scheduler: ms})
	streams.Kind = "http/1" + breakdown.Streaming
	for took, examined := range map[int64]bool{ms / 2: true, 7000 * ms: false} {
		causes, conclusion := diagnose(breakdown.Endpoint{Name: "main.get", Incomplete: 4, IncompleteTime: took}, streams)
		if got := slices.Contains(ids(causes), "no-processor"); got != examined || conclusion.Cause != "" {
			t.Errorf("with %d ms in requests that did not complete: %q, %q", took/ms, ids(causes), conclusion.Cause)
		}
	}
}

// What has little time is no suspect to clear where most of the time may be its.
func TestNothingIsClearedIfMostIsUnknown(t *testing.T) {
	for unknown, cleared := range map[int64]bool{4 * ms: true, 40 * ms: false} {
		e := endpoint("main.get", map[breakdown.Bucket]int64{breakdown.Upstream: ms / 2, breakdown.Unknown: unknown, breakdown.CPU: 20 * ms})
		causes, _ := diagnose(e)
		if got := slices.Contains(ids(causes), "not-worth-it"); got != cleared {
			t.Errorf("with %d ms in unknown: %v", unknown/ms, got)
		}
	}
}
