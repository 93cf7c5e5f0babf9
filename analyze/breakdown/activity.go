package breakdown

import "fmt"

// An Activity is what code computes: not for whom, but what kind of work it is.
type Activity uint8

// The activities. NoActivity is what no rule knows.
const (
	NoActivity Activity = iota
	CompilingPatterns
	ParsingTemplates
	Rendering
	Serializing
	Compressing
	Crypto
	Logging
	Allocating
	Matching
	Sorting
	Hashing
	Reflecting
	Formatting
	Imaging
	Copying
	StoppingTheWorld
	Preparing // what could be kept: time zones, certificates, schemas
	NumActivities
)

// An ActivityInfo describes an activity: its name in JSON, and the word for it in a
// sentence, such as "time is spent in serialization".
type ActivityInfo struct {
	Name, Spoken string
}

var activities = [NumActivities]ActivityInfo{
	NoActivity:        {"", ""},
	CompilingPatterns: {"pattern_compilation", "pattern compilation"},
	ParsingTemplates:  {"template_parsing", "template parsing"},
	Rendering:         {"rendering", "template rendering"},
	Serializing:       {"serialization", "serialization"},
	Compressing:       {"compression", "compression"},
	Crypto:            {"crypto", "cryptography"},
	Logging:           {"logging", "logging"},
	Allocating:        {"allocation", "memory allocation"},
	Matching:          {"matching", "pattern matching"},
	Sorting:           {"sorting", "sorting"},
	Hashing:           {"hashing", "hashing"},
	Reflecting:        {"reflection", "reflection"},
	Formatting:        {"formatting", "string formatting"},
	Imaging:           {"image_processing", "image processing"},
	Copying:           {"copying", "copying memory"},
	StoppingTheWorld:  {"stopping_the_world", "functions that stop all goroutines"},
	Preparing:         {"preparation", "making what could be kept"},
}

// Info describes an activity. It panics if there is no such activity.
func (a Activity) Info() ActivityInfo { return activities[a] }

// String returns the activity's name in JSON, "" for NoActivity.
func (a Activity) String() string {
	if a < NumActivities {
		return activities[a].Name
	}
	return fmt.Sprintf("activity(%d)", a)
}

// MarshalText encodes the activity as its name.
func (a Activity) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText decodes a name written by MarshalText. An activity that a later version
// added becomes NoActivity.
func (a *Activity) UnmarshalText(text []byte) error {
	for *a = NumActivities - 1; *a > NoActivity && activities[*a].Name != string(text); *a-- {
	}
	return nil
}

// A Collecting is the part of the garbage collector that code belongs to.
type Collecting uint8

// The parts of the collector. NotCollecting is code that is none of its.
const (
	NotCollecting Collecting = iota
	Marking                  // by the collector's own goroutines
	Assisting                // marking by goroutines that allocate
	Sweeping                 // by the collector's goroutine, and by those that allocate
	Scavenging               // giving memory back to the kernel
	NumCollecting
)

// A CPUSite is a place in the service's own code that CPU samples led to: the frame
// nearest to the leaf. If there is none on the stacks, it is the outermost frame.
// Estimate is the cpu bucket's mean times Samples over OfSamples, the number of CPU samples
// that hit these requests while they ran, without those in the garbage collector.
type CPUSite struct {
	Frame
	// Called is the function of a library that the place called, "" if the samples hit the
	// service's own code.
	Called    string   `json:"called,omitempty"`
	Activity  Activity `json:"activity,omitempty"`
	Samples   int64    `json:"samples"`
	OfSamples int64    `json:"of_samples"`
	Estimate  int64    `json:"estimate_mean_ns"`
	// Outside is set if no frame of the service's code was on the stacks.
	Outside bool `json:"outside,omitempty"`
}
