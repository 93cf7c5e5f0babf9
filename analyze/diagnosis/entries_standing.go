package diagnosis

// standingEntries explain the causes about requests that stand still.
var standingEntries = []Entry{
	{
		ID:          "connection-leak",
		Finding:     true,
		Means:       "Connections of a pool were taken and never given back, so requests wait for one for ever.",
		Told:        "Requests wait in the pool for the whole window, none got a connection, no goroutine is in the database, and none that holds a connection waits for anything else.",
		FalseAlarms: "Requests that each hold a connection and wait for a second one look alike if no other request waits for its first.",
		Try:         "close the rows (defer rows.Close()), and end each transaction with Commit or Rollback on every path",
		Check:       "DB.Stats shows InUse at its limit and the database shows these sessions idle (pg_stat_activity: idle, or idle in transaction)",
	},
	{
		ID:          "deadlock",
		Finding:     true,
		Means:       "Goroutines wait for each other, so none of them can go on.",
		Told:        "Requests stand still for the whole window, nothing that they wait for was released in it, and the only goroutines that can hold it wait for the same kind of thing, further on in the same function; or the worker that requests hand work to waits until somebody takes its result.",
		FalseAlarms: "What was taken earlier in the function may have been given back in between, and the true holder may be a goroutine that has ended.",
		Try:         "take what a request needs at once, or always in the same order; never wait for a second one while holding the first",
		Check:       "the goroutines in a goroutine profile (debug=2) that wait at the named lines are the same a minute later",
	},
	{
		ID:          "goroutines-grow",
		Finding:     true,
		Means:       "Goroutines are started again and again and do not end, so their number and their memory grow.",
		Told:        "Of the goroutines that one place started, some from each quarter of the window were still there when it closed, without those of open requests: about as many from each, their like was there before and did not end, and they wait for another goroutine.",
		FalseAlarms: "Jobs that wait for minutes and then end by themselves, shortly after a start.",
		Try:         "let each goroutine end with what it is for: select on ctx.Done(), buffer the channel of a result that nobody may want, stop tickers, call cancel, close response bodies",
		Check:       "the count for that stack in a goroutine profile (debug=1) grows with the requests and never falls",
	},
	{
		ID:          "no-deadline",
		Finding:     true,
		Means:       "Calls to another system last longer than the window, and no deadline has ended them, so requests wait for as long as the other side likes.",
		Told:        "Three calls or more from one place, and most of those under way, lasted the whole window, of 3 s or longer, and none from there ended in it.",
		FalseAlarms: "A deadline longer than the window, and calls that wait by their nature, such as a blocking pop or a long poll of another service.",
		Try:         "give the call a deadline (context.WithTimeout, http.Client.Timeout) that is shorter than its caller waits",
		Check:       "the context at the named line has no deadline, and the client no time-out",
	},
	{
		ID:          "stuck-requests",
		Finding:     true,
		Means:       "Requests stand still: what they wait for did not come in the whole window.",
		Told:        "Three requests or more wait at one place when the window closes, one of them for the whole window, and no wait like theirs ended in it. An answer of another system counts only if it is overdue: after 8 s, or where other answers came ten times faster, or no probe was answered either.",
		FalseAlarms: "Calls that wait by their nature, such as a blocking pop or a long poll of another service.",
		Try:         "give each wait a deadline (context.WithTimeout, http.Client.Timeout), and find out what the named place waits for",
		Check:       "the goroutines in a goroutine profile (debug=2) that wait at the named line have been there for minutes",
	},
}
