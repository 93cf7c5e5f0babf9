package diagnosis

// processorEntries explain the causes about processors and what runs on them.
var processorEntries = []Entry{
	{
		ID:          "gc-pressure",
		Finding:     true,
		Means:       "The garbage collector holds requests up: it has the processors that they need, or makes them help with marking.",
		Told:        "A quarter of the CPU samples or more is the collector's while requests wait for a processor, or a sixth of the requests' own time is the collector's.",
		FalseAlarms: "",
		Try:         "allocate less (the profile of allocations, /debug/pprof/allocs, says where), or let the heap grow further: raise GOGC or GOMEMLIMIT",
		Check:       "with GODEBUG=gctrace=1 the collections follow one another closely",
	},
	{
		ID:          "stops-the-world",
		Finding:     true,
		Means:       "Requests call functions of the runtime that stop all goroutines, or that collect garbage at once and wait for it; or goroutines that serve no request stop all others, as for a dump of all stacks.",
		Told:        "Requests wait for the collector below runtime.GC or debug.FreeOSMemory, or CPU samples hit these and the like, such as runtime.ReadMemStats. Or the service's code stops all goroutines outside of requests for a twentieth of the window or more.",
		FalseAlarms: "",
		Try:         "take the call out of the request: let the collector decide when to run, and read statistics in the background, or by runtime/metrics, which does not stop anything",
		Check:       "with GODEBUG=gctrace=1, collections that were asked for are marked (forced)",
	},
	{
		ID:          "busy-wait",
		Finding:     true,
		Means:       "Requests wait for something by asking for it again and again, as with a lock of their own that spins.",
		Told:        "Requests give the processor up (runtime.Gosched) at one place again and again and run for less than 10 µs in between, or most CPU samples in one function hit a sleep of no time, a select with a default, or loads and comparisons of package sync/atomic.",
		FalseAlarms: "Work in very small portions that lets others go first after each. Counters without a lock that many processors change at once.",
		Try:         "wait for the event instead: sync.Mutex, sync.Cond or a channel wakes the request when it can go on, and leaves the processor to others until then",
		Check:       "the code at the named line loops until something has changed",
	},
	{
		ID:          "processors-held",
		Finding:     true,
		Means:       "Work that is not these requests' has the processors that they need: goroutines that serve no request, or other endpoints.",
		Told:        "Requests are ready to run, or what they waited for is noticed late, while CPU samples show others on all processors.",
		FalseAlarms: "Work that requests start and do not wait for counts as work that serves no request.",
		Try:         "let that work use fewer goroutines, do it in small portions, or move it to another process",
		Check:       "while that work rests, the requests are fast",
	},
	{
		ID:          "no-core",
		Finding:     true,
		Means:       "Goroutines run as far as the runtime knows, and the kernel has taken the core from them.",
		Told:        "CPU samples hit running goroutines less than their running time would get on a core.",
		FalseAlarms: "A kernel that samples less than it is asked to; a hypervisor that takes cores is no neighbor on this machine.",
		Try:         "look for a CPU limit (cpu.stat: nr_throttled), major page faults (pgmajfault), and busy neighbors",
		Check:       "nr_throttled in the container's cpu.stat, pgmajfault in its memory.stat, or the machine's load rises with it",
	},
	{
		ID:          "no-processor",
		Finding:     true,
		Means:       "Requests are ready to run, and all processors are busy.",
		Told:        "Requests are runnable for a notable part of their time.",
		FalseAlarms: "",
		Try:         "give the service more processors (GOMAXPROCS, the container's CPU limit), or make its own work cheaper: the CPU profile by endpoint (report -f cpu) shows what it computes",
		Check:       "the service uses as many cores as it has while it happens",
	},
}
