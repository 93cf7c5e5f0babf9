package breakdown_test

import (
	"regexp"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
)

var (
	name  = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	color = regexp.MustCompile(`^#[0-9a-f]{6}$`)
)

// once checks that no two things in seen share a text.
func once(t *testing.T, seen map[string]string, text, of string) {
	t.Helper()
	if other, ok := seen[text]; ok {
		t.Errorf("%s and %s are both %q", other, of, text)
	}
	seen[text] = of
}

func TestEveryBucketIsDescribed(t *testing.T) {
	names, labels, colors := map[string]string{}, map[string]string{}, map[string]string{}
	patterns := map[breakdown.Pattern]breakdown.Bucket{}
	for b := range breakdown.NumBuckets {
		info := b.Info()
		if !name.MatchString(info.Name) || info.Kind == 0 || info.Label == "" || info.Spoken == "" || info.Meaning == "" {
			t.Errorf("bucket %d is described as %+v", b, info)
		}
		if info.Noun != "" != b.External() || info.Protocols && !b.External() || info.Usual != breakdown.NoPhase && !b.External() {
			t.Errorf("%s has External %v: %+v", b, b.External(), info)
		}
		if info.Usual != breakdown.NoPhase && !slices.Contains(info.Phases, info.Usual) || slices.Contains(info.Phases, breakdown.NoPhase) {
			t.Errorf("the phases %v of %s do not include the usual one, %s", info.Phases, b, info.Usual)
		}
		if !color.MatchString(info.Light) || !color.MatchString(info.Dark) {
			t.Errorf("the colors of %s are %q and %q", b, info.Light, info.Dark)
		}
		p := info.Pattern
		if p.Shape != breakdown.Plain {
			if other, ok := patterns[p]; ok || p.Ink <= 0 || p.Ink >= p.Size {
				t.Errorf("%s has the pattern %+v, and so has %s", b, p, other)
			}
			patterns[p] = b
		}
		once(t, names, info.Name, info.Name)
		once(t, labels, info.Label, info.Name)
		once(t, colors, info.Light, info.Name)
		once(t, colors, info.Dark, info.Name)
	}
}

func TestEveryPhaseIsDescribed(t *testing.T) {
	names, meanings, used := map[string]string{}, map[string]string{}, []breakdown.Phase{breakdown.NoPhase}
	for b := range breakdown.NumBuckets {
		used = append(used, b.Info().Phases...)
	}
	for p := range breakdown.NumPhases {
		info, none := p.Info(), p == breakdown.NoPhase
		if name.MatchString(info.Name) == none || (info.Stage == breakdown.NoStage) != none || info.Meaning == "" {
			t.Errorf("phase %d is described as %+v", p, info)
		}
		if !slices.Contains(used, p) {
			t.Errorf("no bucket has the phase %s", p)
		}
		once(t, names, info.Name, info.Name)
		once(t, meanings, info.Meaning, info.Name)
		if distinct := info.Distinct(); distinct != color.MatchString(info.Light) || distinct != color.MatchString(info.Dark) || distinct != (info.Pattern.Shape != breakdown.Plain) || distinct != (info.Glyph != "") {
			t.Errorf("%s has a color of its own: %v, as %+v", p, distinct, info)
		}
	}
	pool := breakdown.PoolWait.Info()
	if !pool.Distinct() {
		t.Error("waiting for the service's own pool looks like the other side's time")
	}
	for b := range breakdown.NumBuckets {
		info := b.Info()
		if slices.ContainsFunc([]string{info.Light, info.Dark}, func(c string) bool { return c == pool.Light || c == pool.Dark }) || info.Pattern == pool.Pattern {
			t.Errorf("%s looks like waiting for the pool", b)
		}
	}
}

func TestBucketsAreListedByTheirKind(t *testing.T) {
	all := breakdown.BucketsOf(breakdown.External, breakdown.Processor, breakdown.Blocked, breakdown.Unexplained)
	if len(all) != int(breakdown.NumBuckets) || !slices.IsSorted(all) {
		t.Errorf("the buckets are %v", all)
	}
	for _, b := range breakdown.BucketsOf(breakdown.External) {
		if !b.External() {
			t.Errorf("%s is listed as external", b)
		}
	}
}
