package diagnosis

// exitEntries explain the command's exit codes.
var exitEntries = []Entry{
	{
		ID:          "exit-0",
		Means:       "The command answered, perhaps in part.",
		Told:        "It ended without an error. Warnings say what the answer does not cover.",
		FalseAlarms: "An answer about a service without load, or with no requests, is an answer too: read the warnings.",
		Try:         "in a pipeline, read the warnings in the JSON",
		Check:       "the field warnings of -f json is empty",
	},
	{
		ID:          "exit-1",
		Means:       "The command failed: what was asked for could not be done.",
		Told:        "Standard error has one line with what failed and, often, a hint.",
		FalseAlarms: "An interrupt also ends with it; what was collected is kept.",
		Try:         "what the hint says; for a live service, timesink doctor TARGET",
		Check:       "the same command with -v logs each step",
	},
	{
		ID:          "exit-2",
		Means:       "The command line, or a file that it names, is wrong. Nothing was done.",
		Told:        "Arguments and flags are checked before anything else.",
		FalseAlarms: "",
		Try:         "what the hint says, and the command's --help",
		Check:       "the command runs",
	},
	{
		ID:          "exit-3",
		Means:       "A gate was broken: a condition of compare --fail-if holds, and chance does not explain the change; or ab found the candidate slower.",
		Told:        "The answer lists each gate with its change, the interval of that, and the probability of such a change by chance in any gate at any endpoint.",
		FalseAlarms: "At most --gate-alpha of all comparisons of one build, if the captures of both sides were taken in turn; what else changed between them, such as the data or the Go version, counts as the build.",
		Try:         "read what changed, by bucket and call site, in the same answer",
		Check:       "new captures of both sides give the same result",
	},
	{
		ID:          "exit-4",
		Means:       "A gate, or the verdict of ab, is undecided, and --strict was given: whether a condition holds cannot be told. None is known to hold.",
		Told:        "The answer says why: one capture a side, captures not taken in turn, loads that differ, or an interval that includes the limit.",
		FalseAlarms: "It says nothing about the build. A noisy machine, or few captures, are the usual reasons.",
		Try:         "take more captures of each side, in turn (timesink ab does), on a quieter machine or for a longer window",
		Check:       "the gates are passed or broken",
	},
}
