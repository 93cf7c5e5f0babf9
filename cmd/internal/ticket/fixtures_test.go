package ticket_test

import (
	"time"

	"timesink/analyze/breakdown"
)

const (
	ms = int64(time.Millisecond)
	// hostile is a name that would run, color the terminal, or end an element, if it
	// were treated as more than text.
	hostile = "main.<script>alert(1)</script>|\x1b[31m--><!--<img src=x onerror=alert(2)>"
)

// hostileReport returns a breakdown in which everything that the service controls is
// hostile. Its requests run on several goroutines, and one of them was a probe.
func hostileReport() (*breakdown.Breakdown, []breakdown.Specimen) {
	at := time.Date(2026, 11, 22, 2, 3, 4, 0, time.UTC)
	frame := breakdown.Frame{Function: hostile, File: "/src/\"'><b>" + hostile + ".go", Line: 7}
	cause := func(b breakdown.Bucket, reason string) *breakdown.Cause {
		return &breakdown.Cause{State: "waiting", Reason: reason + hostile, Rule: hostile, Of: b, System: hostile, Site: frame,
			Stack: []breakdown.Frame{{Function: "leaf" + hostile}, {Function: "middle"}, frame, {Function: "net/http.(*conn).serve"}}}
	}
	causes := [breakdown.NumBuckets]*breakdown.Cause{}
	for b := range causes {
		causes[b] = cause(breakdown.Bucket(b), "select")
	}
	e := breakdown.Endpoint{Name: hostile, Route: "GET /" + hostile, Kind: "http/1", Detail: &breakdown.Detail{}}
	var bars breakdown.Bars
	var specimens []breakdown.Specimen
	var totals [breakdown.NumBuckets]int64
	for i := range int64(80) {
		r := hostileRequest(i, &causes)
		id := breakdown.RequestID{Goroutine: r.Goroutine, Start: r.Start}
		var spent [breakdown.NumBuckets]int64
		for _, s := range r.Path {
			spent[s.Bucket] += s.End - s.Start
			totals[s.Bucket] += s.End - s.Start
		}
		bars.Add(id, r.Wall(), &spent)
		s := breakdown.Specimen{ID: id, Request: r}
		if i%2 == 0 {
			s.Client = &breakdown.ClientView{Start: r.Start - ms, Phases: []breakdown.ClientPhase{{Phase: "connect" + hostile, Mean: ms}, {Phase: "first_byte", Mean: r.Wall() + ms}}}
			e.Detail.Probed = append(e.Detail.Probed, breakdown.Probed{ID: id, Wall: r.Wall(), View: *s.Client})
		}
		specimens = append(specimens, s)
		e.Requests++
		e.Wall.Total += r.Wall()
		e.Wall.Max = max(e.Wall.Max, r.Wall())
	}
	e.Detail.Bars = bars.List()
	e.Wall.Mean = e.Wall.Total / e.Requests
	e.Wall.P50, e.Wall.P95, e.Wall.P99 = e.Wall.Mean, e.Wall.Max*9/10, e.Wall.Max
	for b, t := range totals {
		mean := t / e.Requests
		e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: breakdown.Bucket(b), Total: t, Mean: mean, Share: float64(t) / float64(e.Wall.Total), Ceiling: e.Wall.Mean - mean,
			Systems: []string{hostile}, CallsPerRequest: 2, Sites: []breakdown.SiteTime{{Frame: frame, Total: t, Mean: mean, CallsPerRequest: 2, Concurrency: 1.5, Why: hostile}},
			Holders: []breakdown.Holder{{Frame: frame, Doing: breakdown.DB, Total: t / 2}}})
		e.Detail.Stacks = append(e.Detail.Stacks, breakdown.StackTime{Bucket: breakdown.Bucket(b), Cause: causes[b], Time: t, Count: 1})
	}
	e.CPU = []breakdown.CPUFunction{{Frame: frame, Samples: 40}}
	return &breakdown.Breakdown{
		Source: breakdown.Source{
			Target: "http://" + hostile, GoVersion: hostile, CapturedAt: &at, Window: 1e10, Covered: 1e10, Asked: 1e10, Case: hostile, Redacted: true, Rules: []string{hostile},
			Evidence: []breakdown.Evidence{{Case: hostile, Tool: hostile, Command: hostile, CapturedAt: &at, Parts: []breakdown.Part{{Name: hostile, Size: 3, SHA256: hostile}}}},
		},
		Endpoints: []breakdown.Endpoint{e},
		Findings:  []breakdown.Finding{{ID: hostile, Endpoint: hostile, Title: hostile, Evidence: []string{hostile}, Try: hostile, SavesUpTo: ms}},
		Warnings:  []breakdown.Warning{{Code: hostile, Message: hostile}},
	}, specimens
}

// hostileRequest returns a request with time in every bucket, on four goroutines,
// and with overlapping calls. Later requests take longer.
func hostileRequest(i int64, causes *[breakdown.NumBuckets]*breakdown.Cause) breakdown.Request {
	own := 10 + i%7
	r := breakdown.Request{Goroutine: own, Start: i * 40 * ms, Endpoint: hostile}
	r.End = r.Start
	for b := range breakdown.NumBuckets {
		length := ms/4 + i*i*ms/40000*int64(b%4+1)
		goroutine := own
		if b%3 == 1 {
			goroutine = 100 + int64(b)
		}
		r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + length, Goroutine: goroutine, Bucket: b, Cause: causes[b]})
		if b <= breakdown.Upstream {
			r.Calls = append(r.Calls, breakdown.Call{Start: r.End, End: r.End + 3*length, Goroutine: goroutine, Bucket: b, System: hostile, Site: causes[b].Site, OnPath: length, Dialed: true})
		}
		r.End += length
	}
	for k := range r.Calls {
		r.Calls[k].End = min(r.Calls[k].End, r.End)
	}
	return r
}

// noRequests returns the breakdown of a batch job, which has no requests.
func noRequests() *breakdown.Breakdown {
	root := breakdown.Root{Function: "main.(*Mill).grind", Goroutines: 8, Wall: 40e9}
	for b := range breakdown.NumBuckets {
		root.Buckets = append(root.Buckets, breakdown.BucketTime{Bucket: b})
	}
	root.Buckets[breakdown.CPU].Total, root.Buckets[breakdown.DB].Total = 9e9, 31e9
	return &breakdown.Breakdown{
		Source:   breakdown.Source{GoVersion: "go1.26.8", Window: 5e9, Covered: 5e9},
		Roots:    []breakdown.Root{root},
		Warnings: []breakdown.Warning{{Code: "no-requests", Message: "the trace holds no request: the wall time is shown by the function that goroutines began in"}},
	}
}

// pooledReport returns an endpoint whose requests wait for the service's own pool most of
// the time, and then for the database.
func pooledReport() (*breakdown.Breakdown, []breakdown.Specimen) {
	site := breakdown.Frame{Function: "main.(*Store).Load", File: "/src/store.go", Line: 41}
	wait := &breakdown.Cause{State: "waiting", Reason: "select", System: "postgres", Rule: "database/sql.(*DB).conn", Site: site, Stack: []breakdown.Frame{{Function: "database/sql.(*DB).conn"}, site}}
	read := &breakdown.Cause{State: "waiting", Reason: "network", System: "postgres", Rule: "database/sql.", Site: site, Stack: []breakdown.Frame{{Function: "internal/poll.(*FD).Read"}, site}}
	run := &breakdown.Cause{State: "running"}
	steps := []breakdown.Segment{
		{Bucket: breakdown.CPU, Cause: run}, {Bucket: breakdown.DB, Phase: breakdown.PoolWait, Cause: wait},
		{Bucket: breakdown.DB, Phase: breakdown.Query, Cause: read}, {Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, Cause: read},
	}
	e := breakdown.Endpoint{Name: "main.(*API).List", Route: "GET /items", Kind: "http/1", Detail: &breakdown.Detail{}, Buckets: make([]breakdown.BucketTime, breakdown.NumBuckets)}
	var bars breakdown.Bars
	var specimens []breakdown.Specimen
	var sums [4]int64
	for i := range int64(60) {
		r := breakdown.Request{Goroutine: 7, Start: i * 100 * ms, End: i * 100 * ms, Endpoint: e.Name, Kind: e.Kind}
		var spent, distinct [breakdown.NumBuckets]int64
		for k, s := range steps {
			length := []int64{ms, (10 + i%20) * ms, (5 + i%4) * ms, 3 * ms}[k]
			s.Start, s.End, s.Goroutine = r.End, r.End+length, r.Goroutine
			r.Path, r.End = append(r.Path, s), s.End
			spent[s.Bucket] += length
			sums[k] += length
			if s.Phase.Distinct() {
				distinct[s.Bucket] += length
			}
		}
		id := breakdown.RequestID{Goroutine: r.Goroutine, Start: r.Start}
		bars.Add(id, r.Wall(), &spent)
		bars.AddDistinct(r.Wall(), &distinct)
		specimens = append(specimens, breakdown.Specimen{ID: id, Request: r})
		e.Requests++
		e.Wall.Total += r.Wall()
		e.Wall.Max, e.Detail.Slowest = max(e.Wall.Max, r.Wall()), id
	}
	e.Detail.Bars = bars.List()
	e.Wall.Mean = e.Wall.Total / e.Requests
	e.Wall.P50, e.Wall.P95, e.Wall.P99 = e.Wall.Mean, e.Wall.Max*9/10, e.Wall.Max
	for b := range e.Buckets {
		e.Buckets[b] = breakdown.BucketTime{Bucket: breakdown.Bucket(b), Ceiling: e.Wall.Mean}
	}
	for k, s := range steps {
		t := &e.Buckets[s.Bucket]
		t.Total, t.Mean = t.Total+sums[k], t.Mean+sums[k]/e.Requests
		t.Share, t.Ceiling = float64(t.Total)/float64(e.Wall.Total), e.Wall.Mean-t.Mean
		if s.Phase != breakdown.NoPhase {
			t.Phases = append(t.Phases, breakdown.PhaseTime{Phase: s.Phase, Total: sums[k], Mean: sums[k] / e.Requests})
			t.Systems, t.CallsPerRequest = []string{"postgres"}, 1
			t.Sites = []breakdown.SiteTime{{Frame: site, Total: t.Total, Mean: t.Mean, CallsPerRequest: 1, Concurrency: 1}}
		}
		e.Detail.Stacks = append(e.Detail.Stacks, breakdown.StackTime{Bucket: s.Bucket, Phase: s.Phase, Cause: s.Cause, Time: sums[k], Count: e.Requests})
	}
	return &breakdown.Breakdown{
		Source:    breakdown.Source{GoVersion: "go1.26.8", Window: 6e9, Covered: 6e9},
		Endpoints: []breakdown.Endpoint{e},
		Findings:  []breakdown.Finding{{ID: "pool-starved", Endpoint: e.Name, Endpoints: []string{e.Name}, Title: "requests wait for a free database connection", Try: "raise the pool's limit", SavesUpTo: 20 * ms}},
		Warnings:  []breakdown.Warning{{Code: "few-requests", Message: "few requests"}},
	}, specimens
}
