package breakdown

import "fmt"

// A Fact is one number, place or name that a cause rests on. Reports make sentences from
// facts, and programs read them as they are.
type Fact struct {
	Kind FactKind `json:"kind"`
	// Name is what the fact is about beside a place: a bucket, a system, a library, a
	// reason. It may be "".
	Name string `json:"name,omitempty"`
	Place
	// Value is in Unit, which is that of the kind.
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// A Place is a Frame that may be missing: its Function is "" then.
type Place struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Frame returns the place as a Frame.
func (p Place) Frame() Frame { return Frame(p) }

// A FactKind says what a fact means and which unit its value has.
type FactKind uint8

// The kinds of facts. Adding one takes a constant here and its row in the table facts.
const (
	FactWall FactKind = iota
	FactSpent
	FactSite
	FactCalls
	FactInFlight
	FactDialed
	FactHolder
	FactHolderDoing
	FactBatch
	FactBatchCall
	FactDeprivation
	FactWaited
	FactFreshProbes
	FactKeptProbes
	FactFreshWait
	FactKeptWait
	FactAcceptSite
	FactAcceptHeld
	FactAcceptQueued
	FactAccepted
	FactSystem
	FactOtherSide
	NumFacts
)

// A FactInfo describes a kind of fact.
type FactInfo struct {
	Name, Unit, Meaning string
}

var facts = [NumFacts]FactInfo{
	FactWall:         {"wall", "ns", "the mean wall time of a request"},
	FactSpent:        {"spent", "ns", "the part of a request's wall time that the cause is about"},
	FactSite:         {"site", "", "the place in the service's code to look at"},
	FactCalls:        {"calls", "calls", "calls per request"},
	FactInFlight:     {"in_flight", "calls", "calls in flight while there is at least one"},
	FactDialed:       {"dialed", "percent", "the share of calls that dial a connection"},
	FactHolder:       {"holder", "ns", "who keeps requests waiting, and for how long each"},
	FactHolderDoing:  {"holder_doing", "ns", "what the holder before was in for most of that time: the bucket, and for how long"},
	FactBatch:        {"batch_work", "ns", "what a request's own batch is busy with: the bucket, and for how long"},
	FactBatchCall:    {"batch_call", "", "the function that the batch calls there"},
	FactDeprivation:  {"deprivation", "", "why running code has no core: limit, stalls or neighbors"},
	FactWaited:       {"waited", "ns", "how long a request is ready to run for the same reason"},
	FactFreshProbes:  {"fresh_probes", "probes", "probes on new connections"},
	FactKeptProbes:   {"kept_probes", "probes", "probes on kept connections"},
	FactFreshWait:    {"fresh_wait", "ns", "how long a request on a new connection waits until the server reads it"},
	FactKeptWait:     {"kept_wait", "ns", "how long a request on a kept connection waits until the server reads it"},
	FactAcceptSite:   {"accept_site", "", "where the service accepts connections"},
	FactAcceptHeld:   {"accept_held", "ns", "what held the accept loop up, and for how long in the window"},
	FactAcceptQueued: {"accept_queued", "connections", "connections that came while the accept loop was held up"},
	FactAccepted:     {"accepted", "connections", "connections accepted in the window"},
	FactSystem:       {"system", "", "the system that is called"},
	FactOtherSide:    {"other_side", "ns", "the part of a request's wall time in which the other side works, or its answer is on the way"},
}

// Info describes a kind. It panics if there is no such kind.
func (k FactKind) Info() FactInfo { return facts[k] }

// String returns the kind's name in JSON.
func (k FactKind) String() string {
	if k < NumFacts {
		return facts[k].Name
	}
	return fmt.Sprintf("fact(%d)", k)
}

// MarshalText encodes the kind as its name.
func (k FactKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText decodes a name written by MarshalText. A kind that a later version added
// becomes NumFacts.
func (k *FactKind) UnmarshalText(text []byte) error {
	for *k = 0; *k < NumFacts && facts[*k].Name != string(text); *k++ {
	}
	return nil
}

// Facts are what one cause rests on. A kind may occur several times.
type Facts []Fact

// WithUnits sets the unit of each fact to that of its kind.
func (f Facts) WithUnits() Facts {
	for i := range f {
		if f[i].Kind < NumFacts {
			f[i].Unit = f[i].Kind.Info().Unit
		}
	}
	return f
}

// Of returns the first fact of a kind, false if there is none.
func (f Facts) Of(k FactKind) (Fact, bool) {
	for i := range f {
		if f[i].Kind == k {
			return f[i], true
		}
	}
	return Fact{}, false
}

// Has reports whether there is a fact of a kind.
func (f Facts) Has(k FactKind) bool { _, ok := f.Of(k); return ok }

// All returns the facts of a kind.
func (f Facts) All(k FactKind) (list []Fact) {
	for i := range f {
		if f[i].Kind == k {
			list = append(list, f[i])
		}
	}
	return list
}

// Number returns the value of the first fact of a kind, 0 if there is none.
func (f Facts) Number(k FactKind) float64 { x, _ := f.Of(k); return x.Value }

// Time returns the value of the first fact of a kind in nanoseconds, 0 if there is none.
func (f Facts) Time(k FactKind) int64 { return int64(f.Number(k)) }

// Name returns the name in the first fact of a kind, "" if there is none.
func (f Facts) Name(k FactKind) string { x, _ := f.Of(k); return x.Name }

// Frame returns the place in the first fact of a kind. Its Function is "" if there is
// none.
func (f Facts) Frame(k FactKind) Frame { x, _ := f.Of(k); return x.Frame() }
