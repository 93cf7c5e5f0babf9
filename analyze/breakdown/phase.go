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
	RowLock
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
	HandedOver
	NumPhases
)

// A PhaseInfo describes a phase. As with buckets, everything that an output says about a
// phase, or draws for it, comes from here.
type PhaseInfo struct {
	Name    string // in JSON, in rules and in style sheets: "pool_wait"
	Stage   Stage
	Meaning string // in a legend: "until a connection in the pool was free"
	// Label names a phase that is drawn in a color of its own, after the bucket's label:
	// "pool wait". Light, Dark and Pattern are as those of a bucket, and Glyph is what
	// bars of text are made of. All are zero for the other phases.
	Label       string
	Light, Dark string
	Pattern     Pattern
	Glyph       string
}

// Distinct reports whether the phase is drawn in a color of its own.
func (i *PhaseInfo) Distinct() bool { return i.Label != "" }

// A Stage says how far a call has come in a phase.
type Stage uint8

const (
	NoStage  Stage = iota
	Pooling        // it waits for a connection from the service's own pool
	Dialing        // it makes a connection
	Batching       // it waits for the client's own batch to fill
	Asking         // it asks the other side, and waits for the answer
	Locked         // the other side makes it wait for the service's own other calls
	Deprived       // it is no call: it runs, but the kernel has taken the core
	Apart          // it is no call that can be seen into
)

var phases = [NumPhases]PhaseInfo{
	NoPhase: {Name: "", Stage: NoStage, Meaning: "in no particular phase"},
	PoolWait: {
		Name: "pool_wait", Stage: Pooling, Meaning: "until a connection in the pool was free",
		Label: "pool wait", Light: "#26324a", Dark: "#dfe6f5", Pattern: Pattern{Dots, 5, 2, 45}, Glyph: "▒",
	},
	DNS:          {Name: "dns", Stage: Dialing, Meaning: "looking up the host's address"},
	Connect:      {Name: "connect", Stage: Dialing, Meaning: "until the connection was established"},
	TLS:          {Name: "tls", Stage: Dialing, Meaning: "the TLS handshake"},
	Query:        {Name: "query", Stage: Asking, Meaning: "until the database answered"},
	RowLock:      {Name: "row_lock", Stage: Locked, Meaning: "until another transaction or connection of this service had released what it had locked: an estimate from when that ended"},
	Rows:         {Name: "rows", Stage: Asking, Meaning: "reading the rows"},
	Command:      {Name: "command", Stage: Asking, Meaning: "until the cache answered"},
	Produce:      {Name: "produce", Stage: Asking, Meaning: "until the message was accepted"},
	BatchDelay:   {Name: "batch_delay", Stage: Batching, Meaning: "until the batch was full or old enough to send"},
	Fetch:        {Name: "fetch", Stage: Asking, Meaning: "until messages arrived"},
	Commit:       {Name: "commit", Stage: Asking, Meaning: "until the offset was committed"},
	RequestWrite: {Name: "request_write", Stage: Asking, Meaning: "sending the request"},
	ResponseWait: {Name: "response_wait", Stage: Asking, Meaning: "until the response began: the other service's time, and the network's"},
	BodyRead:     {Name: "body_read", Stage: Asking, Meaning: "reading the response body"},
	OnCPU:        {Name: "on_cpu", Stage: Apart, Meaning: "running on a core: an estimate from CPU samples"},
	OffCPU:       {Name: "off_cpu", Stage: Deprived, Meaning: "running as far as the runtime knows, but without a core: a CPU limit, page faults, or noisy neighbors; an estimate from CPU samples"},
	CCall:        {Name: "c_call", Stage: Apart, Meaning: "in C code that used no CPU"},
	ChildProcess: {Name: "child_process", Stage: Apart, Meaning: "starting a child process, or waiting for one"},
	HandedOver:   {Name: "handed_over", Stage: Apart, Meaning: "waiting for another goroutine: snapshots do not show what that one does for it"},
}

// Info describes a phase. It panics if there is no such phase.
func (p Phase) Info() PhaseInfo { return phases[p] }

// Distinct reports whether the phase is drawn in a color of its own, as in Info.
func (p Phase) Distinct() bool { return phases[p].Distinct() }

// stages repeats each phase's stage, in a few bytes: the analysis asks for it for every
// step of a call.
var stages = func() (stages [NumPhases]Stage) {
	for p := range phases {
		stages[p] = phases[p].Stage
	}
	return stages
}()

// Stage returns the phase's stage, as in Info.
func (p Phase) Stage() Stage { return stages[p] }

// OwnSide reports whether a call is still on the service's own side in the phase: nothing
// has been asked of the other system yet.
func (p Phase) OwnSide() bool {
	s := p.Stage()
	return s == Pooling || s == Dialing || s == Batching
}

// Spoken names a phase in a sentence, after "in", if it says what its bucket does not. It
// returns "" for the others.
func (p Phase) Spoken() string {
	switch p {
	case CCall:
		return "C code"
	case ChildProcess:
		return "child processes"
	case HandedOver:
		return "other goroutines"
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
