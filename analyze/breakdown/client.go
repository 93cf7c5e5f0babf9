package breakdown

// Client is what the probes of this endpoint saw from outside, on connections that they
// kept.
type Client struct {
	Probes  int           `json:"probes"`
	Matched int           `json:"matched"`
	Mean    int64         `json:"mean_ns"`
	Server  int64         `json:"server_mean_ns"` // of the matched requests, from the trace
	Phases  []ClientPhase `json:"phases"`
	// Failed counts the probes without an answer, if the probes are all there is, and
	// Statuses the answers by their status.
	Failed   int           `json:"failed,omitempty"`
	Statuses []StatusCount `json:"statuses,omitempty"`
	// ServerTiming is what the answers' Server-Timing headers say, the metric with the most
	// time first. The service says so of itself: nothing here rests on it.
	ServerTiming []ServerTiming `json:"server_timing,omitempty"`
	// Fresh are the probes that dialed a connection of their own. It is nil if there
	// were none.
	Fresh *Fresh `json:"fresh,omitempty"`
}

// StatusCount is how many probes were answered with a status.
type StatusCount struct {
	Status int `json:"status"`
	Probes int `json:"probes"`
}

// ServerTiming is one metric of Server-Timing headers: the mean, in ns, over the probes
// whose answer has it. Where an answer has it several times, the sum counts. The last may be
// named Other.
type ServerTiming struct {
	Name   string `json:"name"`
	Mean   int64  `json:"mean_ns"`
	Probes int    `json:"probes"`
}

// AcceptLoop is the loops that accept connections and were held up at one place: by a
// limit of connections, by work of their own, by a back-off.
type AcceptLoop struct {
	// Site is the place in the service's code, Waited the function that it waited in.
	Site   Frame `json:"site"`
	Waited Frame `json:"waited_in"`
	// Held is how long, in ns, the loop waited for anything but clients. Accepted counts
	// the connections that it took, Queued those of them for which it did not wait after
	// it had been held up: they had come meanwhile.
	Held     int64 `json:"held_ns"`
	Accepted int64 `json:"accepted"`
	Queued   int64 `json:"queued"`
}

// Fresh is what those probes saw that dialed a connection each. Times are means per
// probe, in nanoseconds.
type Fresh struct {
	Probes     int   `json:"probes"` // all found among the requests
	Mean       int64 `json:"mean_ns"`
	Server     int64 `json:"server_mean_ns"`
	Connect    int64 `json:"connect_ns"`
	TLS        int64 `json:"tls_ns"`
	Handshakes int   `json:"tls_handshakes"`
	// Unread is how long a request waited from when the client could send it, because
	// the connection was established, until the server began to read it: until the
	// connection was accepted. KeptUnread is the same for the probes on kept
	// connections, which have been accepted.
	Unread     int64 `json:"unread_ns"`
	KeptUnread int64 `json:"kept_unread_ns"`
	// Low and High bound the difference between Unread and KeptUnread at 95%
	// (bootstrap over the probes). Both are 0 if there are too few probes.
	Low  int64 `json:"unread_longer_low_ns"`
	High int64 `json:"unread_longer_high_ns"`
}

// Longer returns how much longer requests wait on new connections than on kept ones
// before the server reads them, in ns.
func (f *Fresh) Longer() int64 { return max(0, f.Unread-f.KeptUnread) }

// Queues reports whether new connections wait to be accepted: requests on them wait
// longer than chance explains, and for at least a tenth of the client's time.
func (f *Fresh) Queues() bool { return f != nil && f.Low > 0 && 10*f.Longer() >= f.Mean }

// ClientPhase is a part of the time of a probe, as the client sees it.
type ClientPhase struct {
	Phase string `json:"phase"`
	Mean  int64  `json:"mean_ns"`
}

// Root is the wall time of all goroutines that started in one function. Its wait bucket
// is all waiting for other goroutines, and for a client, a message or a signal to come:
