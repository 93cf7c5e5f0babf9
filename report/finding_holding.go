package report

import (
	"cmp"
	"fmt"

	"timesink/analyze/breakdown"
)

// holdingWordings words the findings about connections, transactions and locks that are
// held.
var holdingWordings = map[string]findingWording{
	"reader-behind-writer": {
		title:    says("a reader holds a lock for long, and a waiting writer keeps new readers out"),
		evidence: func(f breakdown.Facts) []string { return append(waitedAt(f), keptWaiting("held by", f)...) },
	},
	"row-lock": {
		title: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactSystem) && !f.Has(breakdown.FactHeld) {
				return "statements wait for their turn to write, since " + systemName(f.Name(breakdown.FactSystem)) + " allows one writer at a time"
			}
			if f.Has(breakdown.FactSystem) {
				return "transactions wait for another one of this service, since " + systemName(f.Name(breakdown.FactSystem)) + " allows one writer at a time"
			}
			if f.Name(breakdown.FactHeld) == breakdown.Connection.String() {
				return "statements wait for a lock in the database that another request of this service holds"
			}
			return "statements wait for rows that another transaction of this service has locked"
		},
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " at " + spot(f.Frame(breakdown.FactSite))}, locksRows(f)...)
		},
		try: func(f breakdown.Facts) string {
			if f.Has(breakdown.FactSystem) && !f.Has(breakdown.FactHeld) {
				return "write less often: what several statements write in one transaction, and let one goroutine do what several requests need; or let each write take less (a write-ahead log)"
			}
			if f.Has(breakdown.FactSystem) {
				return "end the transaction sooner: do other work before or after it, write last, and let one goroutine do what several requests need"
			}
			if f.Name(breakdown.FactHeld) == breakdown.Connection.String() {
				return "give the lock up sooner: do other work before taking it or after, and have a lock for each thing that it protects"
			}
			return "" // the catalogue's
		},
	},
	"lone-transaction": {
		title: says("a transaction is begun and ended for a single statement"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{fmt.Sprintf("%s to begin and end %.1f transactions per request", ofRequest(f), f.Number(breakdown.FactCalls))}, siteAt("begun at", f.Frame(breakdown.FactSite))...)
		},
	},
	"nested-acquisition": {
		title: says("requests wait for a second database connection while they hold one"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " in the pool, the second one for " + spot(f.Frame(breakdown.FactSite))},
				siteAt("the first one is held at", f.Frame(breakdown.FactHeld))...)
		},
	},
	"transaction-across-call": {
		title: func(f breakdown.Facts) string {
			return heldThing(f) + " is held across " + workIn(f.Name(breakdown.FactAcross))
		},
		evidence: func(f breakdown.Facts) (list []string) {
			if f.Time(breakdown.FactSpent) > 0 {
				list = append(list, ofRequest(f)+" in the pool, waiting for a connection that is held so")
			}
			list = append(list, fmt.Sprintf("%s per request in %s at %s", threeDigits(f.Time(breakdown.FactAcross)), workIn(f.Name(breakdown.FactAcross)), spot(f.Frame(breakdown.FactAcross))))
			held := "held since " + spot(f.Frame(breakdown.FactHeld))
			if each := f.Time(breakdown.FactHeld); each > 0 {
				held += ", for " + threeDigits(each) + " each"
			}
			return append(list, held)
		},
	},
	"pool-held": {
		title: func(f breakdown.Facts) string {
			return "requests wait for " + pooledIn(f) + " connections that are held across " + workIn(f.Name(breakdown.FactHolderDoing))
		},
		evidence: inPool,
	},
	"pool-too-small": {
		title: func(f breakdown.Facts) string {
			return "requests wait for a free " + pooledIn(f) + " connection, and all are busy with " + askedBy(f) + "s"
		},
		evidence: func(f breakdown.Facts) []string {
			return append(inPool(f), "the saving is a bound: it holds if "+otherSideOf(f)+" answers as fast with more "+askedBy(f)+"s at once")
		},
		try: roomAdvice,
	},
	"pool-starved": {
		title:    func(f breakdown.Facts) string { return "requests wait for a free " + pooledIn(f) + " connection" },
		evidence: inPool,
		concludes: func(f breakdown.Facts) string {
			return "requests wait for a free " + pooledIn(f) + " connection from the service's own pool" + where(f, "")
		},
		try: holdersAdvice,
	},
}

// inPool says how long requests wait in the pool, and for whom.
func inPool(f breakdown.Facts) []string {
	return append([]string{ofRequest(f) + " in the pool, before the " + askedBy(f) + " is sent"}, keptWaiting("held by", f)...)
}

// pooledIn says whose connections a pool holds: "database".
func pooledIn(f breakdown.Facts) string {
	return cmp.Or(callNouns[f.Name(breakdown.FactBucket)], callNouns[breakdown.DB.String()])
}

// poolLimits are the names of the limits of clients' pools, by the bucket of their calls.
var poolLimits = map[string]string{
	breakdown.DB.String():       "SetMaxOpenConns, MaxConns",
	breakdown.Cache.String():    "go-redis PoolSize, redigo MaxActive",
	breakdown.Upstream.String(): "MaxConnsPerHost of http.Transport or fasthttp",
}

// limitsOf names the limits of the pool that a cause is about.
func limitsOf(f breakdown.Facts) string {
	return cmp.Or(poolLimits[f.Name(breakdown.FactBucket)], poolLimits[breakdown.DB.String()])
}

// roomAdvice says when to make a pool larger.
func roomAdvice(f breakdown.Facts) string {
	return fmt.Sprintf("see whether %s has room for more %ss at once (its CPU, its own waits); if so, raise the pool's limit (%s), else make the %ss faster",
		otherSideOf(f), askedBy(f), limitsOf(f), askedBy(f))
}

// holdersAdvice says what to look at where it is not known what a pool's connections do.
func holdersAdvice(f breakdown.Facts) string {
	return fmt.Sprintf("see what the holders of the connections do; hold each for a shorter time, or raise the pool's limit (%s)", limitsOf(f))
}

// heldThing names what is held, with an article.
func heldThing(f breakdown.Facts) string {
	switch name := f.Name(breakdown.FactHeld); name {
	case breakdown.Connection.String():
		return "a database connection"
	case breakdown.OpenRows.String():
		return "a set of open rows"
	}
	return "a database transaction"
}

// locksRows says for how long transactions hold the rows, and what they do meanwhile.
func locksRows(f breakdown.Facts) []string {
	h, ok := f.Of(breakdown.FactHeld)
	if !ok || h.Value == 0 {
		return nil
	}
	who, what := "transaction", "them"
	switch {
	case f.Has(breakdown.FactSystem):
		what = "the database"
	case h.Name == breakdown.Connection.String():
		who, what = "request", "it"
	}
	text := fmt.Sprintf("each %s holds %s for %s, until %s", who, what, threeDigits(int64(h.Value)), spot(h.Frame()))
	if a, ok := f.Of(breakdown.FactAcross); ok {
		text += fmt.Sprintf("; %s of it is in %s at %s", threeDigits(int64(a.Value)), workIn(a.Name), spot(a.Frame()))
	}
	return []string{text}
}

// workIn names what is done in a bucket: "an upstream call", "locks".
func workIn(name string) string {
	var b breakdown.Bucket
	if b.UnmarshalText([]byte(name)) != nil {
		return name
	}
	if call := aCall(b); call != "" {
		return call
	}
	return b.Info().Spoken
}
