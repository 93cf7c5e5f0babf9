package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
)

// CPUProfile writes CPU profiles that were taken while the trace was, merged, with
// the labels endpoint and route on what requests used: a profile says nothing of
// requests, but the trace holds the same samples and knows them. Each sample that
// the trace has in a request is taken, by its stack, out of those of the profile,
// whose totals stay as they were. The rest, what ran for no request or while no
// trace did, has no such label.
//
// Without a profile, it is made of the trace's samples alone: those of requests.
func CPUProfile(w io.Writer, b *breakdown.Breakdown, profiles ...io.Reader) error {
	p, err := readProfiles(profiles)
	if err != nil {
		return err
	}
	if p == nil {
		return writeProfile(w, sampledProfile(b))
	}
	if err := labelSamples(p, b); err != nil {
		return err
	}
	cleanProfile(p)
	return writeProfile(w, p)
}

// readProfiles reads and merges what is not nil; it is nil where there is nothing.
func readProfiles(readers []io.Reader) (*profile.Profile, error) {
	var list []*profile.Profile
	for _, r := range readers {
		if r == nil {
			continue
		}
		p, err := profile.Parse(r)
		if err != nil {
			return nil, fmt.Errorf("reading the CPU profile: %w", err)
		}
		list = append(list, p)
	}
	if len(list) < 2 {
		return slices.Concat(list, []*profile.Profile{nil})[0], nil
	}
	p, err := profile.Merge(list)
	if err != nil {
		return nil, fmt.Errorf("merging the CPU profiles: %w", err)
	}
	return p, nil
}

// An owner is an endpoint, or with no labels nobody, and how many of the samples
// of one stack are its own and not yet handed out.
type owner struct {
	labels map[string][]string
	left   int64
}

// labelSamples splits the samples of a profile by the endpoints that they are of.
func labelSamples(p *profile.Profile, b *breakdown.Breakdown) error {
	counts := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "samples" && t.Unit == "count" })
	if counts < 0 {
		return errors.New("labelling the CPU profile: it counts no samples, so it is none of Go's")
	}
	there := map[string]int64{}
	total := int64(0)
	for _, s := range p.Sample {
		there[sampleKey(s)] += s.Value[counts]
		total += s.Value[counts]
		if slices.Min(s.Value) < 0 || total < 0 {
			return errors.New("labelling the CPU profile: it holds a sample of less than nothing, so it is none of Go's")
		}
	}
	owners, traced, found := ownersOf(b, there)
	var out []*profile.Sample
	for _, s := range p.Sample {
		out = append(out, handOut(s, s.Value[counts], owners[sampleKey(s)])...)
	}
	p.Sample = out
	p.Comments = append(p.Comments, fmt.Sprintf("labels endpoint and route by timesink: %d of %d samples; the trace has %d of requests, and %d of those are here",
		found, total, traced, found))
	p.Comments = append(p.Comments, profileComments(b)...)
	return nil
}

// ownersOf says of each stack whose how many of its samples are. The trace may have
// more of a stack than the profile, which is then shared by what it has.
func ownersOf(b *breakdown.Breakdown, there map[string]int64) (owners map[string][]owner, traced, found int64) {
	owners = map[string][]owner{}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Detail == nil {
			continue
		}
		labels := endpointLabels(e)
		for _, s := range e.Detail.Samples {
			traced += s.Samples
			if key := stackKey(s.Stack); there[key] > 0 {
				owners[key] = append(owners[key], owner{labels, s.Samples})
			}
		}
	}
	for key, list := range owners {
		sum := int64(0)
		for _, o := range list {
			sum += o.left
		}
		if sum > there[key] {
			parts := split(there[key], lefts(list))
			for i := range list {
				list[i].left = parts[i]
			}
			sum = there[key]
		}
		found += sum
		owners[key] = append(list, owner{left: there[key] - sum})
	}
	return owners, traced, found
}

// handOut splits a sample among the owners of its stack. It takes what it hands out
// from what they have left, so that with the last sample of a stack all is.
func handOut(s *profile.Sample, count int64, owners []owner) []*profile.Sample {
	if len(owners) == 0 || count <= 0 {
		return []*profile.Sample{s}
	}
	counts := split(count, lefts(owners))
	parts := make([]*profile.Sample, len(owners))
	for i, o := range owners {
		owners[i].left -= counts[i]
		part := *s
		part.Value = make([]int64, len(s.Value))
		if o.labels != nil {
			part.Label = maps.Clone(s.Label)
			if part.Label == nil {
				part.Label = map[string][]string{}
			}
			for key, value := range o.labels { // beside what the service itself put there
				part.Label[key] = slices.Concat(part.Label[key], value)
			}
		}
		parts[i] = &part
	}
	for k, v := range s.Value {
		for i, share := range split(v, counts) {
			parts[i].Value[k] = share
		}
	}
	return slices.DeleteFunc(parts, func(part *profile.Sample) bool {
		return !slices.ContainsFunc(part.Value, func(v int64) bool { return v != 0 })
	})
}

func lefts(owners []owner) []int64 {
	list := make([]int64, len(owners))
	for i, o := range owners {
		list[i] = o.left
	}
	return list
}

// split divides n, which is not negative, in proportion to weights, into whole
// numbers that sum to n: what rounding down leaves goes to the largest remainders,
// of equal ones to the first.
func split(n int64, weights []int64) []int64 {
	sum := uint64(0)
	for _, w := range weights {
		sum += uint64(w)
	}
	parts, remainders := make([]int64, len(weights)), make([]uint64, len(weights))
	left := n
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(n), uint64(w))
		quotient, remainder := bits.Div64(hi, lo, sum)
		parts[i], remainders[i] = int64(quotient), remainder
		left -= parts[i]
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(remainders[j], remainders[i]) })
	for _, i := range order[:left] {
		parts[i]++
	}
	return parts
}

// sampleKey tells the stacks of a profile apart as stackKey does those of a trace.
func sampleKey(s *profile.Sample) string {
	var stack []breakdown.Frame
	for _, loc := range s.Location {
		for _, l := range loc.Line { // the innermost of what was inlined comes first
			if l.Function != nil {
				stack = append(stack, breakdown.Frame{Function: l.Function.Name, Line: int(l.Line)})
			}
		}
	}
	return stackKey(stack)
}

// stackKey is a stack's functions and lines, without what a profile and a trace
// tell of it differently: a profile leaves out runtime.goexit, and a trace the
// arguments of types.
func stackKey(stack []breakdown.Frame) string {
	if n := len(stack); n > 0 && stack[n-1].Function == "runtime.goexit" {
		stack = stack[:n-1]
	}
	var key strings.Builder
	for _, f := range stack {
		name := f.Function
		if i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']'); i >= 0 && j > i {
			name = name[:i] + name[j+1:]
		}
		key.WriteString(name)
		key.WriteByte(0)
		key.WriteString(strconv.Itoa(f.Line))
		key.WriteByte(0)
	}
	return key.String()
}

// defaultPeriod is what a sample stands for, in ns, where nothing says it: Go takes
// a hundred a second.
const defaultPeriod = 10_000_000

// sampledProfile is made of the trace's samples.
func sampledProfile(b *breakdown.Breakdown) *profile.Profile {
	pb := newProfileBuilder(b)
	period := int64(defaultPeriod)
	for _, e := range slices.Backward(b.Endpoints) {
		if len(e.CPU) > 0 && e.CPU[0].Samples > 0 {
			period = e.CPU[0].Self / e.CPU[0].Samples
		}
	}
	pb.p.SampleType = []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}
	pb.p.PeriodType, pb.p.Period = &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, period
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if e.Detail == nil {
			continue
		}
		for _, s := range e.Detail.Samples {
			var stack []*profile.Location
			for _, f := range s.Stack {
				stack = append(stack, pb.location(f))
			}
			pb.p.Sample = append(pb.p.Sample, &profile.Sample{Location: stack, Value: []int64{s.Samples, s.Samples * period}, Label: endpointLabels(e)})
		}
	}
	pb.p.Comments = append([]string{"the trace's CPU samples of requests, by timesink: no CPU profile was kept, so what ran for no request is missing"}, pb.p.Comments...)
	return pb.p
}

// cleanProfile makes what the service named safe to look at.
func cleanProfile(p *profile.Profile) {
	for _, f := range p.Function {
		f.Name, f.SystemName, f.Filename = clean(f.Name), clean(f.SystemName), clean(f.Filename)
	}
	for _, m := range p.Mapping {
		m.File, m.BuildID = clean(m.File), clean(m.BuildID)
	}
	for _, s := range p.Sample {
		s.Label = cleanLabels(s.Label)
		s.NumLabel = cleanLabels(s.NumLabel)
		s.NumUnit = cleanLabels(s.NumUnit)
	}
	for i := range p.Comments {
		p.Comments[i] = clean(p.Comments[i])
	}
}

// cleanLabels is a copy: samples may share theirs.
func cleanLabels[T string | int64](labels map[string][]T) map[string][]T {
	cleaned := map[string][]T{}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		values := slices.Clone(labels[key])
		if texts, ok := any(values).([]string); ok {
			for i := range texts {
				texts[i] = clean(texts[i])
			}
		}
		cleaned[clean(key)] = append(cleaned[clean(key)], values...)
	}
	return cleaned
}
