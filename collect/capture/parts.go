package capture

import (
	"cmp"
	"slices"
)

// ManifestName names the file that describes a capture and lists its parts.
const ManifestName = "manifest.json"

// The names of the parts that a capture may contain; see Kinds for their
// meaning.
const (
	TracePart           = "trace.out"
	CPUPart             = "cpu.pb.gz"
	GoroutineBeforePart = "goroutine-before.pb.gz"
	GoroutineAfterPart  = "goroutine-after.pb.gz"
	ProbesPart          = "probes.jsonl"
	SamplesPart         = "samples.jsonl"
	PredictionsPart     = "predictions.jsonl"
)

// A Kind declares one kind of part: one piece of evidence that a capture may
// contain. The order of the manifest, redaction and messages to users follow
// from these declarations. To add a kind of evidence, add a row here, a source
// in package collect, and a reader.
type Kind struct {
	Name string // the part's file name: "cpu.pb.gz"
	What string // description: "CPU profile of the window"
	When When   // when it is taken
	// Optional reports whether a collection succeeds without the part.
	Optional bool
	// Content is the format of the part's bytes. It decides how the part is
	// redacted: package redact has one rule for each Content.
	Content Content
	// Windowed is set if a capture of several windows has the part once for each: see
	// PartName.
	Windowed bool
	// Derived is set if the part is made from the others. It is no evidence, and has no
	// part in the capture's Case.
	Derived bool
	// Use describes which package reads the part and why, or, if nothing reads
	// it yet, why it is collected.
	Use string
}

// When is the time at which a part is taken, relative to the window.
type When string

// The times at which parts are taken.
const (
	Before When = "before"
	During When = "during"
	After  When = "after"
)

// Content is the format of a part's bytes.
type Content string

// The formats of parts.
const (
	TraceContent   Content = "Go execution trace"
	ProfileContent Content = "gzipped pprof profile"
	ProbesContent  Content = "JSON lines of Probe"
	SamplesContent Content = "JSON lines of SampleLine"
	// LinesContent holds objects of any kind.
	LinesContent Content = "JSON lines"
)

// kinds lists every kind of part, in the order of the manifest.
var kinds = []Kind{
	{
		Name: GoroutineBeforePart, What: "goroutine profile taken before the window", When: Before, Optional: true, Content: ProfileContent,
		Use: "collect learns the executable and the version of Go from its paths; analyze counts its goroutines",
	}, {
		Name: TracePart, What: "execution trace", When: During, Optional: true, Content: TraceContent, Windowed: true,
		Use: "analyze attributes the wall time of requests with it",
	}, {
		Name: SamplesPart, What: "snapshots of all goroutines, for want of a trace", When: During, Optional: true, Content: SamplesContent,
		Use: "analyze estimates from them where the time of requests goes",
	}, {
		Name: CPUPart, What: "CPU profile of the window", When: During, Optional: true, Content: ProfileContent, Windowed: true,
		Use: "analyze takes the sampling period from it; timesink report -f cpu labels its samples with endpoints",
	}, {
		Name: ProbesPart, What: "probes, as the client saw them", When: During, Optional: true, Content: ProbesContent,
		Use: "analyze matches them with the server's requests",
	}, {
		Name: GoroutineAfterPart, What: "goroutine profile taken after the window", When: After, Optional: true, Content: ProfileContent,
		Use: "analyze compares its goroutines with those of the first profile, to find those that pile up",
	}, {
		Name: PredictionsPart, What: "predictions made on the capture", When: After, Optional: true, Content: LinesContent, Derived: true,
		Use: "compare holds them against what came of the changes",
	},
}

// Kinds returns the declared kinds of parts, in the order of the manifest. The
// caller owns the slice.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindOf returns the declaration of the part called name, and false if this
// version does not know the part, such as one of a newer timesink.
func KindOf(name string) (Kind, bool) {
	i := position(name)
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// position returns the index of a part's kind in kinds, or -1 if it is not declared.
func position(name string) int {
	first, window := windowOf(name)
	return slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == first && (window == 1 || k.Windowed) })
}

// AddPart adds p to the manifest, in the order of Kinds.
func (m *Manifest) AddPart(p Part) {
	m.Parts = append(m.Parts, p)
	slices.SortStableFunc(m.Parts, func(a, b Part) int {
		_, nth := windowOf(a.Name)
		_, other := windowOf(b.Name)
		return cmp.Or(cmp.Compare(position(a.Name), position(b.Name)), cmp.Compare(nth, other))
	})
}

// Holdings returns the names and descriptions of the parts that can be opened,
// for messages: "cpu.pb.gz (CPU profile of the window)". It returns nil if the
// capture has none.
func (c *Capture) Holdings() []string {
	var list []string
	for _, name := range c.Parts() {
		if kind, ok := KindOf(name); ok {
			name += " (" + kind.What + ")"
		}
		list = append(list, name)
	}
	return list
}
