package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// A findingWording puts a finding into words. The functions take its facts; evidence
// may return nil.
type findingWording struct {
	title    func(f breakdown.Facts) string
	evidence func(f breakdown.Facts) []string
	try      func(f breakdown.Facts) string // if set, instead of the catalogue's
}

// findingWordings holds the wording of every finding, by ID. JSON uses the same words.
var findingWordings = map[string]findingWording{
	"sequential-calls": {
		title: says("upstream calls are made one after another"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{fmt.Sprintf("%.1f calls per request, %.1f in flight while any is", f.Number(breakdown.FactCalls), f.Number(breakdown.FactInFlight))}, calledAt(f)...)
		},
	},
	"dial-per-call": {
		title: func(f breakdown.Facts) string {
			if dialed := f.Number(breakdown.FactDialed); dialed < 100 {
				return fmt.Sprintf("%.0f%% of the upstream calls dial a new connection", dialed)
			}
			return "every upstream call dials a new connection"
		},
		evidence: calledAt,
	},
	"pool-starved": {
		title: says("requests wait for a free database connection"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " in the pool, before the first query is sent"}, keptWaiting("held by", f)...)
		},
	},
	"lock-held-across-call": {
		title: func(f breakdown.Facts) string {
			h, ok := f.Of(breakdown.FactHolderDoing)
			if !ok {
				return "a lock is held across a call"
			}
			return "a lock is held across " + busyIn(h.Name)
		},
		evidence: func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
	},
	"lock-contended": {
		title:    says("requests wait for a lock that others hold"),
		evidence: func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
	},
	"many-queries": {
		title: says("one place asks the database again and again"),
		evidence: func(f breakdown.Facts) []string {
			return []string{fmt.Sprintf("%.1f queries per request at %s", f.Number(breakdown.FactCalls), spot(f.Frame(breakdown.FactSite)))}
		},
	},
	"worker-queue": {
		title:    says("requests queue for workers that are busy with other requests"),
		evidence: func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("queued behind", f)...) },
	},
	"batch-queue": {
		title: says("requests wait for the batch in front of theirs, then for their own"),
		evidence: func(f breakdown.Facts) []string {
			return append(append(waitedAt(f), keptWaiting("queued behind the batches of", f)...), ownBatch(f)...)
		},
	},
	"child-process": {
		title: says("requests wait for child processes"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f)}, siteAt("run at", f.Frame(breakdown.FactSite))...)
		},
	},
	"no-core": {
		title: func(f breakdown.Facts) string {
			switch breakdown.Deprivation(f.Name(breakdown.FactDeprivation)) {
			case breakdown.ByLimit:
				return "a CPU limit stops the process"
			case breakdown.ByStalls:
				return "code stands still in the kernel, as in page faults"
			case breakdown.ByNeighbors:
				return "other processes take the cores"
			}
			return "requests run without a core"
		},
		evidence: func(f breakdown.Facts) []string {
			list := []string{ofRequest(f) + " ran without a core"}
			if waited := f.Time(breakdown.FactWaited); waited > 0 {
				list = append(list, threeDigits(waited)+" more was ready to run")
			}
			return list
		},
		try: func(f breakdown.Facts) string {
			switch breakdown.Deprivation(f.Name(breakdown.FactDeprivation)) {
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
		title: func(f breakdown.Facts) string {
			if !f.Has(breakdown.FactFreshProbes) {
				return "new connections wait until the service accepts them"
			}
			return fmt.Sprintf("requests wait before the server reads them: %s of %s", threeDigits(f.Time(breakdown.FactSpent)), threeDigits(f.Time(breakdown.FactWall)))
		},
		evidence: acceptEvidence,
	},
	"no-processor": {
		title:    says("requests are ready to run and wait for a processor"),
		evidence: func(f breakdown.Facts) []string { return []string{ofRequest(f)} },
	},
}

func says(text string) func(breakdown.Facts) string {
	return func(breakdown.Facts) string { return text }
}

func ofRequest(f breakdown.Facts) string {
	return fmt.Sprintf("%s of %s per request", threeDigits(f.Time(breakdown.FactSpent)), threeDigits(f.Time(breakdown.FactWall)))
}

func calledAt(f breakdown.Facts) []string { return siteAt("called at", f.Frame(breakdown.FactSite)) }

func waitedAt(f breakdown.Facts) []string {
	return siteAt("waited for at", f.Frame(breakdown.FactSite))
}

func siteAt(what string, site breakdown.Frame) []string {
	if site.Function == "" {
		return nil
	}
	return []string{what + " " + spot(site)}
}

// keptWaiting names the goroutines that kept requests waiting, and what each did for
// most of that time.
func keptWaiting(how string, f breakdown.Facts) (list []string) {
	doing := f.All(breakdown.FactHolderDoing)
	for i, h := range f.All(breakdown.FactHolder) {
		if i < len(doing) {
			list = append(list, fmt.Sprintf("%s %s, busy in %s for %s of %s per request", how, spot(h.Frame()), busyIn(doing[i].Name), threeDigits(int64(doing[i].Value)), threeDigits(int64(h.Value))))
		}
	}
	return list
}

// ownBatch says what a request's own batch is busy with.
func ownBatch(f breakdown.Facts) []string {
	b, ok := f.Of(breakdown.FactBatch)
	if !ok || b.Value == 0 {
		return nil
	}
	what := busyIn(b.Name)
	if called := f.Frame(breakdown.FactBatchCall).Function; called != "" {
		what = function(called)
	}
	return append([]string{fmt.Sprintf("the request's own batch is in %s for %s per request", what, threeDigits(int64(b.Value)))}, siteAt("called at", b.Frame())...)
}

// busyIn returns what a goroutine is doing while in a bucket, by the bucket's name: "a
// database call", "cpu".
func busyIn(name string) string {
	var b breakdown.Bucket
	if b.UnmarshalText([]byte(name)) == nil {
		if call := aCall(b); call != "" {
			return call
		}
	}
	return name
}

// acceptEvidence says what the probes and the accept loop show about connections that
// wait to be accepted.
func acceptEvidence(f breakdown.Facts) (list []string) {
	if fresh := int64(f.Number(breakdown.FactFreshProbes)); fresh > 0 {
		list = append(list, fmt.Sprintf("%s waited %s each until the server read them, %s %s",
			counted(fresh, "probe on a new connection", "probes on new connections"), threeDigits(f.Time(breakdown.FactFreshWait)),
			counted(int64(f.Number(breakdown.FactKeptProbes)), "on a kept one", "on kept ones"), threeDigits(f.Time(breakdown.FactKeptWait))))
	}
	if held, ok := f.Of(breakdown.FactAcceptHeld); ok && held.Function != "" {
		list = append(list, fmt.Sprintf("the accept loop was held up for %s in %s", duration(int64(held.Value)), spot(held.Frame())))
	}
	if accepted := int64(f.Number(breakdown.FactAccepted)); accepted > 0 {
		list = append(list, fmt.Sprintf("%s of %s had come while it was held up", count(int64(f.Number(breakdown.FactAcceptQueued))), counted(accepted, "connection", "connections")))
	}
	return append(list, siteAt("it accepts at", f.Frame(breakdown.FactAcceptSite))...)
}
