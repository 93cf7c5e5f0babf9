package timeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
)

// A reading is the result of reading a trace.
type reading struct {
	requests []string
	complete int
	sum      Summary
}

// add adds the result of another trace, the next one of the same process.
func (r *reading) add(t testing.TB, o reading) {
	r.requests = append(r.requests, o.requests...)
	r.complete += o.complete
	a, b := &r.sum, &o.sum
	for _, s := range []struct{ to, from *int64 }{{&a.Events, &b.Events}, {&a.Requests, &b.Requests}, {&a.Covered, &b.Covered},
		{&a.Running, &b.Running}, {&a.Samples, &b.Samples}, {&a.SamplesRunning, &b.SamplesRunning}} {
		*s.to += *s.from
	}
	a.Generations += b.Generations
	for _, root := range b.Roots {
		i := slices.IndexFunc(a.Roots, func(r Root) bool { return r.Function == root.Function })
		if i < 0 {
			a.Roots = append(a.Roots, Root{Function: root.Function, runtime: root.runtime})
			i = len(a.Roots) - 1
		}
		a.Roots[i].Goroutines += root.Goroutines
		a.Roots[i].Jobs += root.Jobs
		a.Roots[i].Turns += root.Turns
		a.Roots[i].ended += root.ended
		for b := range root.Spent {
			a.Roots[i].Spent[b] += root.Spent[b]
		}
	}
}

// sums are the figures of a summary that add up over stretches.
func (r *reading) sums() string {
	s := r.sum
	roots := map[string]Root{}
	for _, root := range s.Roots {
		roots[root.Function] = root
	}
	return fmt.Sprint(s.Generations, s.Events, s.Requests, s.Covered, s.Running, s.Samples, s.SamplesRunning, roots)
}

func readAs(t testing.TB, r io.Reader, workers int, sh shares) reading {
	t.Helper()
	var out reading
	sum, err := (&Reader{Table: rulesTable(), Workers: workers}).read(t.Context(), r, sh, func(r *breakdown.Request) {
		r.Stands = breakdown.Standing{} // what stands at the end of a trace, not of each stretch
		text, err := json.Marshal(r)
		if err := errors.Join(err, r.Check()); err != nil {
			t.Error(err)
		}
		out.requests = append(out.requests, string(text))
		if !r.Incomplete {
			out.complete++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	out.sum = *sum
	return out
}

var plenty = sharesOf(DefaultMemory)

var late = regexp.MustCompile(`"Late":\[[^]]*\]`)

// withoutLate returns the requests without the estimate of what was noticed late: how long
// waits usually last is learned before a gap as well.
func (r *reading) withoutLate() (out []string) {
	for _, text := range r.requests {
		out = append(out, late.ReplaceAllString(text, ""))
	}
	return out
}

// Generations that are missing, late or repeated are reported, and the rest is the
// same as its stretches read separately: no state is carried across a gap.
func TestMisplacedGenerationsAreReported(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		last := len(a.Parts) - 1
		for _, f := range tracetest.Faults {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				got := readAs(t, bytes.NewReader(a.Trace(f.Row(last)...)), 1, plenty)
				var want reading
				for _, s := range f.Stretches(last) {
					want.add(t, readAs(t, bytes.NewReader(a.Trace(tracetest.Places(s[0], s[1])...)), 1, plenty))
				}
				if !slices.Equal(got.withoutLate(), want.withoutLate()) {
					t.Errorf("%d requests, %d of them complete; the stretches alone have %d and %d", len(got.requests), got.complete, len(want.requests), want.complete)
				}
				if got.sums() != want.sums() {
					t.Errorf("the sums are\n%s, those of the stretches alone\n%s", got.sums(), want.sums())
				}
				for _, told := range []struct {
					what string
					n    Numbers
					want []int
				}{{"missing", got.sum.Missing, f.Missing(last)}, {"late", got.sum.Late, f.Late(last)}, {"repeated", got.sum.Repeated, f.Repeated(last)}} {
					if all := numbersOf(told.n, a.First()); !slices.Equal(all, told.want) || told.n.Count != uint64(len(all)) {
						t.Errorf("%v are reported as %s (%d), want %v", all, told.what, told.n.Count, told.want)
					}
				}
				if got.sum.Cut != nil {
					t.Errorf("the trace is reported as cut: %v", got.sum.Cut)
				}
			})
		}
	}
}

// numbersOf returns the numbers as positions in a sequence that begins with first.
func numbersOf(n Numbers, first uint64) (all []int) {
	for _, r := range n.Runs {
		all = append(all, tracetest.Places(int(r.First-first), int(r.Last-first))...)
	}
	slices.Sort(all)
	return all
}

// The time that a trace covers and the time that it lost add up to its window,
// whatever was done to its generations.
func TestCoveredAndLostAddUp(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		last := len(a.Parts) - 1
		untouched := readAs(t, bytes.NewReader(a.Whole()), 1, plenty).sum
		if untouched.Lost != 0 || untouched.Covered != untouched.End-untouched.Start {
			t.Errorf("%s: %d ns covered and %d lost, of %d", name, untouched.Covered, untouched.Lost, untouched.End-untouched.Start)
		}
		for _, f := range tracetest.Faults {
			if f.Name == "the first is missing" {
				continue // nothing shows that there was one
			}
			sum := readAs(t, bytes.NewReader(a.Trace(f.Row(last)...)), 1, plenty).sum
			loses := len(f.Missing(last))+len(f.Late(last)) > 0
			if loses != (sum.Lost > 0) {
				t.Errorf("%s, %s: %d ns lost", name, f.Name, sum.Lost)
			}
			// Generations overlap a little, or leave a little between them.
			off := sum.Covered + sum.Lost - untouched.Covered
			if max(off, -off) > untouched.Covered/20 || !loses && off != 0 {
				t.Errorf("%s, %s: %d ns covered and %d lost, of %d", name, f.Name, sum.Covered, sum.Lost, untouched.Covered)
			}
		}
	}
}

// A fault is reported identically for any number of workers, while the trace still
// grows, by either decoder, and if generations are read in pieces.
func TestFaultsAreReportedAlikeHoweverRead(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		if strings.HasPrefix(name, "service") {
			continue // these are large
		}
		last := len(a.Parts) - 1
		other := tracetest.Apart{Header: a.Header}
		longest := 0
		for _, part := range a.Parts {
			other.Parts = append(other.Parts, tracetest.Foreign(part))
			longest = max(longest, len(part))
		}
		pieces := plenty
		pieces.decoding = int64(3 * longest)
		for _, f := range tracetest.Faults {
			row := a.Trace(f.Row(last)...)
			want := readAs(t, bytes.NewReader(row), 1, plenty)
			same := func(how string, got reading) {
				t.Helper()
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s, %s: %d requests and %+v, want %d and %+v", name, f.Name, how, len(got.requests), got.sum, len(want.requests), want.sum)
				}
			}
			same("by workers", readAs(t, bytes.NewReader(row), 4, plenty))
			same("as it grows", readAs(t, iotest.HalfReader(iotest.OneByteReader(bytes.NewReader(row))), 2, plenty))
			same("by the ordinary reader", readAs(t, bytes.NewReader(other.Trace(f.Row(last)...)), 2, plenty))
			same("in pieces", readAs(t, bytes.NewReader(row), 2, pieces))
		}
	}
}

// A trace begins with whatever number the process has reached, and numbers wrap
// around: nothing is lost there.
func TestGenerationNumbersWrapAround(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		want := readAs(t, bytes.NewReader(a.Whole()), 1, plenty)
		first := a.First()
		for _, from := range []uint64{1, 127, 1 << 20, math.MaxUint32 - 1, math.MaxUint32 + 1, math.MaxUint64 - 1} {
			b := tracetest.Apart{Header: a.Header}
			for i, part := range a.Parts {
				b.Parts = append(b.Parts, tracetest.Renumbered(part, func(old uint64) uint64 {
					number := from + old - first
					if from < math.MaxUint32 && number > math.MaxUint32 || number < from {
						number = uint64(i-1) - 1 + 4 // two came before
					}
					return number
				}))
			}
			got := readAs(t, bytes.NewReader(b.Whole()), 2, plenty)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, starting at %d: %+v", name, from, got.sum)
			}
		}
	}
}

// What follows a trace in the same file is identified, and does not affect the trace.
func TestTrailingInputIsReported(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		one := a.Whole()
		want := readAs(t, bytes.NewReader(one), 1, plenty)
		for _, c := range []struct {
			name, follows, says string
			is                  error
		}{
			{"itself", string(one), "another trace begins at byte %d", ErrAnother},
			{"a trace of another version", "go 1.21 trace\x00\x00\x00 and so on", "another trace begins at byte %d", ErrAnother},
			{"a page", "<html>", "damaged at byte %d: event type 60 where a batch should begin", nil},
			{"a line's end", "\n", "damaged at byte %d: event type 10 where a batch should begin", nil},
			{"zeros", strings.Repeat("\x00", 4096), "damaged at byte %d: event type 0 where a batch should begin", nil},
		} {
			got := readAs(t, io.MultiReader(bytes.NewReader(one), strings.NewReader(c.follows)), 2, plenty)
			if cut := got.sum.Cut; cut == nil || cut.Error() != fmt.Sprintf(c.says, len(one)) || c.is != nil && !errors.Is(cut, c.is) {
				t.Errorf("%s and %s: %v", name, c.name, got.sum.Cut)
			}
			if got.sum.CutBytes != int64(len(c.follows)) {
				t.Errorf("%s and %s: %d bytes lost, of %d", name, c.name, got.sum.CutBytes, len(c.follows))
			}
			got.sum.Cut, got.sum.CutBytes = nil, 0
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s and %s: %+v", name, c.name, got.sum)
			}
		}
	}
}

// A table that ends early is damage, although the ordinary reader then returns io.EOF
// as at the end of a trace: the generation must not disappear silently.
func TestTruncatedTableIsDamage(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		b := tracetest.Apart{Header: a.Header, Parts: slices.Clone(a.Parts)}
		b.Parts[1] = tracetest.Broken(b.Parts[1])
		sum := readAs(t, bytes.NewReader(b.Whole()), 2, plenty).sum
		if sum.Generations != 1 || sum.Cut == nil || sum.CutBytes == 0 {
			t.Errorf("%s: %d generations read, then %v", name, sum.Generations, sum.Cut)
		}
	}
}

// A trace cut within its first generation reports that, wherever it was cut.
func TestTraceCutWithinFirstGeneration(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		first := a.Trace(0)
		for at := 17; at < len(first); at += 1 + len(first)/97 {
			_, err := Read(t.Context(), bytes.NewReader(first[:at]), rulesTable(), 2, func(*breakdown.Request) {})
			if !errors.Is(err, ErrNoGeneration) || !errors.Is(err, ErrEndsWithin) || !strings.Contains(err.Error(), "it ends within its first generation") {
				t.Errorf("%s, cut at %d of %d: %v", name, at, len(first), err)
			}
		}
	}
}

// Under a memory limit, a generation that is too large is a gap like a missing one.
func TestSkippedGenerationIsGap(t *testing.T) {
	tight := plenty
	tight.decoding = 8 * 64 << 10
	for name, a := range tracetest.Rows(t) {
		last := len(a.Parts) - 1
		b := tracetest.Apart{Header: a.Header, Parts: slices.Clone(a.Parts)}
		b.Parts[1] = tracetest.Padded(b.Parts[1], 6)
		got := readAs(t, bytes.NewReader(b.Whole()), 2, tight)
		want := readAs(t, bytes.NewReader(a.Trace(slices.Delete(tracetest.Places(0, last), 1, 2)...)), 2, plenty)
		if got.sum.Skipped != 1 || got.sum.Missing.Count != 0 || want.sum.Missing.Count != 1 {
			t.Errorf("%s: %d skipped, %d missing", name, got.sum.Skipped, got.sum.Missing.Count)
		}
		got.sum.Skipped, got.sum.SkippedBytes, got.sum.Missing, want.sum.Missing = 0, 0, Numbers{}, Numbers{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d requests and %+v\nwithout the generation %d and %+v", name, len(got.requests), got.sum, len(want.requests), want.sum)
		}
	}
}
