package diagnosis

// holdingEntries explain the causes about connections, transactions and locks that are
// held.
var holdingEntries = []Entry{
	{
		ID:          "nested-acquisition",
		Finding:     true,
		Means:       "Requests hold one connection of a pool and wait for a second one. With enough of them at once, all wait for each other, for good.",
		Told:        "A request waits in the pool while it has a transaction open, or gives two connections back in a row.",
		FalseAlarms: "Two pools of one kind look like one if both are short of connections.",
		Try:         "use the connection or the transaction that the request has already, or read all rows before the next query; a pool larger than the number of requests at once only hides it",
		Check:       "the code at the inner place runs while the outer rows or transaction are open",
	},
	{
		ID:          "pool-held",
		Finding:     true,
		Means:       "Requests wait for a free connection of the service's own pool, and those who have one do other work with it in hand.",
		Told:        "Requests wait in the pool, and the goroutines that gave the connections back were not in calls with them for most of that time.",
		FalseAlarms: "",
		Try:         "give the connection back before the other work, or take it after; a larger pool only hides it",
		Check:       "the pool's statistics show all connections in use (DB.Stats: InUse), and the database shows them idle (pg_stat_activity: idle in transaction)",
	},
	{
		ID:          "pool-starved",
		Finding:     true,
		Means:       "Requests wait for a free connection of the service's own pool, not for the other side.",
		Told:        "Requests wait in the pool's own code until another request gives a connection back. What the others did with it does not show.",
		FalseAlarms: "",
		Try:         "see what the holders of the connections do; hold each for a shorter time, or raise the pool's limit (SetMaxOpenConns, MaxConns; PoolSize, MaxActive; MaxConnsPerHost)",
		Check:       "the pool's own statistics (DB.Stats: WaitCount, WaitDuration; go-redis PoolStats: WaitCount) grow as fast",
	},
	{
		ID:          "pool-too-small",
		Finding:     true,
		Means:       "Requests wait for a free connection of the service's own pool, and all connections are busy with calls.",
		Told:        "Requests wait in the pool, and the goroutines that gave the connections back were in calls with them for most of that time.",
		FalseAlarms: "A saturated system looks the same, unless the number of calls in flight varies (saturated-side). More connections make it slower.",
		Try:         "see whether the other side has room for more at once (its CPU, its own waits); if so, raise the pool's limit (SetMaxOpenConns, MaxConns; PoolSize, MaxActive; MaxConnsPerHost), else make the calls faster",
		Check:       "with a larger pool, the time per call stays the same",
	},
	{
		ID:          "reader-behind-writer",
		Finding:     true,
		Means:       "A reader holds an RWMutex for long. A writer waits for it, and keeps all new readers out.",
		Told:        "Requests wait in RLock until a writer unlocks that had itself waited until a reader unlocked.",
		FalseAlarms: "",
		Try:         "do less under the read lock: copy what is needed and unlock before the slow part, or replace the table as a whole (atomic.Pointer)",
		Check:       "the code between RLock and RUnlock at the named function takes that long",
	},
	{
		ID:          "row-lock",
		Finding:     true,
		Means:       "Statements wait in the database until another transaction of the same service ends, since it has locked the rows.",
		Told:        "The statements at one place are answered when transactions of other requests end, far more often than chance explains. In a database that lets one write at a time, statements of several requests write at once.",
		FalseAlarms: "A proxy that hands few connections to the database to many clients may look alike.",
		Try:         "end the transaction sooner: do other work before or after it, lock the rows last, and lock fewer of them",
		Check:       "the database shows the sessions waiting for a lock (pg_stat_activity: wait_event_type Lock; pg_blocking_pids)",
	},
	{
		ID:          "transaction-across-call",
		Finding:     true,
		Means:       "Requests do other work while they hold a transaction, or a connection taken from the pool. Nobody else can use the connection or change the rows meanwhile.",
		Told:        "Calls to other systems, waits for locks, or pauses lie between two statements of one transaction.",
		FalseAlarms: "Work whose result must be stored or undone with the transaction has to be done within it.",
		Try:         "do the other work before the transaction begins, or after it has been committed",
		Check:       "the database shows the sessions as idle in transaction (pg_stat_activity)",
	},
}
