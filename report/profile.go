package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
)

// WallProfile writes where the wall time of complete requests was spent, as a profile
// for `go tool pprof`, speedscope and other readers of pprof's format. The samples sum
// to the endpoints' wall times, to the nanosecond.
//
// Each stack ends in a frame that is not a function but what the time was: its bucket
// and phase, such as "[db query]". So a list of the leaves is the list of what requests
// waited for. The leaf's caller is the call site in the service's own code, and what
// called that follows as it was recorded. The frames of libraries and of the runtime in
// between are left out, since they would come first in every list: the labels "called"
// and "in" name the first and the last of them, which pprof's -tagleaf puts back. Each
// stack starts with its endpoint, so a goroutine that worked for a request appears below
// the request's endpoint. The labels endpoint, route, bucket, phase, system and state
// are for -tagfocus, -tagroot and -tags.
//
// For a trace without requests, the profile is the wall time of the goroutines, by the
// function they began in and by bucket.
func WallProfile(w io.Writer, b *breakdown.Breakdown) error {
	pb := newProfileBuilder(b)
	pb.p.SampleType = []*profile.ValueType{{Type: "count", Unit: "count"}, {Type: "wall", Unit: "nanoseconds"}}
	pb.p.DefaultSampleType = "wall"
	pb.p.PeriodType, pb.p.Period = &profile.ValueType{Type: "wall", Unit: "nanoseconds"}, 1
	requests := int64(0)
	for i := range b.Endpoints {
		requests += b.Endpoints[i].Requests
		pb.addWall(&b.Endpoints[i])
	}
	about := "wall time of " + counted(requests, "complete request", "complete requests") + ", by timesink"
	if len(b.Roots) > 0 && requests == 0 {
		about = "wall time of goroutines, by timesink: the trace holds no request"
		pb.addRoots(b.Roots)
	}
	pb.p.Comments = append([]string{about}, pb.p.Comments...)
	return writeProfile(w, pb.p)
}

func (pb *profileBuilder) addRoots(roots []breakdown.Root) {
	for _, r := range roots {
		for _, t := range r.Buckets {
			if t.Total == 0 {
				continue
			}
			labels := map[string][]string{}
			setLabel(labels, "bucket", t.Bucket.String())
			stack := []*profile.Location{pb.leaf(t.Bucket, breakdown.NoPhase), pb.location(breakdown.Frame{Function: r.Function})}
			pb.p.Sample = append(pb.p.Sample, &profile.Sample{Location: stack, Value: []int64{0, t.Total}, Label: labels})
		}
	}
}

// addWall adds an endpoint's complete requests. Time without a recorded stack is added
// by bucket.
func (pb *profileBuilder) addWall(e *breakdown.Endpoint) {
	var told [breakdown.NumBuckets]int64
	if e.Detail != nil {
		for _, s := range e.Detail.Stacks {
			told[s.Bucket] += s.Time
			pb.addStack(e, s)
		}
	}
	for _, t := range e.Buckets {
		if rest := t.Total - told[t.Bucket]; rest != 0 {
			pb.addStack(e, breakdown.StackTime{Bucket: t.Bucket, Time: rest})
		}
	}
}

func (pb *profileBuilder) addStack(e *breakdown.Endpoint, s breakdown.StackTime) {
	labels := endpointLabels(e)
	setLabel(labels, "bucket", s.Bucket.String())
	setLabel(labels, "phase", s.Phase.String())
	stack := []*profile.Location{pb.leaf(s.Bucket, s.Phase)}
	if c := s.Cause; c != nil {
		own, theirs := ownFrames(c)
		for _, f := range own {
			stack = append(stack, pb.location(f))
		}
		setLabel(labels, "system", c.System)
		setLabel(labels, "state", state(c))
		if n := len(theirs); n > 0 {
			setLabel(labels, "in", theirs[0].Function)
			setLabel(labels, "called", theirs[n-1].Function)
		}
	}
	stack = append(stack, pb.word("endpoint: "+title(e)))
	pb.p.Sample = append(pb.p.Sample, &profile.Sample{Location: stack, Value: []int64{s.Count, s.Time}, Label: labels})
}

// leaf returns the frame that says what the time was.
func (pb *profileBuilder) leaf(b breakdown.Bucket, p breakdown.Phase) *profile.Location {
	return pb.word("[" + strings.TrimSpace(b.String()+" "+p.String()) + "]")
}

// ownFrames returns the frames of a cause from its call site outwards, and those that the
// call site called, both with the innermost first. A call site that is not on the stack
// started what is: then it is the only one of its own.
func ownFrames(c *breakdown.Cause) (own, called []breakdown.Frame) {
	if c.Site.Function == "" {
		return nil, c.Stack
	}
	if i := siteOn(c); i >= 0 {
		return c.Stack[i:], c.Stack[:i]
	}
	return []breakdown.Frame{c.Site}, c.Stack
}

// state returns the state of a cause's goroutine, with the runtime's reason.
func state(c *breakdown.Cause) string {
	if c.Reason == "" {
		return c.State
	}
	return c.State + ": " + c.Reason
}

// A profileBuilder builds a profile that lists each function and each location once.
type profileBuilder struct {
	p         *profile.Profile
	functions map[[2]string]*profile.Function // by name and file
	locations map[breakdown.Frame]*profile.Location
}

func newProfileBuilder(b *breakdown.Breakdown) *profileBuilder {
	p := &profile.Profile{DurationNanos: b.Source.Window, Comments: profileComments(b)}
	// Without these flags pprof would look for the binary, which is not known.
	p.Mapping = []*profile.Mapping{{ID: 1, HasFunctions: true, HasFilenames: true, HasLineNumbers: true, HasInlineFrames: true}}
	if at := b.Source.CapturedAt; at != nil {
		p.TimeNanos = at.UnixNano()
	}
	return &profileBuilder{p: p, functions: map[[2]string]*profile.Function{}, locations: map[breakdown.Frame]*profile.Location{}}
}

// profileComments returns comments that name a profile's evidence.
func profileComments(b *breakdown.Breakdown) []string {
	var list []string
	if b.Source.Case != "" {
		list = append(list, "case: "+clean(b.Source.Case))
	}
	if b.Source.Target != "" {
		list = append(list, "target: "+clean(b.Source.Target))
	}
	if b.Source.Redacted {
		list = append(list, "redacted")
	}
	return list
}

func (pb *profileBuilder) location(f breakdown.Frame) *profile.Location {
	loc := pb.locations[f]
	if loc == nil {
		name := clean(f.Function)
		fn := pb.function(name, name, clean(f.File))
		loc = pb.newLocation(fn, f)
	}
	return loc
}

// word returns a frame that is not a function. Without a system name, pprof shows the
// name unchanged; with both, it would cut what looks like a C++ parameter list.
func (pb *profileBuilder) word(text string) *profile.Location {
	f := breakdown.Frame{Function: "\x00" + text} // no function has such a name
	loc := pb.locations[f]
	if loc == nil {
		loc = pb.newLocation(pb.function(clean(text), "", ""), f)
	}
	return loc
}

func (pb *profileBuilder) newLocation(fn *profile.Function, f breakdown.Frame) *profile.Location {
	loc := &profile.Location{ID: uint64(len(pb.p.Location) + 1), Mapping: pb.p.Mapping[0], Line: []profile.Line{{Function: fn, Line: int64(f.Line)}}}
	pb.p.Location = append(pb.p.Location, loc)
	pb.locations[f] = loc
	return loc
}

func (pb *profileBuilder) function(name, system, file string) *profile.Function {
	key := [2]string{name, file}
	fn := pb.functions[key]
	if fn == nil {
		fn = &profile.Function{ID: uint64(len(pb.p.Function) + 1), Name: name, SystemName: system, Filename: file}
		pb.p.Function = append(pb.p.Function, fn)
		pb.functions[key] = fn
	}
	return fn
}

// endpointLabels returns the labels that identify an endpoint.
func endpointLabels(e *breakdown.Endpoint) map[string][]string {
	labels := map[string][]string{}
	name := e.Name
	if name == "" {
		name = breakdown.Unnamed
	}
	setLabel(labels, "endpoint", name)
	setLabel(labels, "route", e.Route)
	return labels
}

func setLabel(labels map[string][]string, key, value string) {
	if value != "" {
		labels[key] = []string{clean(value)}
	}
}

func writeProfile(w io.Writer, p *profile.Profile) error {
	if err := p.Write(w); err != nil {
		return fmt.Errorf("writing the profile: %w", err)
	}
	return nil
}
