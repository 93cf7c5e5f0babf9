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

// Profiles are parsed profiles.
type Profiles = []*profile.Profile

// CPUProfile merges CPU profiles recorded while the trace was, and writes them with the
// labels endpoint and route on the samples of requests. A profile knows nothing of
// requests, but the trace holds the same samples and knows their requests; samples are
// matched by stack. The totals stay as they were. Samples that belong to no request, or
// were taken while no trace was recorded, get no such label.
//
// Nil profiles are skipped. Without a profile, the result consists of the trace's
// samples in requests alone. CPUProfile changes the profiles. It returns an error if a
// profile is not a CPU profile as Go writes it.
func CPUProfile(w io.Writer, b *breakdown.Breakdown, profiles ...*profile.Profile) error {
	p, err := mergeProfiles(profiles)
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

// mergeProfiles merges the profiles that are not nil. It returns nil if there are none.
func mergeProfiles(profiles []*profile.Profile) (*profile.Profile, error) {
	list := slices.DeleteFunc(slices.Clone(profiles), func(p *profile.Profile) bool { return p == nil })
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		return list[0], nil
	}
	p, err := profile.Merge(list)
	if err != nil {
		return nil, fmt.Errorf("merging the CPU profiles: %w", err)
	}
	return p, nil
}

// An owner is an endpoint, or no endpoint if labels is nil, with the number of samples
// of one stack that it has yet to receive.
type owner struct {
	labels map[string][]string
	left   int64
}

// labelSamples splits the samples of a profile by endpoint.
func labelSamples(p *profile.Profile, b *breakdown.Breakdown) error {
	counts := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "samples" && t.Unit == "count" })
	if counts < 0 {
		return errors.New("labeling the CPU profile: it counts no samples, so Go did not write it")
	}
	there := map[string]int64{}
	total := int64(0)
	for _, s := range p.Sample {
		there[sampleKey(s)] += s.Value[counts]
		total += s.Value[counts]
		if slices.Min(s.Value) < 0 || total < 0 {
			return errors.New("labeling the CPU profile: it holds a negative sample, so Go did not write it")
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

// ownersOf returns, for each stack, how many of its samples each endpoint owns. If the
// trace has more samples of a stack than the profile, the profile's are shared in
// proportion.
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

// handOut splits a sample among the owners of its stack, and reduces what they have
// left. The last sample of a stack leaves nothing.
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
			for key, value := range o.labels { // in addition to the service's own labels
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

// split divides n, which must not be negative, in proportion to weights into integers
// that sum to n. Rounding leftovers go to the largest remainders, and among equal ones
// to the first.
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

// sampleKey is stackKey for a profile's sample.
func sampleKey(s *profile.Sample) string {
	var stack []breakdown.Frame
	for _, loc := range s.Location {
		for _, l := range loc.Line { // of inlined functions, the innermost comes first
			if l.Function != nil {
				stack = append(stack, breakdown.Frame{Function: l.Function.Name, Line: int(l.Line)})
			}
		}
	}
	return stackKey(stack)
}

// stackKey returns a stack's functions and lines, without the differences between
// profiles and traces: profiles leave out runtime.goexit, and traces leave out type
// arguments.
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

// defaultPeriod is the sampling period in ns if it is not known: Go takes a hundred
// samples a second.
const defaultPeriod = 10_000_000

// sampledProfile returns a profile of the trace's samples.
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

// cleanProfile makes the service's names safe to display.
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

// cleanLabels returns a cleaned copy of labels, since samples may share them.
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
