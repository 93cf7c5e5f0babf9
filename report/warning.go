package report

import (
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
)

// doubts holds the wording of warnings, by code.
var doubts = map[string]func(d *breakdown.Doubt) string{
	"case-unknown": func(d *breakdown.Doubt) string {
		return "the evidence could not be identified: " + d.Cause
	},
	"samples-damaged": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("the samples are damaged (%s); %s before that are used", d.Cause, counted(d.Count, "snapshot", "snapshots"))
	},
	"probes-unreadable": func(d *breakdown.Doubt) string { return "the probes could not be read: " + d.Cause },
	"trace-truncated": func(d *breakdown.Doubt) string {
		covered := fmt.Sprintf("the %s before it are covered", threeDigits(d.Covered))
		if d.Asked > 0 {
			covered = coveredOf(d)
		}
		return fmt.Sprintf("the trace's last %d bytes could not be used (%s); %s", d.Bytes, d.Cause, covered)
	},
	"generations-missing": func(d *breakdown.Doubt) string {
		verb, gap := "is", "the"
		if d.Count > 1 {
			verb, gap = "are", "a"
		}
		return fmt.Sprintf("%s %s missing from the trace: %s, and requests that cross %s gap count as cut", generations(d), verb, coveredOf(d), gap)
	},
	"generations-out-of-order": func(d *breakdown.Doubt) string {
		come, was := "comes", "was"
		if d.Count > 1 {
			come, was = "come", "were"
		}
		return fmt.Sprintf("%s %s after a later one in the trace and %s left out: %s", generations(d), come, was, coveredOf(d))
	},
	"generations-repeated": func(d *breakdown.Doubt) string {
		is, was := "is", "was"
		if d.Count > 1 {
			is, was = "are", "were"
		}
		return fmt.Sprintf("%s %s in the trace more than once and %s counted once", generations(d), is, was)
	},
	"generations-skipped": func(d *breakdown.Doubt) string {
		return moreMemory(d, "%s of the trace, %.1f MB, were too large to read: what happened in them is missing, and requests are cut there",
			counted(d.Count, "second", "seconds"), float64(d.Bytes)/1e6)
	},
	"history-forgotten": func(d *breakdown.Doubt) string {
		return moreMemory(d, "a request waited so long that the history of the other goroutines did not fit; %d times the older half was dropped, and waits that reach back to it count as unknown", d.Count)
	},
	"paths-condensed": func(d *breakdown.Doubt) string {
		return moreMemory(d, "%s had too many steps to keep in order: their sums are exact, but what ran beside the early steps is not known", counted(d.Count, "request", "requests"))
	},
	"calls-uncounted": func(d *breakdown.Doubt) string {
		return moreMemory(d, "%s made more calls than can be kept: the rest are not counted", counted(d.Count, "request", "requests"))
	},
	"goroutines-unfollowed": func(d *breakdown.Doubt) string {
		return moreMemory(d, "there were too many goroutines to follow: %d times one was dropped until its next event, and %s cut by that", d.Count, counted(d.Requests, "request was", "requests were"))
	},
	"stacks-cut": func(d *breakdown.Doubt) string {
		return moreMemory(d, "there were too many distinct stacks: some keep only the innermost frames and the call site, and calls may be miscounted")
	},
	"evidence-cut": func(d *breakdown.Doubt) string {
		return moreMemory(d, "there was too much evidence to keep: some attributions keep only their call site")
	},
	"sums-merged": func(d *breakdown.Doubt) string {
		return moreMemory(d, "there were too many endpoints or call sites to keep apart: the latest are counted as %q, or as other call sites", d.Endpoint)
	},
	"old-go": func(d *breakdown.Doubt) string {
		return "the service runs Go 1.21 or older: its traces rarely record when a system call ended, and recording them is expensive" + oldFiles(d)
	},
	"cores-saturated": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("all %d processors were busy for %.0f%% of the window: the service sees arrived data late, so waits look longer than they were", d.Processors, 100*d.Share)
	},
	"cpu-throttled": func(d *breakdown.Doubt) string {
		text := fmt.Sprintf("goroutines ran for %s, but CPU samples account for %s: the kernel took the processor away (%s), so part of cpu is waiting for a core",
			threeDigits(d.Running), threeDigits(d.Sampled), deprivedBy(d.Deprived))
		if d.Deprived == breakdown.ByLimit {
			text += "; while the process is stopped, it also sees answers late, so waits look longer than they were"
		}
		return text
	},
	"probes-unmatched": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("only %d of %d probes were found among the requests: another instance behind a load balancer may have answered, or a proxy shares its connections", d.Count, d.Of)
	},
	"no-requests": func(*breakdown.Doubt) string {
		return "no complete request of a known server lies in the window; the wall time is shown by goroutine root"
	},
	"requests-inferred": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("%s of %s never blocked and left no stack: their endpoints are inferred from the CPU samples of requests that ran as long, and the intervals say how certain that is",
			count(d.Count), counted(d.Of, "request", "requests"))
	},
	"unknown-time": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("%s: %.1f%% of the time is not explained by any rule", d.Endpoint, 100*d.Share)
	},
	"unknown-library": func(d *breakdown.Doubt) string {
		if d.Unruled == nil {
			return d.Endpoint + ": requests wait at a place that no rule knows"
		}
		return fmt.Sprintf("%s: %s per request (%.0f%%) %s", d.Endpoint, threeDigits(d.Unruled.Time), 100*d.Share, unruled(d.Unruled))
	},
	"incomplete-requests": func(d *breakdown.Doubt) string {
		cut, advice := "by the window's edges", "; a longer window (-d) may complete more of them"
		if d.Short {
			cut, advice = "where the trace is", ""
		}
		return fmt.Sprintf("%s: %s cut %s hold %.0f%% of the request time%s",
			d.Endpoint, counted(d.Count, "request", "requests"), cut, 100*d.Share, advice)
	},
	"instances-missing": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("%d of %s gave no capture and are not in the answer: %s", d.Count, counted(d.Of, "instance", "instances"), d.Cause)
	},
	"instances-apart": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("the captures were taken up to %s apart, which is longer than their windows: instances may differ because the moments do", duration(d.Asked))
	},
	"warnings-many": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("the capture holds %s, which no collection writes: they are left out", counted(d.Count, "more warning", "more warnings"))
	},
	"few-requests": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("%s: %s, too few for meaningful percentiles", d.Endpoint, counted(d.Count, "complete request", "complete requests"))
	},
}

// comparisonDoubts overrides doubts in a comparison.
var comparisonDoubts = map[string]func(d *breakdown.Doubt) string{
	"no-requests": func(*breakdown.Doubt) string {
		return "one side has no complete request, so there is nothing to compare"
	},
	"few-requests": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("%s: %.0f requests before, %.0f after: only a large change would be significant", d.Endpoint, d.Before, d.After)
	},
	"one-capture": func(*breakdown.Doubt) string {
		return "one capture of a side cannot tell a build from a moment: captures of one build differ too; give two or more of each, taken in turn (timesink ab takes them), or --noise FOLDER with earlier captures of the service"
	},
	"one-after-another": func(*breakdown.Doubt) string {
		return "the captures of one side were not taken in turn with those of the other, or it is not known when, so drift cannot be told from the build; take them in turn (timesink ab does), or give --noise FOLDER with earlier captures of the service"
	},
	"other-load": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("the load differs: %.4g requests a second before, %.4g after; a busier service answers more slowly, so nothing can be told about the build", d.Before, d.After)
	},
	"other-neighbors": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("CPU samples account for another share of the running time: %.0f%% of it passed without a core before, %.0f%% after; other programs of the machine, or a CPU limit, took it", 100*d.Before, 100*d.After)
	},
	"other-gomaxprocs": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("GOMAXPROCS differs: %.0f before, %.0f after", d.Before, d.After)
	},
	"other-go": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("the Go version differs: %s before, %s after", d.GoBefore, d.GoAfter)
	},
	"other-probes": func(d *breakdown.Doubt) string {
		return fmt.Sprintf("the probe rate differs: %s before, %s after", probeRate(d.Before), probeRate(d.After))
	},
}

// message returns a warning in words.
func message(w *breakdown.Warning, first map[string]func(*breakdown.Doubt) string) string {
	words := first[w.Code]
	if words == nil {
		words = doubts[w.Code]
	}
	switch {
	case w.Facts == nil || words == nil:
		return w.Message
	case w.Facts.Side != "":
		return w.Facts.Side + ": " + words(w.Facts)
	case len(w.Facts.Instances) > 0:
		return someNames(w.Facts.Instances) + ": " + words(w.Facts)
	}
	return words(w.Facts)
}

// someNames lists the first of some names, and how many more there are.
func someNames(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return list(names)
	}
	return fmt.Sprintf("%s and %d more instances", strings.Join(names[:most], ", "), len(names)-most)
}

func moreMemory(d *breakdown.Doubt, format string, args ...any) string {
	return fmt.Sprintf("%s (--memory above %d MB keeps more)", fmt.Sprintf(format, args...), d.Memory/1e6)
}

func coveredOf(d *breakdown.Doubt) string {
	return fmt.Sprintf("%s of %s are covered", threeDigits(d.Covered), threeDigits(d.Asked))
}

func probeRate(a float64) string {
	if a == 0 {
		return "no probes"
	}
	return fmt.Sprintf("%g a second", a)
}

// generations names generations by their numbers.
func generations(d *breakdown.Doubt) string {
	const most = 3
	var names []string
	rest := d.Count
	for _, r := range d.Generations[:min(len(d.Generations), most)] {
		text := fmt.Sprint(r.First)
		if r.Last > r.First {
			text = fmt.Sprintf("%d to %d", r.First, r.Last)
		}
		names = append(names, text)
		rest -= int64(min(r.Last-r.First+1, uint64(rest)))
	}
	if rest > 0 {
		names = append(names, fmt.Sprintf("%d more", rest))
	}
	if d.Count == 1 {
		return "generation " + list(names)
	}
	return "generations " + list(names)
}

// oldFiles says how much time of an old trace may be time in files.
func oldFiles(d *breakdown.Doubt) string {
	files := ""
	if d.InCalls > 0 {
		files = fmt.Sprintf("; of the requests' time in files, %s is an estimate: the time from one call to the next in one function", threeDigits(d.InCalls))
	}
	switch {
	case d.AfterCalls > 0 && files == "":
		files = fmt.Sprintf("; of the requests' cpu, up to %s followed a call to a file and may be time in files", threeDigits(d.AfterCalls))
	case d.AfterCalls > 0:
		files += fmt.Sprintf("; of their cpu, up to %s followed a call and may be time in files too", threeDigits(d.AfterCalls))
	}
	return files
}

// unruled says where requests wait that no rule explains, and which rule would explain
// it.
func unruled(u *breakdown.Unruled) string {
	if u.Library != "" {
		return fmt.Sprintf("is spent waiting in %s, which no rule knows; if it is a database's client, add --rule db=%s %s", u.Library, u.Rule, otherRules())
	}
	what := "is spent waiting"
	if u.InC {
		what = "is spent in C code"
	}
	var names []string
	for i, f := range u.Stack {
		if u.Cut && i == len(u.Stack)-1 {
			names = append(names, "…")
		}
		names = append(names, spot(f))
	}
	text := fmt.Sprintf("%s at %s, which no rule knows", what, strings.Join(names, " < "))
	if u.Rule != "" {
		text += fmt.Sprintf("; if %s calls another system, add --rule 'db=%s' %s", spot(breakdown.Frame{Function: u.Rule}), u.Rule, otherRules())
	}
	return text
}

// otherRules lists the prefixes of rules that could be meant instead of db=.
func otherRules() string {
	var list []string
	for _, b := range breakdown.BucketsOf(breakdown.External, breakdown.Blocked) {
		switch {
		case b == breakdown.DB:
		case b.NeedsPhase():
			list = append(list, b.String()+"/PHASE=")
		default:
			list = append(list, b.String()+"=")
		}
	}
	return "(or " + strings.Join(list, ", ") + ")"
}
