package report

import "timesink/analyze/breakdown"

// meanings explain the buckets to somebody who has not read the manual.
var meanings = [breakdown.NumBuckets]string{
	breakdown.DB:        "waiting for a database: for a free connection, for connecting, for the query, for its rows",
	breakdown.Cache:     "waiting for a cache such as Redis or memcached",
	breakdown.Queue:     "waiting for a message queue: producing, fetching, committing",
	breakdown.Upstream:  "waiting for other services that were called by HTTP or gRPC",
	breakdown.CPU:       "the goroutine was running",
	breakdown.GC:        "held up by the garbage collector: helping it to mark, or stopped by it",
	breakdown.Scheduler: "ready to run, but no processor was free",
	breakdown.Lock:      "waiting for a mutex that somebody else held",
	breakdown.Wait:      "handed to another goroutine that was busy with work that is not this request's: queueing",
	breakdown.Sleep:     "time.Sleep, back-off, timers, rate limiters",
	breakdown.File:      "reading, writing or syncing files",
	breakdown.ClientIO:  "reading the request from the client or writing the response to it",
	breakdown.Unknown:   "what no rule explains; it is always shown and never guessed away",
}

// phaseMeanings explain the phases.
var phaseMeanings = [breakdown.NumPhases]string{
	breakdown.NoPhase:      "in none of the phases that are told apart",
	breakdown.PoolWait:     "until a connection of the pool was free",
	breakdown.DNS:          "looking the host's address up",
	breakdown.Connect:      "until the connection stood",
	breakdown.TLS:          "the TLS handshake",
	breakdown.Query:        "until the database answered",
	breakdown.Rows:         "reading the rows",
	breakdown.Command:      "until the cache answered",
	breakdown.Produce:      "until the message was accepted",
	breakdown.BatchDelay:   "until the batch was full, or old enough to be sent",
	breakdown.Fetch:        "until messages came",
	breakdown.Commit:       "until the offset was committed",
	breakdown.RequestWrite: "sending the request",
	breakdown.ResponseWait: "until the response began: the other service's time, and the network's",
	breakdown.BodyRead:     "reading the response's body",
}
