package diagnosis

// waitingEntries explain the causes about waiting within the service.
var waitingEntries = []Entry{
	{
		ID:          "batch-queue",
		Finding:     true,
		Means:       "A worker serves several requests at once. A request waits for the batch in front of its own, and then for its own.",
		Told:        "The goroutine that releases the requests releases several after one piece of work, again and again.",
		FalseAlarms: "Workers that take long and short jobs in turn from a full queue look alike.",
		Try:         "make a batch's own work faster (for a sync, a faster disk), or take more requests into each; more workers make no batch faster",
		Check:       "the time per batch, by the worker's own metric, is about the batch's work per request here",
	},
	{
		ID:          "child-process",
		Finding:     true,
		Means:       "Requests start a process and wait for it.",
		Told:        "Requests wait in os/exec or os.(*Process).Wait.",
		FalseAlarms: "",
		Try:         "do the work within the process, or keep the child running and send it requests",
		Check:       "the rate of new processes (vmstat -f, execsnoop) is that of the requests",
	},
	{
		ID:          "lock-contended",
		Finding:     true,
		Means:       "Requests wait for a lock that another goroutine holds.",
		Told:        "Requests wait in a mutex, and the goroutine that unlocks it was at work meanwhile.",
		FalseAlarms: "",
		Try:         "do less while holding the lock, or split it",
		Check:       "the mutex profile (/debug/pprof/mutex) names the same unlock",
	},
	{
		ID:          "lock-held-across-call",
		Finding:     true,
		Means:       "A lock is held while its holder waits for another system, so all others wait for that system as well.",
		Told:        "The goroutine that unlocks was in a call to another system while requests waited.",
		FalseAlarms: "A lock that must cover the call, such as one that fills a cache once, is held on purpose.",
		Try:         "release the lock before the call, or take it after",
		Check:       "the code between Lock and Unlock at the named function makes the call",
	},
	{
		ID:          "worker-queue",
		Finding:     true,
		Means:       "Requests are handed to workers that are busy with other requests.",
		Told:        "Requests wait for a goroutine that works for others until it takes them.",
		FalseAlarms: "",
		Try:         "use more workers, or give them less to do",
		Check:       "the length of the queue is above 0 most of the time",
	},
}
