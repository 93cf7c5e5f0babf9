package breakdown

import "fmt"

// A Phase is a step within a bucket, in the order in which a call takes them.
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
}

// Info describes a phase. It panics if there is no such phase.
func (p Phase) Info() PhaseInfo { return phases[p] }

// Stage returns the phase's stage, as in Info.
func (p Phase) Stage() Stage { return phases[p].Stage }

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
