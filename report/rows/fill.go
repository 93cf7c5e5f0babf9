package rows

import "timesink/analyze/breakdown"

// bucketsOf and phasesOf fill in the columns. A test holds that each bucket and each phase
// of it has its column.

func bucketsOf(t *[breakdown.NumBuckets]int64) Buckets {
	return Buckets{
		DB: t[breakdown.DB], Cache: t[breakdown.Cache], Queue: t[breakdown.Queue], Upstream: t[breakdown.Upstream],
		CPU: t[breakdown.CPU], GC: t[breakdown.GC], Scheduler: t[breakdown.Scheduler], Lock: t[breakdown.Lock],
		Wait: t[breakdown.Wait], Sleep: t[breakdown.Sleep], File: t[breakdown.File], ClientIO: t[breakdown.ClientIO],
		Unknown: t[breakdown.Unknown],
	}
}

func phasesOf(t *[breakdown.NumBuckets][breakdown.NumPhases]int64) Phases {
	db, cache, queue := &t[breakdown.DB], &t[breakdown.Cache], &t[breakdown.Queue]
	upstream, unknown := &t[breakdown.Upstream], &t[breakdown.Unknown]
	return Phases{
		DBPoolWait: db[breakdown.PoolWait], DBConnect: db[breakdown.Connect], DBQuery: db[breakdown.Query],
		DBRowLock: db[breakdown.RowLock], DBRows: db[breakdown.Rows],
		CachePoolWait: cache[breakdown.PoolWait], CacheConnect: cache[breakdown.Connect], CacheCommand: cache[breakdown.Command],
		QueueProduce: queue[breakdown.Produce], QueueBatchDelay: queue[breakdown.BatchDelay],
		QueueFetch: queue[breakdown.Fetch], QueueCommit: queue[breakdown.Commit],
		UpstreamPoolWait: upstream[breakdown.PoolWait], UpstreamDNS: upstream[breakdown.DNS],
		UpstreamConnect: upstream[breakdown.Connect], UpstreamTLS: upstream[breakdown.TLS],
		UpstreamRequestWrite: upstream[breakdown.RequestWrite], UpstreamResponseWait: upstream[breakdown.ResponseWait],
		UpstreamBodyRead: upstream[breakdown.BodyRead],
		UnknownCCall:     unknown[breakdown.CCall], UnknownChildProcess: unknown[breakdown.ChildProcess],
	}
}
