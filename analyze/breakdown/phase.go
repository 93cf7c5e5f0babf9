package breakdown

import "fmt"

// A Phase is a part of a bucket: a step of a call, in the order in which a call takes
// them, or for buckets without calls, a kind of time.
type Phase uint8

// The phases. NoPhase is that of buckets without phases. Adding one takes a constant
// here, its row in the table phases, and its place among the phases of its buckets.
const (
	NoPhase Phase = iota
	PoolWait
	DNS
	Connect
	TLS
	Query
	Rows
	Command
	Produce
	BatchDelay
	Fetch
	Commit
	RequestWrite
	ResponseWait
	BodyRead
	OnCPU
	OffCPU
	CCall
	ChildProcess
	NumPhases
)

// A PhaseInfo describes a phase.
type PhaseInfo struct {
	Name    string // in JSON and in rules: "pool_wait"
	Stage   Stage
	Meaning string // in a legend: "until a connection in the pool was free"
}

// A Stage says how far a call has come in a phase.
type Stage uint8

const (
	NoStage  Stage = iota
	Pooling        // it waits for a connection from the service's own pool
	Dialing        // it makes a connection
	Batching       // it waits for the client's own batch to fill
	Asking         // it asks the other side, and waits for the answer
	Deprived       // it is no call: it runs, but the kernel has taken the core
	Apart          // it is no call that can be seen into
)

var phases = [NumPhases]PhaseInfo{
	NoPhase:      {"", NoStage, "in no particular phase"},
	PoolWait:     {"pool_wait", Pooling, "until a connection in the pool was free"},
	DNS:          {"dns", Dialing, "looking up the host's address"},
	Connect:      {"connect", Dialing, "until the connection was established"},
	TLS:          {"tls", Dialing, "the TLS handshake"},
	Query:        {"query", Asking, "until the database answered"},
	Rows:         {"rows", Asking, "reading the rows"},
	Command:      {"command", Asking, "until the cache answered"},
	Produce:      {"produce", Asking, "until the message was accepted"},
	BatchDelay:   {"batch_delay", Batching, "until the batch was full or old enough to send"},
	Fetch:        {"fetch", Asking, "until messages arrived"},
	Commit:       {"commit", Asking, "until the offset was committed"},
	RequestWrite: {"request_write", Asking, "sending the request"},
	ResponseWait: {"response_wait", Asking, "until the response began: the other service's time, and the network's"},
	BodyRead:     {"body_read", Asking, "reading the response body"},
	OnCPU:        {"on_cpu", Apart, "running on a core: an estimate from CPU samples"},
	OffCPU:       {"off_cpu", Deprived, "running as far as the runtime knows, but without a core: a CPU limit, page faults, or noisy neighbors; an estimate from CPU samples"},
	CCall:        {"c_call", Apart, "in C code that used no CPU"},
	ChildProcess: {"child_process", Apart, "starting a child process, or waiting for one"},
}

// Info describes a phase. It panics if there is no such phase.
func (p Phase) Info() PhaseInfo { return phases[p] }

// Stage returns the phase's stage, as in Info.
func (p Phase) Stage() Stage { return phases[p].Stage }

// Spoken names a phase in a sentence, after "in", if it says what its bucket does not. It
// returns "" for the others.
func (p Phase) Spoken() string {
	switch p {
	case CCall:
		return "C code"
	case ChildProcess:
		return "child processes"
	}
	return ""
}

// String returns the phase's name in JSON and in rules.
func (p Phase) String() string {
	if p < NumPhases {
		return phases[p].Name
	}
	return fmt.Sprintf("phase(%d)", p)
}

// MarshalText encodes the phase as its name.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText decodes a name written by MarshalText.
func (p *Phase) UnmarshalText(text []byte) error {
	for i := range NumPhases {
		if phases[i].Name == string(text) {
			*p = i
			return nil
		}
	}
	return fmt.Errorf("no such phase: %q", text)
}
