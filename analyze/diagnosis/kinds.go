package diagnosis

// A kind is a kind of cause.
type kind struct {
	id      string // of the catalogue
	finding bool   // worth showing for its own sake
	look    look
}

// kinds are all kinds of causes of request time, the specific ones first: an instant that
// one explains is not explained by another one after it.
var kinds = []kind{
	{"child-process", true, childProcess},
	{"no-core", true, noCore},
	{"lock-held-across-call", true, lockHeldAcrossCall},
	{"lock-contended", true, lockContended},
	{"batch-queue", true, batchQueue},
	{"worker-queue", true, workerQueue},
	{"pool-starved", true, poolStarved},
	{"dial-per-call", true, dialPerCall},
	{"many-queries", true, manyQueries},
	{"sequential-calls", true, sequentialCalls},
	{"no-processor", true, noProcessor},
	{"other-side", false, otherSide},
}
