package diagnosis

// transferEntries explain the causes about files and clients.
var transferEntries = []Entry{
	{
		ID:          "many-system-calls",
		Finding:     true,
		Means:       "One place makes many system calls for each request, each of which moves a few bytes or looks at a file.",
		Told:        "A request makes a hundred or more of them there, without a buffer, and they take a notable part of its time. Those that move bytes take microseconds each.",
		FalseAlarms: "On a fast machine, pieces of tens of kilobytes take microseconds as well: a larger buffer saves less there.",
		Try:         "put a buffer around it (bufio, flushed once), or keep what was found instead of looking again for each request",
		Check:       "strace -c -p PID counts about as many calls per request",
	},
	{
		ID:          "slow-client",
		Finding:     true,
		Means:       "Requests wait for their client: it takes the answer, or sends the request, more slowly than the service could.",
		Told:        "The goroutine that serves the request waits in a write to the client's connection until there is room, or in a read until more comes.",
		FalseAlarms: "A proxy, or a slow network, in front of the service counts as the client.",
		Try:         "send less (paging, compression), put a proxy that buffers in front of the service, or bound the transfer (WriteTimeout, ReadTimeout)",
		Check:       "ss -tn shows bytes in Send-Q, for a slow upload none in Recv-Q, on the clients' connections",
	},
	{
		ID:          "sync-file-write",
		Finding:     true,
		Means:       "Requests write to a file or a pipe themselves, or sync it, and wait until that is done.",
		Told:        "Requests wait in a write or a sync (fsync), or for a lock whose holder is in one.",
		FalseAlarms: "Data that must be on the disk before the answer is sent has to be waited for.",
		Try:         "write in the background through a bounded buffer, sync once for several requests, or use a faster disk",
		Check:       "with log lines sent to /dev/null, or the file on a RAM disk, the time is gone",
	},
}
