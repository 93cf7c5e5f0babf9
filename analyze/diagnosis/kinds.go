package diagnosis

import (
	"slices"

	"timesink/analyze/breakdown"
)

// A kind is a kind of cause.
type kind struct {
	id      string // of the catalogue
	finding bool   // worth showing for its own sake
	look    look
}

// kinds are all kinds of causes of request time, the specific ones first: an instant that
// one explains is not explained by another one after it.
var kinds = slices.Concat([]kind{
	{"cold-start", true, coldStart},
	{"child-process", true, childProcess},
	{"c-call", true, cCall},
	{"busy-wait", true, busyWait},
	{"no-core", true, noCore},
	{"stops-the-world", true, stopsTheWorld},
	{"gc-pressure", true, gcPressure},
	{"processors-held", true, processorsHeld},
	{"concurrency-limit", true, concurrencyLimit},
	{"reader-behind-writer", true, readerBehindWriter},
	{"lock-held-across-call", true, lockHeldAcrossCall},
	{"many-system-calls", true, manySystemCalls},
	{"sync-file-write", true, syncFileWrite},
	{"lock-contended", true, lockContended},
	{"batch-queue", true, batchQueue},
	{"worker-queue", true, workerQueue},
	{"row-lock", true, rowLock},
	{"nested-acquisition", true, nestedAcquisition},
	{"transaction-across-call", true, transactionAcrossCall},
}, crowds(behindLongCalls, "behind-long-calls"), crowds(saturatedBehindPool, "saturated-side"), pools(), []kind{
	{"expect-continue", true, expectContinue},
	{"dual-stack-fallback", true, dualStackFallback},
	{"dns-search-list", true, dnsSearchList},
	{"body-not-drained", true, bodyNotDrained},
	{"tls-per-call", true, tlsPerCall},
	{"dns-per-call", true, dnsPerCall},
	{"dial-per-call", true, dialPerCall},
	{"prepare-round-trips", true, prepareRoundTrips},
	{"lone-transaction", true, loneTransaction},
	{"ping-per-call", true, pingPerCall},
	{"awaited-message", true, awaitsMessage},
	{"timeout-reached", true, timeoutReached},
	{"many-queries", true, manyCalls(breakdown.DB)},
	{"many-queries", true, manyCalls(breakdown.Cache)},
	{"many-queries", true, manyCalls(breakdown.Upstream)},
}, crowds(saturatedSide, "saturated-side"), crowds(triedAtOnce, "retries"), []kind{
	{"slow-cache", true, slowCache},
	{"cache-then-database", true, cacheThenDatabase},
	{"sequential-calls", true, sequentialCalls},
	{"slow-client", true, slowClient},
	{"retries", true, retries},
	{"rate-limiter", true, rateLimiter},
	{"batch-delay", true, batchDelay},
	{"synchronous-produce", true, synchronousProduce},
	{"sequential-calls", true, sequentialQueries(breakdown.DB)},
	{"sequential-calls", true, sequentialQueries(breakdown.Cache)},
	{"sequential-calls", true, sequentialSystems},
	{"compiles-per-request", true, doing(breakdown.CompilingPatterns, breakdown.ParsingTemplates, breakdown.Preparing)},
	{"serialization", true, doing(breakdown.Serializing)},
	{"compression", true, doing(breakdown.Compressing)},
	{"crypto", true, doing(breakdown.Crypto)},
	{"logging-cpu", true, doing(breakdown.Logging)},
	{"allocation", true, doing(breakdown.Allocating)},
	{"cpu-own-code", true, ownCode},
	{"no-processor", true, noProcessor},
	{"sleeping", true, sleeping},
	{"tail", false, tailOfAnother},
}, otherSides())

// crowds returns a kind for each other system.
func crowds(of func(breakdown.Bucket) look, id string) (list []kind) {
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		list = append(list, kind{id, true, of(b)})
	}
	return list
}

// pools returns the kinds for each other system's pool of connections.
func pools() (list []kind) {
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		list = append(list, kind{"pool-held", true, poolHeld(b)}, kind{"pool-too-small", true, poolTooSmall(b)}, kind{"pool-starved", true, poolStarved(b)})
	}
	return list
}

// otherSides returns a kind for each other system's bucket.
func otherSides() (list []kind) {
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		list = append(list, kind{"other-side", false, otherSide(b)})
	}
	return list
}

// theirs reports whether what the cause explains in a bucket of another system is that
// system's time, though the way of asking for it may be the service's.
func (k *kind) theirs() bool {
	switch k.id {
	case "other-side", "many-queries", "sequential-calls", "slow-cache", "cache-then-database", "timeout-reached", "synchronous-produce", "saturated-side", "behind-long-calls":
		return true
	}
	return false
}
