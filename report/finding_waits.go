package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// waitingWordings words the findings about waiting within the service.
var waitingWordings = map[string]findingWording{
	"lock-held-across-call": {
		title: func(f breakdown.Facts) string {
			h, ok := f.Of(breakdown.FactHolderDoing)
			if !ok {
				return "a lock is held across a call"
			}
			return "a lock is held across " + busyIn(h.Name)
		},
		evidence: func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
		concludes: func(f breakdown.Facts) string {
			h, ok := f.Of(breakdown.FactHolderDoing)
			if !ok {
				return "a lock is held across a call"
			}
			if who := f.Frame(breakdown.FactHolder); who.Function != "" && who.Function != h.Function {
				return shortSpot(who) + " holds a lock across " + busyIn(h.Name) + " at " + shortSpot(h.Frame())
			}
			return shortSpot(h.Frame()) + " holds a lock across " + busyIn(h.Name)
		},
	},
	"lock-contended": {
		title:    says("requests wait for a lock that others hold"),
		evidence: func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
	},
	"worker-queue": {
		title:     queueing,
		evidence:  func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("queued behind", f)...) },
		concludes: func(f breakdown.Facts) string { return queueing(f) + behind(f) },
		try: func(f breakdown.Facts) string {
			switch name := f.Name(breakdown.FactHolderDoing); name {
			case breakdown.File.String():
				return "write less or in larger pieces, find out why the disk or the reader of the pipe is slow, or drop what cannot be written in time; more workers write no faster"
			case breakdown.DB.String(), breakdown.Cache.String(), breakdown.Queue.String(), breakdown.Upstream.String():
				return "use more workers, if " + theSystem(name) + " has room for more at once, or make their calls faster"
			}
			return "" // the catalogue's
		},
	},
	"batch-queue": {
		title: says("requests wait for the batch in front of theirs, then for their own"),
		evidence: func(f breakdown.Facts) []string {
			return append(append(waitedAt(f), keptWaiting("queued behind the batches of", f)...), ownBatch(f)...)
		},
		concludes: func(f breakdown.Facts) string {
			own := ""
			if called := f.Frame(breakdown.FactBatchCall).Function; called != "" {
				own = ", in " + function(called)
			}
			return "requests wait for the batch in front of theirs, then for their own" + own + behind(f)
		},
	},
	"child-process": {
		title: says("requests wait for child processes"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f)}, siteAt("run at", f.Frame(breakdown.FactSite))...)
		},
	},
}

// queueing says what requests queue for, and what keeps it busy if that is not computing.
func queueing(f breakdown.Facts) string {
	title := "requests queue for workers that are busy with other requests"
	var b breakdown.Bucket
	if b.UnmarshalText([]byte(f.Name(breakdown.FactHolderDoing))) != nil || b != breakdown.File && b != breakdown.Lock && !b.External() {
		return title
	}
	return title + ", in " + workIn(b.String())
}

// behind names the worker that requests queue behind.
func behind(f breakdown.Facts) string {
	if at := f.Frame(breakdown.FactHolder); at.Function != "" {
		return ", behind " + shortSpot(at)
	}
	return ""
}

// keptWaiting names the goroutines that kept requests waiting, and what each did, and
// where, for most of that time.
func keptWaiting(how string, f breakdown.Facts) (list []string) {
	doing := f.All(breakdown.FactHolderDoing)
	for i, h := range f.All(breakdown.FactHolder) {
		if i >= len(doing) {
			break
		}
		who, where := h.Frame(), ""
		switch at := doing[i].Frame(); {
		case at.Function == who.Function:
			who = at
		case at.Function != "":
			where = " at " + spot(at)
		}
		list = append(list, fmt.Sprintf("%s %s, busy in %s%s for %s of %s per request", how, spot(who), busyIn(doing[i].Name), where, threeDigits(int64(doing[i].Value)), threeDigits(int64(h.Value))))
	}
	if through := f.Frame(breakdown.FactHolderThrough); through.Function != "" {
		list = append(list, "released by "+spot(through)+", which had waited for the same")
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
