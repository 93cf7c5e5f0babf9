package diagnosis

// requestEntries explain the causes about requests as a whole.
var requestEntries = []Entry{
	{
		ID:          "accept-queue",
		Finding:     true,
		Means:       "Clients connect and wait until the service accepts their connection, so they wait before the server reads anything.",
		Told:        "Probes on new connections wait longer until the server reads them than probes on kept ones, or the accept loop was held up and then found most connections waiting.",
		FalseAlarms: "A proxy between the probes and the service may queue connections itself.",
		Try:         "raise the limit of connections, close idle ones sooner, or accept in a goroutine that does nothing else",
		Check:       "ss -ltn shows Recv-Q above 0 for the listening port while it happens",
	},
	{
		ID:          "cold-start",
		Finding:     true,
		Means:       "The first requests after a start, or after a pause, take longer than the rest: they dial, shake hands, compile or load what the others find ready.",
		Told:        "None of the endpoint's requests was under way when the window opened, and none began for ten times as long as between two later ones. At least nine in ten of the first requests take twice the median and half as long as the very first, or longer, and hardly any of the rest do.",
		FalseAlarms: "Clients may ask for something else first, such as a page that only the first visit needs.",
		Try:         "do it before the service takes traffic: open the connections, fill the caches, compile and load at the start or in the readiness probe, and keep idle connections for longer than the pauses",
		Check:       "the first requests after another pause, or after a start, are slow again",
	},
	{
		ID:          "not-worth-it",
		Finding:     true,
		Means:       "The other system that people suspect first has little to do with the time.",
		Told:        "The database, or without one the cache, the other services or the queue, takes less than a tenth of the busiest endpoint's time, as far as it is not the service's own, and no finding is about it.",
		FalseAlarms: "It holds for this window: another load may ask for other things.",
		Try:         "leave it as it is, and look at what takes the time",
		Check:       "answers from a stub of that system make the requests no faster",
	},
	{
		ID:          "tail",
		Means:       "The slowest requests are slow for another reason than requests in the mean, or hang where the others do not, or they came together.",
		Told:        "Those beyond the 99th percentile, else the 95th, are at least 20 and take twice as long as the others or longer. At least half of the difference is in one bucket, which, or whose call site, is not what requests spend most time on; or they take ten times as long as the others, and at least half of the difference is at one call site; or four in five of them began while a quarter of the others or fewer did.",
		FalseAlarms: "Requests of one endpoint may ask for different things: the slowest may just be the largest.",
		Try:         "look at single requests: timesink report --request p99",
		Check:       "requests that do not meet that bucket or holder are never that slow",
	},
}
