package breakdown

import "fmt"

// A Bucket is what an instant of a request's wall time was spent on. Every
// instant belongs to exactly one.
type Bucket uint8

// The buckets, in the order in which every output lists them. Adding one takes a
// constant here and its row in the table buckets.
const (
	DB Bucket = iota
	Cache
	Queue
	Upstream
	CPU
	GC
	Scheduler
	Lock
	Wait
	Sleep
	File
	ClientIO
	Unknown
	NumBuckets
)

// A BucketInfo describes a bucket. Everything that an output says about a bucket, or
// draws for it, comes from here.
type BucketInfo struct {
	Name    string // in JSON, in rules and in style sheets: "db"
	Kind    Kind
	Label   string // in a table: "database"
	Spoken  string // in a sentence, after "in": "the database"
	Meaning string // in a legend: "waiting for a database …"
	// Noun is the word, without an article, for an External bucket's system whose name
	// is not known: "database".
	Noun string
	// Protocols marks a bucket whose systems are protocols. A protocol says how a
	// system is called, not which system it is: "upstream HTTP", but "Postgres".
	Protocols bool
	// Idle marks a bucket in which a goroutine that serves no request may have nothing
	// to do.
	Idle bool
	// Phases are the steps of an External bucket's calls, in the order in which a call
	// takes them, or the kinds of time in another bucket. Usual is the phase of a rule
	// that names none; NoPhase if rules must name one, or have none to name.
	Phases []Phase
	Usual  Phase
	// Light and Dark are its colors on a light and on a dark background: "#1d5fbf".
	Light, Dark string
	Pattern     Pattern
}

// A Kind says what keeps a request in a bucket.
type Kind uint8

const (
	External    Kind = iota + 1 // another system that the service called
	Processor                   // the processor: the goroutine has it, or needs it
	Blocked                     // something else within the service, or its client
	Unexplained                 // unknown
)

// A Pattern is drawn over a bucket's color, for readers who cannot tell the colors
// apart. The zero value is a plain area.
type Pattern struct {
	Shape Shape
	Size  float64 // of a tile's sides, in pixels
	Ink   float64 // width of a line, or diameter of a dot, in pixels
	Turn  int     // degrees clockwise
}

// A Shape is what a tile of a pattern holds.
type Shape uint8

const (
	Plain Shape = iota
	Lines       // one, upright
	Grid        // one upright, one level
	Dots        // one, in the middle
)

var buckets = [NumBuckets]BucketInfo{
	DB: {
		Name: "db", Kind: External, Label: "database", Spoken: "the database", Noun: "database",
		Meaning: "waiting for a database: for a free connection, to connect, for the query, for its rows",
		Phases:  []Phase{PoolWait, Connect, Query, RowLock, Rows}, Usual: Query,
		Light: "#1d5fbf", Dark: "#6ea8fe",
	},
	Cache: {
		Name: "cache", Kind: External, Label: "cache", Spoken: "the cache", Noun: "cache",
		Meaning: "waiting for a cache such as Redis or memcached",
		Phases:  []Phase{PoolWait, Connect, Command}, Usual: Command,
		Light: "#2374a8", Dark: "#7cc4ee", Pattern: Pattern{Lines, 6, 2, 45},
	},
	Queue: {
		Name: "queue", Kind: External, Label: "queue", Spoken: "the queue", Noun: "queue",
		Meaning: "waiting for a message queue: producing, fetching, committing",
		Phases:  []Phase{Produce, BatchDelay, Fetch, Commit},
		Light:   "#6a4bb8", Dark: "#b39dfa", Pattern: Pattern{Lines, 6, 2, 90},
	},
	Upstream: {
		Name: "upstream", Kind: External, Label: "upstream calls", Spoken: "upstream calls", Noun: "upstream", Protocols: true,
		Meaning: "waiting for other services called over HTTP or gRPC",
		Phases:  []Phase{PoolWait, DNS, Connect, TLS, RequestWrite, ResponseWait, BodyRead}, Usual: ResponseWait,
		Light: "#c2410c", Dark: "#fb8a4a",
	},
	CPU: {
		Name: "cpu", Kind: Processor, Label: "CPU", Spoken: "CPU",
		Meaning: "the goroutine was running",
		Phases:  []Phase{OnCPU, OffCPU},
		Light:   "#0b7a5e", Dark: "#3fcf9f",
	},
	GC: {
		Name: "gc", Kind: Processor, Label: "GC", Spoken: "the garbage collector",
		Meaning: "held up by the garbage collector: helping it mark, or stopped by it",
		Light:   "#4d7c0f", Dark: "#a3d45a", Pattern: Pattern{Dots, 6, 3, 0},
	},
	Scheduler: {
		Name: "scheduler", Kind: Processor, Label: "scheduler", Spoken: "the scheduler (ready to run, no processor free)",
		Meaning: "ready to run, but no processor was free",
		Light:   "#7a6a00", Dark: "#d8c440", Pattern: Pattern{Lines, 6, 2, 0},
	},
	Lock: {
		Name: "lock", Kind: Blocked, Label: "locks", Spoken: "locks",
		Meaning: "waiting for a mutex that another goroutine held",
		Light:   "#b0174a", Dark: "#ff7d9c", Pattern: Pattern{Grid, 7, 1.5, 45},
	},
	Wait: {
		Name: "wait", Kind: Blocked, Idle: true, Label: "busy worker", Spoken: "queues for busy workers",
		Meaning: "handed to another goroutine that was busy with other work: queueing",
		Light:   "#a3308f", Dark: "#ee86da", Pattern: Pattern{Lines, 6, 2, -45},
	},
	Sleep: {
		Name: "sleep", Kind: Blocked, Idle: true, Label: "sleep", Spoken: "sleep",
		Meaning: "time.Sleep, back-off, timers, rate limiters",
		Light:   "#52627a", Dark: "#9fb1c9", Pattern: Pattern{Lines, 4, 1, 90},
	},
	File: {
		Name: "file", Kind: Blocked, Label: "files", Spoken: "files",
		Meaning: "reading, writing or syncing files",
		Light:   "#7c4a21", Dark: "#d6a071", Pattern: Pattern{Grid, 7, 1.5, 0},
	},
	ClientIO: {
		Name: "client_io", Kind: Blocked, Label: "client I/O", Spoken: "client I/O",
		Meaning: "reading the request from the client, or writing the response to it",
		Light:   "#0e7490", Dark: "#52cbe0", Pattern: Pattern{Lines, 4, 1, 45},
	},
	Unknown: {
		Name: "unknown", Kind: Unexplained, Label: "unknown", Spoken: "what no rule explains (unknown)",
		Meaning: "time that no rule explains; always shown, never guessed away",
		Phases:  []Phase{CCall, ChildProcess, HandedOver},
		Light:   "#6b6f76", Dark: "#a3a8b0", Pattern: Pattern{Lines, 9, 1.5, -45},
	},
}

// Info returns the bucket's description. It panics if there is no such bucket.
func (b Bucket) Info() BucketInfo { return buckets[b] }

// kinds repeats each bucket's kind, in a few bytes: the analysis asks for it for every
// call.
var kinds = func() (kinds [NumBuckets]Kind) {
	for b := range buckets {
		kinds[b] = buckets[b].Kind
	}
	return kinds
}()

// idle repeats which buckets are idle, for the same reason.
var idle = func() (idle [NumBuckets]bool) {
	for b := range buckets {
		idle[b] = buckets[b].Idle
	}
	return idle
}()

// usual repeats each bucket's usual phase.
var usual = func() (usual [NumBuckets]Phase) {
	for b := range buckets {
		usual[b] = buckets[b].Usual
	}
	return usual
}()

// Usual returns the bucket's usual phase, as in Info.
func (b Bucket) Usual() Phase { return usual[b] }

// Kind returns the bucket's kind, as in Info.
func (b Bucket) Kind() Kind { return kinds[b] }

// External reports whether the bucket is time spent waiting for another system.
func (b Bucket) External() bool { return kinds[b] == External }

// Idle reports whether a goroutine that serves no request may have nothing to do in the
// bucket.
func (b Bucket) Idle() bool { return idle[b] }

// NeedsPhase reports whether a rule for the bucket must name a phase.
func (b Bucket) NeedsPhase() bool {
	return b.External() && len(buckets[b].Phases) > 0 && buckets[b].Usual == NoPhase
}

// BucketsOf returns the buckets of the given kinds, in their order.
func BucketsOf(kinds ...Kind) (list []Bucket) {
	for b := range NumBuckets {
		for _, k := range kinds {
			if b.Kind() == k {
				list = append(list, b)
			}
		}
	}
	return list
}

// String returns the bucket's name in JSON and in rules.
func (b Bucket) String() string {
	if b < NumBuckets {
		return buckets[b].Name
	}
	return fmt.Sprintf("bucket(%d)", b)
}

// MarshalText encodes the bucket as its name.
func (b Bucket) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText decodes a name written by MarshalText.
func (b *Bucket) UnmarshalText(text []byte) error {
	for i := range NumBuckets {
		if buckets[i].Name == string(text) {
			*b = i
			return nil
		}
	}
	return fmt.Errorf("no such bucket: %q", text)
}
