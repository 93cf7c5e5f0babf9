package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Schema names the layout of a capture. Under the same number fields are only
// added: readers ignore fields they do not know.
const Schema = "timesink.capture/1"

const (
	schemaPrefix = "timesink.capture/"
	schemaNumber = 1
)

// A Manifest describes a capture: its source, what was requested and what
// arrived. Times are Unix nanoseconds of the client's clock; durations are
// nanoseconds. It contains no secrets: no password, token or header value, and
// no query of a URL.
type Manifest struct {
	Schema string `json:"schema"`
	Tool   Tool   `json:"tool"`
	Target string `json:"target"`
	// Instance is the name of the instance among those of the service, such as a pod's,
	// and Labels are what is known of it: version, zone, node. Both are empty if it was
	// observed alone.
	Instance string  `json:"instance,omitempty"`
	Labels   []Label `json:"labels,omitempty"` // sorted by name
	// CapturedAt is when the window opened: the best estimate of when the
	// service began the trace or, while the trace is running, when it was
	// requested. It is zero before that.
	CapturedAt time.Time `json:"captured_at,omitzero"`
	Asked      Asked     `json:"asked"`
	Window     Window    `json:"window"`
	// Windows are all windows of a capture that has several, in the order of time.
	// CapturedAt and Window are then those of the first.
	Windows []OneWindow `json:"windows,omitempty"`
	// Sampling is set if goroutines were sampled for want of a trace.
	Sampling *Sampling `json:"sampling,omitempty"`
	// Outside is set if the probes are all there is.
	Outside  *Outside  `json:"outside,omitempty"`
	Service  Service   `json:"service"`
	Parts    []Part    `json:"parts"`
	Log      []Event   `json:"log"`
	Warnings []Warning `json:"warnings"`
	// Redacted is set if private data has been masked.
	Redacted *Redacted `json:"redacted,omitempty"`
}

// A Label is a property of an instance: version, zone, node.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Redacted identifies the capture from which a redacted one was made.
type Redacted struct {
	Case string `json:"case"` // see Capture.Case
}

// Tool is the program that made the capture.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
}

// Asked is what the user requested.
type Asked struct {
	Duration int64      `json:"duration_ns"`
	URLs     []AskedURL `json:"urls"`
	Rate     float64    `json:"rate"` // probes per second, over all URLs together
	MaxBytes int64      `json:"max_bytes,omitempty"`
	// Auto is set if the window was to end as soon as the answer is known. Duration is
	// then the longest.
	Auto *Auto `json:"auto,omitempty"`
	// Light is set if several short windows were to be taken within Duration.
	Light *Light `json:"light,omitempty"`
}

// Light is a number of short windows at random moments in place of one long one.
type Light struct {
	Windows int   `json:"windows"`   // at most
	Length  int64 `json:"length_ns"` // of each
}

// Auto is what must be known before a window may end.
type Auto struct {
	Least int64 `json:"least_ns"` // the shortest window
	// Endpoints are those that must be known beside the ones with the most request time,
	// as the user named them.
	Endpoints []string `json:"endpoints,omitempty"`
}

// AskedURL is a URL to probe: its route and its origin.
type AskedURL struct {
	Route string `json:"route"` // "GET /v1/vin/{vin}"
	Host  string `json:"host"`  // the part before the path: "http://localhost:8080", "unix:///run/app.sock:"
}

// Window is the time during which the service was traced, as seen by the
// client.
type Window struct {
	Start int64 `json:"start_ns"` // when the request for the trace was written
	End   int64 `json:"end_ns"`   // when its last byte arrived
	// TraceAsked is the requested duration of the trace, a little less than the
	// CPU profile's whole seconds, so that samples cover the whole trace. It is 0 if the
	// window ended because the trace was enough.
	TraceAsked int64 `json:"trace_asked_ns"`
	// Ended is why the window ended: one of the Ended constants.
	Ended string `json:"ended"`
}

// OneWindow is one of several windows of a capture.
type OneWindow struct {
	CapturedAt time.Time `json:"captured_at,omitzero"` // as in Manifest
	Window
}

// Sampling is how goroutines were sampled in a window without a trace.
type Sampling struct {
	// Why is why there is no trace: one of the Untraced constants.
	Why   string `json:"why"`
	Asked int64  `json:"asked_ns"` // the duration of the window
	// Budget is the share of the service's time that the snapshots may cost, Spent what
	// they did cost, and Longest the most expensive one.
	Budget    float64 `json:"budget"`
	Spent     int64   `json:"spent_ns"`
	Longest   int64   `json:"longest_ns"`
	Snapshots int     `json:"snapshots"`
	Failed    int     `json:"failed,omitempty"` // snapshots that did not arrive
}

// Outside is how a window was measured by probes alone, because the service showed neither
// a trace nor its goroutines.
type Outside struct {
	// Why is why there is no trace: one of the Untraced constants.
	Why   string `json:"why"`
	Asked int64  `json:"asked_ns"` // the duration of the window
}

// Why a window has no trace.
const (
	UntracedAsked   = "asked"         // the user wanted none
	UntracedMissing = "missing"       // the service does not serve it
	UntracedBusy    = "busy"          // another client was taking one
	UntracedTimeout = "write-timeout" // the server's write timeout forbids any
	UntracedCut     = "cut"           // it was cut before any of it could be read
	UntracedOld     = "old-go"        // the service's version of Go writes none that can be read
	UntracedSilent  = "silent"        // the service sent nothing
)

// Why a window ended.
const (
	EndedInTime      = "in-time"     // the service sent everything that was requested
	EndedEnough      = "enough"      // what had arrived was enough
	EndedInterrupted = "interrupted" // the user ended it early
	EndedMaxBytes    = "max-bytes"   // the trace reached the allowed size
	EndedDisk        = "disk"        // the disk was about to fill up, or did
	EndedLag         = "lag"         // the service traced faster than the trace arrived
	EndedCut         = "cut"         // the service or the network cut the stream
	EndedSilent      = "silent"      // nothing came any more, not even when the time was up
	EndedOverhead    = "overhead"    // observing cost the service more than allowed
	EndedOverlong    = "overlong"    // the service went on tracing after its time was up
)

// Service is what the service's endpoints reveal about it. Unknown fields are
// empty.
type Service struct {
	// GoVersion is as exact as possible: "go1.26.8" from a path or a metric, or
	// else what the trace's header allows, "go1.22", "go1.23–go1.24" or "go1.26
	// or newer".
	GoVersion string `json:"go_version,omitempty"`
	// TraceVersion is the trace's format as its header names it, "go 1.26".
	TraceVersion string `json:"trace_version,omitempty"`
	GOMAXPROCS   int    `json:"gomaxprocs,omitempty"`
	Goroutines   int    `json:"goroutines,omitempty"`
	Binary       string `json:"binary,omitempty"`    // path of the executable
	BuildID      string `json:"build_id,omitempty"`  // of the executable
	MainFile     string `json:"main_file,omitempty"` // source file of main.main
	// MutexRate is the rate of runtime.SetMutexProfileFraction: 0 is off, n is
	// one of n contention events. Nil if unknown.
	MutexRate *int `json:"mutex_rate,omitempty"`
	// BlockEvents counts the stacks in the block profile: above zero the block
	// profile is or was on; at zero it is off, or nothing has blocked yet. No
	// endpoint reveals the rate. Nil if unknown.
	BlockEvents *int `json:"block_events,omitempty"`
	// WriteTimeout is the server's write timeout, rounded up to whole seconds,
	// if it limits the window (Go before 1.23).
	WriteTimeout int64      `json:"write_timeout_ns,omitempty"`
	Endpoints    []Endpoint `json:"endpoints"`
}

// Endpoint is one of the service's debug endpoints and what it answered.
type Endpoint struct {
	Name   string `json:"name"` // "trace", "goroutine" …; "index" is the index page
	OK     bool   `json:"ok"`
	Status int    `json:"status,omitempty"` // HTTP status; 0 if there was no answer
	Note   string `json:"note,omitempty"`   // its own description, or its error
	Took   int64  `json:"took_ns"`
}

// Part is one file of the capture.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
	// Source is the requested path and query, "profile?seconds=10".
	Source string `json:"source,omitempty"`
	Took   int64  `json:"took_ns"`
	// Error is why the part is missing or cut short. A part with an error and
	// no size is not in the capture.
	Error string `json:"error,omitempty"`
}

// Event is one step of the collection.
type Event struct {
	Time   time.Time `json:"time"`
	Source string    `json:"source"` // what took the step: "trace", "probes", "index" …
	What   string    `json:"what"`
	Took   int64     `json:"took_ns,omitempty"`
	Bytes  int64     `json:"bytes,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// Warning is a limitation of what the capture can show.
type Warning struct {
	Code    string `json:"code"` // stable, for programs: "max-bytes"
	Message string `json:"message"`
}

// Part returns the entry of the part of that name, or nil.
func (m *Manifest) Part(name string) *Part {
	for i := range m.Parts {
		if m.Parts[i].Name == name {
			return &m.Parts[i]
		}
	}
	return nil
}

// Warn adds a warning.
func (m *Manifest) Warn(code, format string, args ...any) {
	m.Warnings = append(m.Warnings, Warning{Code: code, Message: fmt.Sprintf(format, args...)})
}

// encode returns the manifest as indented JSON. It sets the schema and encodes
// nil slices as empty arrays.
func (m *Manifest) encode() ([]byte, error) {
	m.Schema = Schema
	m.Asked.URLs = orEmpty(m.Asked.URLs)
	m.Service.Endpoints = orEmpty(m.Service.Endpoints)
	m.Parts = orEmpty(m.Parts)
	m.Log = orEmpty(m.Log)
	m.Warnings = orEmpty(m.Warnings)
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return append(data, '\n'), nil
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// partName matches the valid names of parts: no folder, no hidden file, no
// character with a meaning to a shell or a file system.
var partName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// decodeManifest decodes a manifest and validates what the rest of the package
// relies on.
func decodeManifest(data []byte) (*Manifest, error) {
	if values := bytes.Count(data, []byte(",")); values > maxValues {
		return nil, &detailed{ErrDamaged, fmt.Sprintf("manifest.json: more than %d values", maxValues)}
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, &detailed{ErrDamaged, "manifest.json: " + err.Error()}
	}
	if err := checkSchema(head.Schema); err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, &detailed{ErrDamaged, "manifest.json: " + err.Error()}
	}
	if len(m.Windows) > maxWindows {
		return nil, &detailed{ErrDamaged, fmt.Sprintf("manifest.json: more than %d windows", maxWindows)}
	}
	seen := make(map[string]bool)
	for _, p := range m.Parts {
		switch {
		case !partName.MatchString(p.Name) || p.Name == ManifestName:
			return nil, &detailed{ErrDamaged, fmt.Sprintf("manifest.json: part named %q", p.Name)}
		case seen[p.Name]:
			return nil, &detailed{ErrDamaged, fmt.Sprintf("manifest.json: part %s twice", p.Name)}
		case p.Size < 0:
			return nil, &detailed{ErrDamaged, fmt.Sprintf("manifest.json: part %s of %d bytes", p.Name, p.Size)}
		}
		seen[p.Name] = true
	}
	return m, nil
}

// checkSchema returns an error unless schema is this one or an older one.
func checkSchema(schema string) error {
	number, ok := strings.CutPrefix(schema, schemaPrefix)
	if !ok {
		return &detailed{ErrNotCapture, fmt.Sprintf("manifest.json is not a timesink capture's (schema %q)", schema)}
	}
	n, err := strconv.Atoi(number)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n > schemaNumber:
		return &detailed{ErrNewerSchema, fmt.Sprintf("made by a newer timesink (schema %s, this one reads up to %s)", schema, Schema)}
	case err != nil || n < 1:
		return &detailed{ErrNotCapture, fmt.Sprintf("manifest.json is not a timesink capture's (schema %q)", schema)}
	}
	return nil
}
