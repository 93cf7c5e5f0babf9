package report

import (
	"cmp"
	"fmt"

	"timesink/analyze/breakdown"
)

// patternWordings words the findings about patterns of calls and of timers.
var patternWordings = map[string]findingWording{
	"timeout-reached": {
		title: func(f breakdown.Facts) string {
			return fmt.Sprintf("%s of %s %s end by their deadline", count(int64(f.Number(breakdown.FactTimedOut))), counted(int64(f.Number(breakdown.FactMade)), "call to", "calls to"), theSystem(f.Name(breakdown.FactBucket)))
		},
		evidence: func(f breakdown.Facts) []string {
			after := "each after " + threeDigits(f.Time(breakdown.FactDeadline))
			if least := f.Time(breakdown.FactDeadlineLeast); 4*f.Time(breakdown.FactDeadline) > 5*least {
				after = fmt.Sprintf("after %s to %s", threeDigits(least), threeDigits(f.Time(breakdown.FactDeadlineMost)))
			}
			return append([]string{ofRequest(f) + ", " + after}, calledAt(f)...)
		},
	},
	"ping-per-call": {
		title: func(f breakdown.Facts) string {
			return "requests ping " + theSystem(f.Name(breakdown.FactBucket)) + " before they ask it"
		},
		evidence: func(f breakdown.Facts) []string {
			return append([]string{fmt.Sprintf("%s, in %.1f pings per request", ofRequest(f), f.Number(breakdown.FactCalls))}, calledAt(f)...)
		},
	},
	"awaited-message": {
		title: func(f breakdown.Facts) string {
			return "requests wait for a message from " + theSystem(f.Name(breakdown.FactBucket)) + " that has not been sent yet"
		},
		evidence: func(f breakdown.Facts) []string { return append([]string{ofRequest(f)}, waitedAt(f)...) },
	},
	"many-queries": {
		title: func(f breakdown.Facts) string {
			return "one place asks " + theSystem(f.Name(breakdown.FactBucket)) + " again and again"
		},
		evidence: func(f breakdown.Facts) []string {
			return []string{fmt.Sprintf("%.1f %s per request at %s", f.Number(breakdown.FactCalls), queriesOf(f), spot(f.Frame(breakdown.FactSite)))}
		},
		try: func(f breakdown.Facts) string {
			switch f.Name(breakdown.FactBucket) {
			case breakdown.Cache.String():
				return "ask once for all the keys (MGET, a pipeline)"
			case breakdown.Upstream.String():
				return "ask once for all of it, if the other service can; otherwise make the calls at once, with a limit"
			}
			return "ask once for all the rows (a join, IN, ANY)"
		},
	},
	"sequential-calls": {
		title: func(f breakdown.Facts) string {
			if systems := f.All(breakdown.FactBucket); len(systems) > 1 {
				return theSystem(systems[0].Name) + " and " + theSystem(systems[1].Name) + " are asked one after the other"
			}
			if n := f.Number(breakdown.FactInFlight); n >= 1.5 {
				return fmt.Sprintf("only %.0f %s calls of a request are made at once", n, adjective(f.Name(breakdown.FactBucket)))
			}
			return adjective(f.Name(breakdown.FactBucket)) + " calls are made one after another"
		},
		evidence: func(f breakdown.Facts) (list []string) {
			if systems := f.All(breakdown.FactBucket); len(systems) > 1 {
				for _, s := range systems {
					list = append(list, fmt.Sprintf("%s per request in %s at %s", threeDigits(int64(s.Value)), theSystem(s.Name), spot(s.Frame())))
				}
				return list
			}
			return append([]string{fmt.Sprintf("%.1f calls per request, %.1f in flight while any is", f.Number(breakdown.FactCalls), f.Number(breakdown.FactInFlight))}, calledAt(f)...)
		},
		try: func(f breakdown.Facts) string {
			if f.Number(breakdown.FactInFlight) < 1.5 {
				return "" // the catalogue's
			}
			return "raise the limit of calls at once (errgroup's SetLimit, a semaphore, workers), if the other side has room for more; or ask once for all of it"
		},
	},
	"cache-then-database": {
		title: func(f breakdown.Facts) string {
			return fmt.Sprintf("the cache is read, and then the database is asked anyway, in %.0f%% of the requests", f.Number(breakdown.FactMissed))
		},
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " in both"}, cacheAndDatabase(f)...)
		},
	},
	"slow-cache": {
		title:    says("reading the cache takes as long as asking the database"),
		evidence: cacheAndDatabase,
	},
	"retries": {
		title: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactOnce) {
				return adjective(f.Name(breakdown.FactBucket)) + " calls may be made again at once"
			}
			if library := f.Name(breakdown.FactLibrary); library != "" {
				return library + " waits before it tries again"
			}
			return "requests wait between calls that are made again"
		},
		evidence: func(f breakdown.Facts) []string {
			if f.Has(breakdown.FactOnce) {
				return append([]string{ofRequest(f) + " in calls before the last", fmt.Sprintf("%.1f calls per request, one after another, and one call in %.0f%% of the requests", f.Number(breakdown.FactCalls), f.Number(breakdown.FactOnce))}, calledAt(f)...)
			}
			list := append([]string{ofRequest(f)}, waitedAt(f)...)
			return append(list, siteAt("called again at", f.Frame(breakdown.FactAgain))...)
		},
		try: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactOnce) {
				return "log each call with its error: if calls fail, find out why, and wait before the next try; if each asks for another item or page, ask for more at a time"
			}
			return "" // the catalogue's
		},
	},
	"concurrency-limit": {
		title: func(f breakdown.Facts) string {
			return cmp.Or(f.Name(breakdown.FactLibrary), "a channel") + " limits how many requests go on at once"
		},
		evidence: func(f breakdown.Facts) []string {
			return append(append([]string{ofRequest(f)}, waitedAt(f)...), keptWaiting("held by", f)...)
		},
	},
	"rate-limiter": {
		title: func(f breakdown.Facts) string {
			return "requests wait for a rate limiter, " + f.Name(breakdown.FactLibrary)
		},
		evidence: func(f breakdown.Facts) []string { return append([]string{ofRequest(f)}, waitedAt(f)...) },
	},
	"sleeping": {
		title: func(f breakdown.Facts) string {
			if library := f.Name(breakdown.FactLibrary); library != "" {
				return "requests wait for a timer of " + library
			}
			if f.Frame(breakdown.FactWaitsIn).Function == "time.Sleep" {
				return "the service's own code sleeps while it serves requests"
			}
			return "the service's own code waits for a timer while it serves requests"
		},
		evidence: func(f breakdown.Facts) []string { return append([]string{ofRequest(f)}, waitedAt(f)...) },
	},
	"batch-delay": {
		title: func(f breakdown.Facts) string {
			if library := f.Name(breakdown.FactLibrary); library != "" {
				return library + " waits for more of the same, to do all of it at once"
			}
			return "messages wait for the producer's batch timer"
		},
		evidence: func(f breakdown.Facts) []string {
			if f.Has(breakdown.FactLibrary) {
				return append([]string{ofRequest(f)}, waitedAt(f)...)
			}
			return append([]string{ofRequest(f) + " before the batch is sent"}, calledAt(f)...)
		},
		try: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactLibrary) {
				return "let it wait for less, or start the batch as soon as all that belongs to it is there"
			}
			return "" // the catalogue's
		},
	},
	"synchronous-produce": {
		title: says("each request waits until the broker has taken its message"),
		evidence: func(f breakdown.Facts) []string {
			list := []string{ofRequest(f)}
			if calls := f.Number(breakdown.FactCalls); calls > 0 {
				list[0] += fmt.Sprintf(", %.1f messages per request", calls)
			}
			return append(list, calledAt(f)...)
		},
	},
}

// cacheAndDatabase says how long a cache and the database behind it take.
func cacheAndDatabase(f breakdown.Facts) []string {
	cache, _ := f.Of(breakdown.FactCacheCall)
	database, _ := f.Of(breakdown.FactDatabaseCall)
	list := []string{
		fmt.Sprintf("a read of the cache takes %s at %s", threeDigits(int64(cache.Value)), spot(cache.Frame())),
		fmt.Sprintf("the database takes %s at %s", threeDigits(int64(database.Value)), spot(database.Frame())),
	}
	return append(list, fmt.Sprintf("%.0f%% of %s missed", f.Number(breakdown.FactMissed), counted(int64(f.Number(breakdown.FactReads)), "request that read it", "requests that read it")))
}

// theSystem names what a bucket's calls ask, by the bucket's name.
func theSystem(bucket string) string {
	switch bucket {
	case breakdown.DB.String():
		return "the database"
	case breakdown.Cache.String():
		return "the cache"
	case breakdown.Queue.String():
		return "the queue"
	}
	return "another service"
}

// adjective says which calls are meant, by their bucket's name.
func adjective(bucket string) string {
	switch bucket {
	case breakdown.DB.String():
		return "database"
	case breakdown.Cache.String():
		return "cache"
	case breakdown.Queue.String():
		return "queue"
	}
	return "upstream"
}

// queriesOf names the calls that a finding is about.
func queriesOf(f breakdown.Facts) string {
	if f.Name(breakdown.FactBucket) == breakdown.DB.String() {
		return "queries"
	}
	return "calls"
}
