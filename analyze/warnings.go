package analyze

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/timeline"
	"timesink/collect/capture"
)

// warnings gathers what the answer does not cover or may be wrong about.
type warnings struct {
	list   []breakdown.Warning
	memory int64 // that the analysis may take, bytes
}

func (w *warnings) addf(code, format string, args ...any) {
	w.list = append(w.list, breakdown.Warning{Code: code, Message: fmt.Sprintf(format, args...)})
}

// capture warns of one capture.
func (w *warnings) capture(c *capture.Capture, sum *timeline.Summary, match *matcher) {
	for _, from := range c.Warnings() {
		w.addf(from.Code, "%s", from.Message)
	}
	asked := int64(0)
	if m := c.Manifest(); m != nil {
		asked = m.Window.TraceAsked
	}
	if sum.Cut != nil {
		covered := fmt.Sprintf("the %s before it are covered", dur(sum.Covered))
		if asked > 0 {
			covered = fmt.Sprintf("%s of %s are covered", dur(sum.Covered), dur(asked))
		}
		w.addf("trace-truncated", "the trace's last %d bytes could not be used (%v); %s", sum.CutBytes, sum.Cut, covered)
	}
	w.generations(sum, asked)
	if sum.Version < 22 {
		w.oldGo(sum)
	}
	w.given(sum)
	if window := sum.Covered; window > 0 && float64(sum.Saturated) > 0.5*float64(window) {
		w.addf("cores-saturated", "all %d processors were busy for %.0f%% of the window: arrived data is seen late, so waits look longer than they were",
			sum.GOMAXPROCS, 100*float64(sum.Saturated)/float64(window))
	}
	w.offCPU(sum)
	answered := 0
	for i := range match.probes {
		if match.probes[i].Status != 0 {
			answered++
		}
	}
	if seen := float64(answered) * share(sum.Covered, sum.Window()); 2*float64(match.pairs) < seen {
		w.addf("probes-unmatched", "only %d of %d probes were found among the requests: another instance behind a load balancer may have answered, or a proxy shares its connections", match.pairs, answered)
	}
}

// oldGo warns of what traces of Go before 1.22 do not tell.
func (w *warnings) oldGo(sum *timeline.Summary) {
	files := ""
	if sum.InCalls > 0 {
		files = fmt.Sprintf("; of the requests' time in files %s is an estimate, the time from one call to the next in one function", dur(sum.InCalls))
	}
	switch {
	case sum.AfterCalls > 0 && files == "":
		files = fmt.Sprintf("; of the requests' cpu up to %s, which followed a call to a file, may be time in files", dur(sum.AfterCalls))
	case sum.AfterCalls > 0:
		files += fmt.Sprintf("; of their cpu up to %s, which followed a call, may be time in files too", dur(sum.AfterCalls))
	}
	w.addf("old-go", "the service runs a Go before 1.22: its traces rarely tell when a system call ended, and recording them is expensive%s", files)
}

// generations warns of those that are missing, and of those that do not stand where
// their numbers say.
func (w *warnings) generations(sum *timeline.Summary, asked int64) {
	covered := fmt.Sprintf("%s of %s are covered", dur(sum.Covered), dur(cmp.Or(asked, sum.Window())))
	tell := func(code string, n *timeline.Numbers, one, more string) {
		if verb := one; n.Count > 0 {
			if n.Count > 1 {
				verb = more
			}
			w.addf(code, "%s %s", numbered(n), verb)
		}
	}
	tell("generations-missing", &sum.Missing, "is missing from the trace: "+covered+", and requests that cross the gap count as cut",
		"are missing from the trace: "+covered+", and requests that cross a gap count as cut")
	tell("generations-out-of-order", &sum.Late, "comes after a later one in the trace and was left out: "+covered,
		"come after a later one in the trace and were left out: "+covered)
	tell("generations-repeated", &sum.Repeated, "is in the trace more than once and was counted once", "are in the trace more than once and were counted once")
}

// numbered names generations by their numbers.
func numbered(n *timeline.Numbers) string {
	const most = 3
	var list []string
	rest := n.Count
	for _, r := range n.Runs[:min(len(n.Runs), most)] {
		text := fmt.Sprint(r.First)
		if r.Last > r.First {
			text = fmt.Sprintf("%d to %d", r.First, r.Last)
		}
		list = append(list, text)
		rest -= r.Last - r.First + 1
	}
	if rest > 0 {
		list = append(list, fmt.Sprintf("%d more", rest))
	}
	what := "generations "
	if n.Count == 1 {
		what = "generation "
	}
	if last := len(list) - 1; last > 0 {
		return what + strings.Join(list[:last], ", ") + " and " + list[last]
	}
	return what + list[0]
}

// given tells what was given up for want of memory.
func (w *warnings) given(sum *timeline.Summary) {
	if sum.Skipped > 0 {
		w.more("generations-skipped", "%s of the trace, %.1f MB, were too large to be read: what happened in them is left out, and requests are cut there",
			plural(int64(sum.Skipped), "second"), float64(sum.SkippedBytes)/1e6)
	}
	if sum.Forgotten > 0 {
		w.more("history-forgotten", "a request waited for so long that what the others did meanwhile was too much to keep; %d times the older half was dropped, and waits that reach back to it count as unknown", sum.Forgotten)
	}
	if sum.Condensed > 0 {
		w.more("paths-condensed", "%s had too many steps to keep them in order: their sums are exact, what ran beside the early ones is not known", plural(sum.Condensed, "request"))
	}
	if sum.CallsCut > 0 {
		w.more("calls-uncounted", "%s made more calls than can be kept: those beyond are not counted", plural(sum.CallsCut, "request"))
	}
	if sum.Evicted > 0 {
		w.more("goroutines-unfollowed", "there were too many goroutines to follow: %d times one was let go until something happened to it, and %s cut by that", sum.Evicted, was(sum.EvictedRequests, "request"))
	}
	if sum.StacksCut > 0 {
		w.more("stacks-cut", "there were too many distinct stacks: of some only the innermost frames and the call site are kept, and calls may be counted wrong")
	}
	if sum.CausesCut > 0 {
		w.more("evidence-cut", "there was too much evidence to keep: of some attributions only the call site is known")
	}
}

// more adds a warning of something that more memory would have kept.
func (w *warnings) more(code, format string, args ...any) {
	w.addf(code, "%s (--memory above %d MB keeps more)", fmt.Sprintf(format, args...), w.memory/1e6)
}

// offCPU warns where the goroutines ran for much longer than the CPU samples
// taken of them account for: the kernel had taken the processor away.
func (w *warnings) offCPU(sum *timeline.Summary) {
	if sum.Samples < 200 {
		return
	}
	sampled := sum.SamplesRunning * defaultPeriod
	// In an old trace a goroutine also seems to run while it is in a system call.
	if gap := sum.Running - sum.AfterCalls - sampled; float64(gap) > 0.4*float64(sum.Running) && gap > int64(time.Second) {
		w.addf("cpu-throttled", "goroutines ran for %s, but CPU samples account for %s: the processor was taken away (a CPU limit, or neighbours), so part of cpu is waiting for a core",
			dur(sum.Running), dur(sampled))
	}
}

// answer warns of what the whole answer is worth.
func (w *warnings) answer(b *breakdown.Breakdown, s *settled) {
	if s.requests == 0 {
		w.addf("no-requests", "no complete request of a known server lies in the window; the wall time is shown by goroutine root")
	}
	if s.cut {
		w.more("sums-merged", "there were too many endpoints or call sites to keep apart: the last to come are counted as %q, or as other sites", others)
	}
	whole, unnamed := map[bool]int64{}, int64(0)
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		whole[e.Lasts()] += e.Wall.Total + e.IncompleteTime
		if e.Name == breakdown.Unnamed {
			unnamed += e.Requests
		}
	}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if own := e.Wall.Total + e.IncompleteTime; float64(own) >= negligible*float64(whole[e.Lasts()]) {
			w.endpoint(e, own)
			w.unruled(e, s)
		}
		sums := s.of(e)
		if unnamed > 0 && sums != nil && sums.onlySampled > 0 {
			w.addf("unnamed-biased", "%s: some of its requests never block and are known by a CPU sample only; others like them are among the %d without a name, so its mean is too high", title(e), unnamed)
		}
	}
}

// negligible is the share of all request time below which an endpoint's own
// doubts are not worth a warning.
const negligible = 0.01

// endpoint warns of what one endpoint's figures are worth.
func (w *warnings) endpoint(e *breakdown.Endpoint, whole int64) {
	if u := e.Buckets[breakdown.Unknown]; u.Share > 0.005 {
		w.addf("unknown-time", "%s: %.1f%% of the time is not explained by any rule", title(e), 100*u.Share)
	}
	if float64(e.IncompleteTime) > 0.2*float64(whole) && !e.Lasts() {
		w.addf("incomplete-requests", "%s: %s that the window's edges cut hold %.0f%% of the request time; a longer window (-d) may see more whole ones",
			title(e), plural(e.Incomplete, "request"), 100*float64(e.IncompleteTime)/float64(whole))
	}
	if e.Requests > 0 && e.Requests < 20 {
		w.addf("few-requests", "%s: %s are few; percentiles of so few say little", title(e), plural(e.Requests, "complete request"))
	}
}

// title is how a reader knows an endpoint.
func title(e *breakdown.Endpoint) string {
	if e.Route != "" {
		return e.Route
	}
	return e.Name
}

// was is plural with its verb.
func was(n int64, what string) string {
	if n == 1 {
		return plural(n, what) + " was"
	}
	return plural(n, what) + " were"
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
