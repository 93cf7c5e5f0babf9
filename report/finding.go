package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// A findingWording puts a finding into words. The functions take its facts; evidence
// may return nil.
type findingWording struct {
	title    func(f *breakdown.Facts) string
	evidence func(f *breakdown.Facts) []string
	try      string
	tries    func(f *breakdown.Facts) string // if set, instead of try
}

// findingWordings holds the wording of every finding, by ID. JSON uses the same words.
var findingWordings = map[string]findingWording{
	"sequential-calls": {
		title: says("upstream calls are made one after another"),
		evidence: func(f *breakdown.Facts) []string {
			return append([]string{fmt.Sprintf("%.1f calls per request, %.1f in flight while any is", f.Calls, f.InFlight)}, calledAt(f)...)
		},
		try: "where one call does not need another's answer, start them together (errgroup) and wait for all",
	},
	"dial-per-call": {
		title: func(f *breakdown.Facts) string {
			if f.Dialed < 100 {
				return fmt.Sprintf("%d%% of the upstream calls dial a new connection", f.Dialed)
			}
			return "every upstream call dials a new connection"
		},
		evidence: calledAt,
		try:      "share one http.Client, keep its connections alive, raise MaxIdleConnsPerHost, and read each body to its end",
	},
	"pool-starved": {
		title: says("requests wait for a free database connection"),
		evidence: func(f *breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " in the pool, before the first query is sent"}, keptWaiting("held by", f)...)
		},
		try: "raise the pool's limit (SetMaxOpenConns, MaxConns), or hold each connection for a shorter time",
	},
	"lock-held-across-call": {
		title: func(f *breakdown.Facts) string {
			if len(f.Holders) == 0 {
				return "a lock is held across a call"
			}
			return "a lock is held across " + busyIn(f.Holders[0].Doing)
		},
		evidence: func(f *breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
		try:      "release the lock before the call, or take it after",
	},
	"lock-contended": {
		title:    says("requests wait for a lock that others hold"),
		evidence: func(f *breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
		try:      "do less while holding the lock, or split it",
	},
	"many-queries": {
		title: says("one place asks the database again and again"),
		evidence: func(f *breakdown.Facts) []string {
			return []string{fmt.Sprintf("%.1f queries per request at %s", f.Calls, spot(f.Site))}
		},
		try: "ask once for all the rows (a join, IN, ANY)",
	},
	"worker-queue": {
		title:    says("requests queue for workers that are busy with other requests"),
		evidence: func(f *breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("queued behind", f)...) },
		try:      "use more workers, or give them less to do",
	},
	"batch-queue": {
		title: says("requests wait for the batch in front of theirs, then for their own"),
		evidence: func(f *breakdown.Facts) []string {
			return append(append(waitedAt(f), keptWaiting("queued behind the batches of", f)...), ownBatch(f)...)
		},
		try: "make a batch's own work faster (for a sync, a faster disk), or take more requests into each; more workers make no batch faster",
	},
	"child-process": {
		title:    says("requests wait for child processes"),
		evidence: func(f *breakdown.Facts) []string { return append([]string{ofRequest(f)}, siteAt("run at", f.Site)...) },
		try:      "do the work within the process, or keep the child running and send it requests",
	},
	"no-core": {
		title: func(f *breakdown.Facts) string {
			switch f.Cause {
			case breakdown.ByLimit:
				return "a CPU limit stops the process"
			case breakdown.ByStalls:
				return "code stands still in the kernel, as in page faults"
			case breakdown.ByNeighbors:
				return "other processes take the cores"
			}
			return "requests run without a core"
		},
		evidence: func(f *breakdown.Facts) []string {
			list := []string{ofRequest(f) + " ran without a core"}
			if f.Waited > 0 {
				list = append(list, threeDigits(f.Waited)+" more was ready to run")
			}
			return list
		},
		tries: func(f *breakdown.Facts) string {
			switch f.Cause {
			case breakdown.ByLimit:
				return "raise the container's CPU limit, or set GOMAXPROCS no higher than it"
			case breakdown.ByStalls:
				return "give it memory enough that mapped files and the heap stay resident, or read files instead of mapping them"
			case breakdown.ByNeighbors:
				return "move the neighbors away, or reserve cores for the service"
			}
			return "look for a CPU limit (cpu.stat: nr_throttled), major page faults (pgmajfault), and busy neighbors"
		},
	},
	"accept-queue": {
		title: func(f *breakdown.Facts) string {
			if f.Fresh == 0 {
				return "new connections wait until the service accepts them"
			}
			return fmt.Sprintf("requests wait before the server reads them: %s of %s", threeDigits(f.Spent), threeDigits(f.Wall))
		},
		evidence: acceptEvidence,
		try:      "raise the limit of connections, close idle ones sooner, or accept in a goroutine that does nothing else",
	},
	"no-processor": {
		title:    says("requests are ready to run and wait for a processor"),
		evidence: func(f *breakdown.Facts) []string { return []string{ofRequest(f)} },
		try:      "give the service more processors (GOMAXPROCS, the container's CPU limit), or make its own work cheaper: see cpu_functions",
	},
}

func says(text string) func(*breakdown.Facts) string {
	return func(*breakdown.Facts) string { return text }
}

func ofRequest(f *breakdown.Facts) string {
	return fmt.Sprintf("%s of %s per request", threeDigits(f.Spent), threeDigits(f.Wall))
}

func calledAt(f *breakdown.Facts) []string { return siteAt("called at", f.Site) }

func waitedAt(f *breakdown.Facts) []string { return siteAt("waited for at", f.Site) }

func siteAt(what string, site breakdown.Frame) []string {
	if site.Function == "" {
		return nil
	}
	return []string{what + " " + spot(site)}
}

// keptWaiting names the goroutines that kept requests waiting, and what each did for
// most of that time.
func keptWaiting(how string, f *breakdown.Facts) (list []string) {
	for _, h := range f.Holders {
		list = append(list, fmt.Sprintf("%s %s, busy in %s for %s of %s per request", how, spot(h.Frame), busyIn(h.Doing), threeDigits(h.Busy), threeDigits(h.Total)))
	}
	return list
}

// ownBatch says what a request's own batch is busy with.
func ownBatch(f *breakdown.Facts) []string {
	b := f.Batch
	if b == nil || b.Busy == 0 {
		return nil
	}
	what := busyIn(b.Doing)
	if b.Called != "" {
		what = function(b.Called)
	}
	return append([]string{fmt.Sprintf("the request's own batch is in %s for %s per request", what, threeDigits(b.Busy))}, siteAt("called at", b.Site)...)
}

// busyIn returns what a goroutine is doing while in a bucket: "a database call", "cpu".
func busyIn(b breakdown.Bucket) string {
	if call := aCall(b); call != "" {
		return call
	}
	return b.String()
}

// acceptEvidence says what the probes and the accept loop show about connections that
// wait to be accepted.
func acceptEvidence(f *breakdown.Facts) (list []string) {
	if f.Fresh > 0 {
		list = append(list, fmt.Sprintf("%s waited %s each until the server read them, %s %s",
			counted(int64(f.Fresh), "probe on a new connection", "probes on new connections"), threeDigits(f.FreshWait),
			counted(int64(f.Kept), "on a kept one", "on kept ones"), threeDigits(f.KeptWait)))
	}
	a := f.Accept
	if a == nil {
		return list
	}
	if a.Waited.Function != "" {
		list = append(list, fmt.Sprintf("the accept loop was held up for %s in %s", duration(a.Held), spot(a.Waited)))
	}
	if a.Accepted > 0 {
		list = append(list, fmt.Sprintf("%s of %s had come while it was held up", count(a.Queued), counted(a.Accepted, "connection", "connections")))
	}
	return append(list, siteAt("it accepts at", a.Site)...)
}
