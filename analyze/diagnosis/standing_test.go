package diagnosis_test

import (
	"strconv"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

const second = int64(1e9)

// stack returns frames, leaf first, from "lines:19 < orders:34 < handle:50".
func stack(text string) (frames []breakdown.Frame) {
	for f := range strings.SplitSeq(text, " < ") {
		name, line, _ := strings.Cut(f, ":")
		n, _ := strconv.Atoi(line)
		frames = append(frames, breakdown.Frame{Function: "main." + name, File: "main.go", Line: n})
	}
	return frames
}

// requests returns a group of requests that have stood still for the whole window of 4 s.
func requests(n int64, b breakdown.Bucket, p breakdown.Phase, reason, at string) diagnosis.Stand {
	s := stack(at)
	return diagnosis.Stand{Bucket: b, Phase: p, Reason: reason, Site: s[0], Stack: s, Own: s, Count: n, Whole: n, Time: n * 4 * second, Longest: 4 * second}
}

// beside returns goroutines that serve no request.
func beside(s diagnosis.Stand) diagnosis.Stand {
	s.State = "waiting"
	return s
}

func forConnection(n int64, at string) diagnosis.Stand {
	return requests(n, breakdown.DB, breakdown.PoolWait, "select", at)
}
func forLock(n int64, at string) diagnosis.Stand {
	return requests(n, breakdown.Lock, breakdown.NoPhase, "sync", at)
}
func forAnswer(n int64, b breakdown.Bucket, p breakdown.Phase, at string) diagnosis.Stand {
	return requests(n, b, p, "select", at)
}
func sending(n int64, at string) diagnosis.Stand {
	return requests(n, breakdown.Unknown, breakdown.NoPhase, "chan send", at)
}
func receiving(n int64, at string) diagnosis.Stand {
	return requests(n, breakdown.Unknown, breakdown.NoPhase, "chan receive", at)
}

func TestWhatStandsStill(t *testing.T) {
	nested := []diagnosis.Stand{forConnection(35, "orders:24 < handle:50"), forConnection(3, "lines:19 < orders:34 < handle:50")}
	first := []diagnosis.Stand{forConnection(38, "orders:24 < handle:50")}
	locks := []diagnosis.Stand{forLock(9, "debit:10 < handle:50"), forLock(9, "credit:20 < handle:51"), forLock(1, "debit:12 < handle:50"), forLock(1, "credit:22 < handle:51")}
	one := []diagnosis.Stand{forLock(38, "put:10 < handle:50")}
	silent := []diagnosis.Stand{forAnswer(38, breakdown.Upstream, breakdown.ResponseWait, "fetch:30 < handle:50")}
	worker := beside(requests(1, breakdown.Wait, breakdown.NoPhase, "chan send", "worker:13"))
	idle := beside(requests(1, breakdown.Wait, breakdown.NoPhase, "chan receive", "refresh:70"))
	querying := beside(forAnswer(1, breakdown.DB, breakdown.Query, "export:80"))
	released := diagnosis.Ended{Bucket: breakdown.DB, Phase: breakdown.PoolWait, Site: first[0].Site, Count: 1, Released: 1}
	for name, tt := range map[string]struct {
		stands     []diagnosis.Stand
		others     []diagnosis.Stand
		ended      []diagnosis.Ended
		unanswered *diagnosis.Unanswered
		covered    int64 // 0 for 4 s
		want       string
		party      string // the first one's place
	}{
		"all that hold a connection wait for a second one": {stands: nested, want: "deadlock likely", party: "main.lines"},
		"a background loop that waits is no holder":        {stands: nested, others: []diagnosis.Stand{idle}, want: "deadlock likely", party: "main.lines"},
		"one is in the database":                           {stands: nested, others: []diagnosis.Stand{querying}},
		"a connection was given back":                      {stands: nested, ended: []diagnosis.Ended{released}},
		"a context ended a wait":                           {stands: nested, ended: []diagnosis.Ended{{Bucket: breakdown.DB, Phase: breakdown.PoolWait, Site: first[0].Site, Count: 9}}, want: "deadlock likely", party: "main.lines"},
		"nobody holds a connection":                        {stands: first, want: "connection-leak likely"},
		"nobody but a query holds one":                     {stands: first, others: []diagnosis.Stand{querying}},
		"a holder has waited for an upstream for 4 s":      {stands: append([]diagnosis.Stand{forAnswer(3, breakdown.Upstream, breakdown.ResponseWait, "charge:9 < orders:34 < handle:50")}, first...), want: "no-deadline possible"},
		"and for 10 s": {stands: []diagnosis.Stand{long(forAnswer(3, breakdown.Upstream, breakdown.ResponseWait, "charge:9 < orders:34 < handle:50")), long(first[0])},
			covered: 10 * second, want: "stuck-requests likely", party: "main.charge"},
		"two locks in both orders":                {stands: locks, want: "deadlock likely", party: "main.debit"},
		"a lock taken again":                      {stands: []diagnosis.Stand{forLock(37, "refresh:98 < handle:50"), forLock(1, "load:96 < refresh:101 < handle:50")}, want: "deadlock likely", party: "main.load"},
		"a lock that was never released":          {stands: one, want: "stuck-requests likely"},
		"a lock that a job in the database holds": {stands: one, others: []diagnosis.Stand{querying}, want: "stuck-requests possible"},
		"a lock that another request holds while it queries": {
			stands: []diagnosis.Stand{one[0], forAnswer(1, breakdown.DB, breakdown.Query, "put:14 < handle:50")}},
		"a worker that nobody takes results from": {stands: []diagnosis.Stand{sending(38, "batch:18 < handle:50")}, others: []diagnosis.Stand{worker, idle}, want: "deadlock likely", party: "main.worker"},
		"nobody receives":                         {stands: []diagnosis.Stand{sending(38, "batch:18 < handle:50")}, want: "stuck-requests likely"},
		"somebody may receive later":              {stands: []diagnosis.Stand{sending(38, "batch:18 < handle:50")}, others: []diagnosis.Stand{idle}, want: "stuck-requests possible"},
		"a worker whose reader is at work":        {stands: []diagnosis.Stand{sending(38, "batch:18 < handle:50")}, others: []diagnosis.Stand{worker, querying}, want: "deadlock possible", party: "main.worker"},
		"a long poll":                             {stands: []diagnosis.Stand{receiving(38, "poll:18 < handle:50")}, others: []diagnosis.Stand{idle}},
		"a long poll beside a goroutine that watches another system": {stands: []diagnosis.Stand{receiving(38, "poll:18 < handle:50")},
			others: []diagnosis.Stand{beside(forAnswer(1, breakdown.Upstream, breakdown.ResponseWait, "watch:70"))}},
		"a worker that waits for another system": {stands: []diagnosis.Stand{sending(38, "batch:18 < handle:50")},
			others: []diagnosis.Stand{beside(forAnswer(1, breakdown.Upstream, breakdown.ResponseWait, "deliver:70"))}, want: "stuck-requests possible"},
		"a long poll with a time limit":                       {stands: []diagnosis.Stand{requests(38, breakdown.Unknown, breakdown.NoPhase, "select", "poll:18")}, others: []diagnosis.Stand{worker}},
		"an upstream that does not answer for 4 s":            {stands: silent, want: "no-deadline possible"},
		"an upstream that may be slow":                        {stands: silent, covered: 2 * second},
		"an upstream that answers in time, mostly":            {stands: []diagnosis.Stand{silent[0]}, covered: 6 * second},
		"an upstream that answered no probe for 7 s":          {stands: silent, unanswered: &diagnosis.Unanswered{Count: 30, Longest: 7 * second}, want: "stuck-requests likely"},
		"an upstream that has been silent for 10 s":           {stands: []diagnosis.Stand{long(silent[0])}, covered: 10 * second, want: "stuck-requests likely"},
		"an upstream that answered one":                       {stands: []diagnosis.Stand{long(silent[0])}, ended: []diagnosis.Ended{{Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Site: silent[0].Site, Count: 1}}, covered: 10 * second},
		"a body that goes on":                                 {stands: []diagnosis.Stand{long(forAnswer(9, breakdown.Upstream, breakdown.BodyRead, "proxy:30"))}, covered: 10 * second},
		"a slow client":                                       {stands: []diagnosis.Stand{long(requests(9, breakdown.ClientIO, breakdown.NoPhase, "network", "send:30"))}, covered: 10 * second},
		"a sleep":                                             {stands: []diagnosis.Stand{long(requests(9, breakdown.Sleep, breakdown.NoPhase, "sleep", "handle:30"))}, covered: 10 * second},
		"two requests are too few for a lock that nobody has": {stands: []diagnosis.Stand{forLock(2, "put:10 < handle:50")}},
	} {
		t.Run(name, func(t *testing.T) {
			e := endpoint("main.handle", nil)
			e.Requests, e.Wall = 0, breakdown.Stats{}
			e.Incomplete, e.IncompleteTime = 38, 38*4*second
			in := &diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}, Others: tt.others, Unanswered: tt.unanswered}
			in.Evidence = []diagnosis.Evidence{{Stands: tt.stands, Ended: tt.ended}}
			if in.Source.Covered = tt.covered; tt.covered == 0 {
				in.Source.Covered = 4 * second
			}
			causes, conclusion := diagnosis.Diagnose(in)
			var got []string
			for _, x := range causes {
				got = append(got, x.ID+" "+string(x.Confidence))
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Fatalf("found %q, want %q", text, tt.want)
			}
			party := ""
			for _, x := range causes {
				if p := x.Facts.Frame(breakdown.FactParty).Function; p != "" {
					party = p
				}
			}
			if party != tt.party {
				t.Errorf("kept waiting by %q, want %q", party, tt.party)
			}
			shown := len(diagnosis.Findings(causes))
			if possible := strings.Contains(tt.want, "possible"); (conclusion.Cause != "") != (len(causes) > 0 && !possible) || possible && shown > 0 && causes[0].ID != "no-deadline" {
				t.Errorf("the conclusion is %+v, with %d findings", conclusion, shown)
			}
		})
	}
}

// long returns a stand that lasts for 10 s.
func long(s diagnosis.Stand) diagnosis.Stand {
	s.Time, s.Longest = s.Count*10*second, 10*second
	return s
}

// A few requests that stand still in a service whose others complete are a finding, and
// not the conclusion.
func TestSomeRequestsStandStill(t *testing.T) {
	e := endpoint("main.handle", map[breakdown.Bucket]int64{breakdown.Upstream: 5 * ms})
	e.Requests, e.Wall.Total = 20_000, 20_000*5*ms
	site := stack("fetch:30")[0]
	e.Buckets[breakdown.Upstream].Sites = []breakdown.SiteTime{{Frame: site, Total: e.Wall.Total, CallsPerRequest: 1}}
	in := &diagnosis.Input{Breakdown: &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{e}}}
	in.Source.Covered = 4 * second
	in.Evidence = []diagnosis.Evidence{{Stands: []diagnosis.Stand{forAnswer(4, breakdown.Upstream, breakdown.ResponseWait, "fetch:30 < handle:50")}}}
	causes, conclusion := diagnosis.Diagnose(in)
	f := diagnosis.Findings(causes)
	if len(f) != 1 || f[0].ID != "stuck-requests" || f[0].Facts.Number(breakdown.FactStuck) != 4 || conclusion.Cause == "stuck-requests" {
		t.Errorf("%+v, and the conclusion %+v", f, conclusion)
	}
}

func TestGoroutinesGrow(t *testing.T) {
	leak := diagnosis.Growth{Site: stack("search:10")[0], Root: "main.search.func1", Stands: stack("search.func1:12")[0], Reason: "chan receive",
		Waits: true, Created: 400, Alive: 400, Quarters: [4]int64{100, 100, 100, 100}, Older: 200}
	for name, tt := range map[string]struct {
		change func(g *diagnosis.Growth)
		window int64
		grows  bool
	}{
		"they stay":                           {func(*diagnosis.Growth) {}, 4 * second, true},
		"the profile knows those from before": {func(g *diagnosis.Growth) { g.Older, g.Before = 0, 200 }, 4 * second, true},
		"the load rises a little":             {func(g *diagnosis.Growth) { g.Quarters = [4]int64{60, 90, 110, 140} }, 4 * second, true},
		"every second one ends":               {func(g *diagnosis.Growth) { g.Created, g.Ended = 800, 400 }, 4 * second, true},
		"a short window":                      {func(*diagnosis.Growth) {}, second, false},
		"a pool that fills":                   {func(g *diagnosis.Growth) { g.Quarters = [4]int64{380, 20, 0, 0} }, 4 * second, false},
		"jobs of 2 s":                         {func(g *diagnosis.Growth) { g.Quarters, g.Alive, g.Ended = [4]int64{0, 0, 100, 100}, 200, 200 }, 4 * second, false},
		"long jobs, of which older ones end":  {func(g *diagnosis.Growth) { g.OlderEnded = 380 }, 4 * second, false},
		"the first ones after a start":        {func(g *diagnosis.Growth) { g.Older = 0 }, 4 * second, false},
		"the first ones, which wait to send":  {func(g *diagnosis.Growth) { g.Older, g.Reason = 0, "chan send" }, 4 * second, true},
		"they sleep":                          {func(g *diagnosis.Growth) { g.Waits = false }, 4 * second, false},
		"few of them":                         {func(g *diagnosis.Growth) { g.Alive, g.Quarters = 8, [4]int64{2, 2, 2, 2} }, 4 * second, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := leak
			tt.change(&g)
			in := &diagnosis.Input{Breakdown: &breakdown.Breakdown{}, Growth: []diagnosis.Growth{g, g}}
			in.Source.Covered = tt.window
			causes, _ := diagnosis.Diagnose(in)
			if grows := len(causes) == 1 && causes[0].ID == "goroutines-grow" && causes[0].Facts.Number(breakdown.FactGrown) == 400; grows != tt.grows {
				t.Errorf("found %v", ids(causes))
			}
		})
	}
}
