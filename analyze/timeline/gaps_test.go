package timeline

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"timesink/analyze/breakdown"
)

// A row of generations that a trace was taken apart into, each without the header.
type apart struct {
	header []byte
	parts  [][]byte
}

func takeApart(t testing.TB, data []byte) apart {
	t.Helper()
	bounds, err := Boundaries(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	a := apart{header: data[:headerLen]}
	from := int64(headerLen)
	for _, to := range bounds {
		a.parts = append(a.parts, data[from:to])
		from = to
	}
	return a
}

// trace puts a trace together of generations by their place in the row.
func (a apart) trace(places ...int) []byte {
	data := slices.Clone(a.header)
	for _, i := range places {
		data = append(data, a.parts[i]...)
	}
	return data
}

// places are the numbers from first to last.
func places(first, last int) (all []int) {
	for i := first; i <= last; i++ {
		all = append(all, i)
	}
	return all
}

// renumbered changes the number in each batch of a generation.
func renumbered(part []byte, number func(old uint64) uint64) []byte {
	var out []byte
	for i := 0; i < len(part); {
		if part[i] == evEndOfGeneration {
			return append(out, part[i:]...)
		}
		at := i + batchGen(part[i])
		old, n := binary.Uvarint(part[at:])
		out = binary.AppendUvarint(append(out, part[i:at]...), number(old))
		from := at + n
		at = from
		size := uint64(0)
		for range 3 {
			size, n = binary.Uvarint(part[at:])
			at += n
		}
		i = at + int(size)
		out = append(out, part[from:i]...)
	}
	return out
}

// behindFirst puts a batch behind the first one of a generation. It has the same
// number, thread and time.
func behindFirst(part []byte, typ []byte, data []byte) []byte {
	from := batchGen(part[0])
	at := from
	for range 3 {
		_, n := binary.Uvarint(part[at:])
		at += n
	}
	batch := append(append(slices.Clone(typ), part[from:at]...), binary.AppendUvarint(nil, uint64(len(data)))...)
	size, n := binary.Uvarint(part[at:])
	return slices.Insert(slices.Clone(part), at+n+int(size), append(batch, data...)...)
}

// foreign adds what our own decoder leaves to the ordinary reader: a string of a
// number that no runtime gives.
func foreign(part []byte) []byte {
	return behindFirst(part, []byte{evEventBatch}, append(binary.AppendUvarint([]byte{evStrings, evString}, 1<<40), 0))
}

// padded makes a generation larger by what tells nothing.
func padded(part []byte, batches int) []byte {
	for range batches {
		part = behindFirst(part, []byte{evExperimentalBatch, 1}, make([]byte, maxBatchSize))
	}
	return part
}

// A reading is what a trace was read as.
type reading struct {
	requests []string
	complete int
	sum      Summary
}

// add adds what another trace was read as: the next one of the same process.
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
			a.Roots = append(a.Roots, Root{Function: root.Function})
			i = len(a.Roots) - 1
		}
		a.Roots[i].Goroutines += root.Goroutines
		for b := range root.Spent {
			a.Roots[i].Spent[b] += root.Spent[b]
		}
	}
}

// sums are those of a summary's figures that add up from stretch to stretch.
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

// rows are recorded traces of three generations and more: one of each version of Go,
// and one of another processor.
func rows(t testing.TB) map[string]apart {
	t.Helper()
	all, rows := fixtures(t), map[string]apart{}
	const other = "go1.26-arm64"
	all[other] = services(t)[other]
	for name, data := range all {
		if s, err := newSplitter(bytes.NewReader(data)); err != nil || s.version < firstSplit {
			continue
		}
		if a := takeApart(t, data); len(a.parts) >= 3 {
			rows[name] = a
		}
	}
	if testing.Short() { // one in which an event ends each generation, and one in which none does
		return map[string]apart{"go1.22": rows["go1.22"], "go1.26": rows["go1.26"]}
	}
	for version := firstSplit; version <= lastKnown; version++ {
		if _, ok := rows[fmt.Sprintf("go1.%d", version)]; !ok {
			t.Fatalf("no trace of Go 1.%d has three generations", version)
		}
	}
	return rows
}

// whole is all of it.
func (a apart) whole() []byte { return a.trace(places(0, len(a.parts)-1)...) }

// first is the number that its first generation has.
func (a apart) first() uint64 {
	number, _ := binary.Uvarint(a.parts[0][batchGen(a.parts[0][0]):])
	return number
}

// A fault is a trace whose generations are not what they were. The stretches are
// what is read of it, each a trace without a gap.
type fault struct {
	name                    string
	row                     func(last int) []int
	stretches               func(last int) [][2]int
	missing, late, repeated func(last int) []int
}

func noPlace(int) []int { return nil }

func only(i int) func(int) []int { return func(int) []int { return []int{i} } }

func whole(last int) [][2]int { return [][2]int{{0, last}} }

var faults = []fault{
	{"nothing is wrong", func(last int) []int { return places(0, last) }, whole, noPlace, noPlace, noPlace},
	{"the first is missing", func(last int) []int { return places(1, last) },
		func(last int) [][2]int { return [][2]int{{1, last}} }, noPlace, noPlace, noPlace},
	{"the second is missing", func(last int) []int { return slices.Delete(places(0, last), 1, 2) },
		func(last int) [][2]int { return [][2]int{{0, 0}, {2, last}} }, only(1), noPlace, noPlace},
	{"all between are missing", func(last int) []int { return []int{0, last} },
		func(last int) [][2]int { return [][2]int{{0, 0}, {last, last}} },
		func(last int) []int { return places(1, last-1) }, noPlace, noPlace},
	{"the first two are swapped", func(last int) []int { return append([]int{1, 0}, places(2, last)...) },
		func(last int) [][2]int { return [][2]int{{1, last}} }, noPlace, only(0), noPlace},
	{"the last two are swapped", func(last int) []int { return append(places(0, last-2), last, last-1) },
		func(last int) [][2]int { return [][2]int{{0, last - 2}, {last, last}} },
		noPlace, func(last int) []int { return []int{last - 1} }, noPlace},
	{"they are reversed", func(last int) []int { all := places(0, last); slices.Reverse(all); return all },
		func(last int) [][2]int { return [][2]int{{last, last}} }, noPlace, func(last int) []int { return places(0, last-1) }, noPlace},
	{"one is doubled", func(last int) []int { return slices.Insert(places(0, last), 1, 1) }, whole, noPlace, noPlace, only(1)},
	{"the last is doubled", func(last int) []int { return append(places(0, last), last) }, whole,
		noPlace, noPlace, func(last int) []int { return []int{last} }},
	{"all come twice", func(last int) []int { return append(places(0, last), places(0, last)...) }, whole,
		noPlace, noPlace, func(last int) []int { return places(0, last) }},
	{"two dumps overlap", func(last int) []int { return append(places(0, 2), places(1, last)...) }, whole,
		noPlace, noPlace, func(int) []int { return []int{1, 2} }},
	{"one comes late, and twice", func(last int) []int { return append(slices.Delete(places(0, last), 1, 2), 1, 1) },
		func(last int) [][2]int { return [][2]int{{0, 0}, {2, last}} }, noPlace, only(1), only(1)},
}

// FaultyTraces are seeds for fuzzing: the faults of one trace in which an event ends
// each generation, and of one in which none does.
func FaultyTraces(t testing.TB) (all [][]byte) {
	for _, name := range []string{"go1.22", "go1.26"} {
		a := rows(t)[name]
		for _, f := range faults {
			all = append(all, a.trace(f.row(len(a.parts)-1)...))
		}
		all = append(all, append(a.trace(0), a.trace(1)...), a.trace(0)[:len(a.header)+len(a.parts[0])/2])
	}
	return all
}

// What is missing, comes late or comes again is told, and the rest is what its
// stretches are by themselves: no state is carried across a gap.
func TestGenerationsThatAreNotWhereTheyBelongAreTold(t *testing.T) {
	for name, a := range rows(t) {
		last := len(a.parts) - 1
		for _, f := range faults {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				got := readAs(t, bytes.NewReader(a.trace(f.row(last)...)), 1, plenty)
				var want reading
				for _, s := range f.stretches(last) {
					want.add(t, readAs(t, bytes.NewReader(a.trace(places(s[0], s[1])...)), 1, plenty))
				}
				if !slices.Equal(got.requests, want.requests) {
					t.Errorf("%d requests, %d of them complete; the stretches have %d and %d", len(got.requests), got.complete, len(want.requests), want.complete)
				}
				if got.sums() != want.sums() {
					t.Errorf("the sums are\n%s, those of the stretches\n%s", got.sums(), want.sums())
				}
				for _, told := range []struct {
					what string
					n    Numbers
					want []int
				}{{"missing", got.sum.Missing, f.missing(last)}, {"late", got.sum.Late, f.late(last)}, {"repeated", got.sum.Repeated, f.repeated(last)}} {
					if all := numbersOf(told.n, a.first()); !slices.Equal(all, told.want) || told.n.Count != uint64(len(all)) {
						t.Errorf("%v are told as %s (%d), not %v", all, told.what, told.n.Count, told.want)
					}
				}
				if got.sum.Cut != nil {
					t.Errorf("the trace is said to be cut: %v", got.sum.Cut)
				}
			})
		}
	}
}

// numbersOf are the numbers as places in a row that begins with first.
func numbersOf(n Numbers, first uint64) (all []int) {
	for _, r := range n.Runs {
		all = append(all, places(int(r.First-first), int(r.Last-first))...)
	}
	slices.Sort(all)
	return all
}

// What a trace covers and what it lost make up the time it tells of, whatever was
// done to its generations.
func TestWhatALossLeavesUncovered(t *testing.T) {
	for name, a := range rows(t) {
		last := len(a.parts) - 1
		untouched := readAs(t, bytes.NewReader(a.whole()), 1, plenty).sum
		if untouched.Lost != 0 || untouched.Covered != untouched.End-untouched.Start {
			t.Errorf("%s: %d ns are covered and %d lost of %d", name, untouched.Covered, untouched.Lost, untouched.End-untouched.Start)
		}
		for _, f := range faults {
			if f.name == "the first is missing" {
				continue // nothing tells that there was one
			}
			sum := readAs(t, bytes.NewReader(a.trace(f.row(last)...)), 1, plenty).sum
			loses := len(f.missing(last))+len(f.late(last)) > 0
			if loses != (sum.Lost > 0) {
				t.Errorf("%s, %s: %d ns are lost", name, f.name, sum.Lost)
			}
			// Generations overlap a little, or leave a little between them.
			off := sum.Covered + sum.Lost - untouched.Covered
			if max(off, -off) > untouched.Covered/20 || !loses && off != 0 {
				t.Errorf("%s, %s: %d ns are covered and %d lost of %d", name, f.name, sum.Covered, sum.Lost, untouched.Covered)
			}
		}
	}
}

// A fault is told the same by any number of workers, while the trace still grows, by
// either decoder, and where generations are read in pieces.
func TestAFaultIsToldTheSameOnWhateverWayItIsRead(t *testing.T) {
	for name, a := range rows(t) {
		if strings.HasPrefix(name, "service") {
			continue // these are large
		}
		last := len(a.parts) - 1
		other := apart{header: a.header}
		longest := 0
		for _, part := range a.parts {
			other.parts = append(other.parts, foreign(part))
			longest = max(longest, len(part))
		}
		g := generation{number: 1, data: other.trace(0)}
		if _, ok := decodeWire(g, newClasses(rulesTable()), nil); ok {
			t.Fatal("our own decoder takes what should be left to the ordinary reader")
		}
		pieces := plenty
		pieces.decoding = int64(3 * longest)
		for _, f := range faults {
			row := a.trace(f.row(last)...)
			want := readAs(t, bytes.NewReader(row), 1, plenty)
			same := func(how string, got reading) {
				t.Helper()
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s, %s: %d requests and %+v, not %d and %+v", name, f.name, how, len(got.requests), got.sum, len(want.requests), want.sum)
				}
			}
			same("by workers", readAs(t, bytes.NewReader(row), 4, plenty))
			same("as it grows", readAs(t, iotest.HalfReader(iotest.OneByteReader(bytes.NewReader(row))), 2, plenty))
			same("by the ordinary reader", readAs(t, bytes.NewReader(other.trace(f.row(last)...)), 2, plenty))
			same("in pieces", readAs(t, bytes.NewReader(row), 2, pieces))
		}
	}
}

// A trace begins with whatever number the process has come to, and where the numbers
// end they begin again: nothing is lost there.
func TestNumbersBeginAnywhereAndGoRound(t *testing.T) {
	for name, a := range rows(t) {
		want := readAs(t, bytes.NewReader(a.whole()), 1, plenty)
		first := a.first()
		for _, from := range []uint64{1, 127, 1 << 20, math.MaxUint32 - 1, math.MaxUint32 + 1, math.MaxUint64 - 1} {
			b := apart{header: a.header}
			for i, part := range a.parts {
				b.parts = append(b.parts, renumbered(part, func(old uint64) uint64 {
					number := from + old - first
					if from < math.MaxUint32 && number > math.MaxUint32 || number < from {
						number = uint64(i-1) - 1 + 4 // two came before
					}
					return number
				}))
			}
			got := readAs(t, bytes.NewReader(b.whole()), 2, plenty)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, from %d on: %+v", name, from, got.sum)
			}
		}
	}
}

// What follows a trace in the same file is named for what it is, and takes nothing
// away from the trace.
func TestWhatFollowsATraceIsTold(t *testing.T) {
	for name, a := range rows(t) {
		one := a.whole()
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
				t.Errorf("%s and %s: %d bytes are lost of %d", name, c.name, got.sum.CutBytes, len(c.follows))
			}
			got.sum.Cut, got.sum.CutBytes = nil, 0
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s and %s: %+v", name, c.name, got.sum)
			}
		}
	}
}

// A table that ends early is damage, though the ordinary reader then returns io.EOF as
// at the end of a trace: the generation must not vanish in silence.
func TestATableThatEndsEarlyIsDamage(t *testing.T) {
	for name, a := range rows(t) {
		b := apart{header: a.header, parts: slices.Clone(a.parts)}
		b.parts[1] = behindFirst(b.parts[1], []byte{evEventBatch}, []byte{evStrings, evString})
		sum := readAs(t, bytes.NewReader(b.whole()), 2, plenty).sum
		if sum.Generations != 1 || sum.Cut == nil || sum.CutBytes == 0 {
			t.Errorf("%s: %d generations were read, and then %v", name, sum.Generations, sum.Cut)
		}
	}
}

// A trace cut within its first generation says so, wherever it was cut.
func TestATraceCutWithinItsFirstGenerationSaysSo(t *testing.T) {
	for name, a := range rows(t) {
		first := a.trace(0)
		for at := headerLen + 1; at < len(first); at += 1 + len(first)/97 {
			_, err := Read(t.Context(), bytes.NewReader(first[:at]), rulesTable(), 2, func(*breakdown.Request) {})
			if !errors.Is(err, ErrNoGeneration) || !errors.Is(err, ErrEndsWithin) || !strings.Contains(err.Error(), "it ends within its first generation") {
				t.Errorf("%s, cut at %d of %d: %v", name, at, len(first), err)
			}
		}
	}
}

// Under a bound on memory a generation that is too large is a gap like one that is
// missing.
func TestASkippedGenerationIsAGap(t *testing.T) {
	tight := plenty
	tight.decoding = 8 * maxBatchSize
	for name, a := range rows(t) {
		last := len(a.parts) - 1
		b := apart{header: a.header, parts: slices.Clone(a.parts)}
		b.parts[1] = padded(b.parts[1], 6)
		got := readAs(t, bytes.NewReader(b.whole()), 2, tight)
		want := readAs(t, bytes.NewReader(a.trace(slices.Delete(places(0, last), 1, 2)...)), 2, plenty)
		if got.sum.Skipped != 1 || got.sum.Missing.Count != 0 || want.sum.Missing.Count != 1 {
			t.Errorf("%s: %d are skipped, %d missing", name, got.sum.Skipped, got.sum.Missing.Count)
		}
		got.sum.Skipped, got.sum.SkippedBytes, got.sum.Missing, want.sum.Missing = 0, 0, Numbers{}, Numbers{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d requests and %+v\nwithout the generation %d and %+v", name, len(got.requests), got.sum, len(want.requests), want.sum)
		}
	}
}

func TestNumbersKeepTheirRuns(t *testing.T) {
	var n Numbers
	for _, r := range []Run{{3, 5}, {6, 6}, {9, 9}, {8, 8}, {20, 30}} {
		n.add(r)
	}
	if want := []Run{{3, 6}, {8, 9}, {20, 30}}; !slices.Equal(n.Runs, want) || n.Count != 17 {
		t.Errorf("%+v, not %v", n, want)
	}
	for _, number := range []uint64{3, 6, 8, 9, 25} {
		if !n.take(number) || n.take(number) {
			t.Errorf("%d cannot be taken once", number)
		}
	}
	if want := []Run{{4, 5}, {20, 24}, {26, 30}}; !slices.Equal(n.Runs, want) || n.Count != 12 {
		t.Errorf("%+v, not %v", n, want)
	}
	for i := range uint64(3 * maxRuns) {
		n.add(Run{100 + 2*i, 100 + 2*i})
	}
	n.add(Run{1 << 20, math.MaxUint64})
	if len(n.Runs) > maxRuns || n.Count != math.MaxUint64-1<<20+1+12+3*maxRuns {
		t.Errorf("%d runs of %d numbers", len(n.Runs), n.Count)
	}
}
