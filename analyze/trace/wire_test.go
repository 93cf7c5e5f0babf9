package trace

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
)

// ordinary decodes a generation with the ordinary reader.
func ordinary(g encoded, c *shared, s *store) (d Generation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return decodeEvents(g, c, s)
}

// A pair is what each of the two decoders keeps from generation to generation.
type pair struct{ own, ordinary *shared }

func newPair() pair { return pair{newShared(Options{}), newShared(Options{})} }

// agree compares our decoder with the ordinary reader on one generation and reports whether
// ours decoded it.
func (p pair) agree(t testing.TB, g encoded) bool {
	t.Helper()
	got, ok := decodeWire(g, p.own, nil)
	if !ok {
		return false
	}
	want, err := ordinary(g, p.ordinary, nil)
	if err != nil {
		t.Fatalf("generation %d: our decoder accepts what the ordinary reader rejects: %v", g.number, err)
	}
	for i := range min(len(got.records), len(want.records)) {
		if got.records[i] != want.records[i] {
			t.Fatalf("generation %d, record %d of %d:\nours     %+v\nordinary %+v", g.number, i, len(want.records), got.records[i], want.records[i])
		}
	}
	if len(got.records) != len(want.records) {
		t.Fatalf("generation %d: %d records, the ordinary reader has %d", g.number, len(got.records), len(want.records))
	}
	got.records, want.records = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("generation %d:\nours     %+v\nordinary %+v", g.number, got, want)
	}
	if !slices.Equal(p.own.reasons, p.ordinary.reasons) {
		t.Fatalf("generation %d: reasons %q, the ordinary reader has %q", g.number, p.own.reasons, p.ordinary.reasons)
	}
	return true
}

// generations returns the whole generations of a trace.
func generations(t testing.TB, data []byte) []encoded {
	t.Helper()
	s, err := newSplitter(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	var all []encoded
	for {
		g, err := s.generation()
		if err != nil {
			return all
		}
		g.data = slices.Clone(g.data) // it has a capacity of a megabyte
		all = append(all, g)
	}
}

// recorded traces the busy program in testdata with this machine's Go. The runtime itself
// sometimes crashes when it stops a trace with traceallocfree set, while it frees its
// buffers in traceAdvance. Nothing was recorded then, so recorded starts again.
func recorded(t testing.TB, length, pause time.Duration, godebug string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		run := exec.CommandContext(ctx, "go", "run", "testdata/record/main.go", "testdata/record/pull.go",
			"-for", length.String(), "-pause", pause.String(), "-force")
		run.Env = append(os.Environ(), "GODEBUG="+godebug)
		var stderr bytes.Buffer
		run.Stderr = &stderr
		data, err := run.Output()
		switch crash := stderr.String(); {
		case err == nil:
			return data
		case strings.HasPrefix(crash, "SIGSEGV") && strings.Contains(crash, "\nruntime.traceAdvance.func"):
			t.Log("the runtime crashed when it stopped the trace")
		default:
			t.Fatalf("%v\n%s", err, crash)
		}
	}
}

// recordedGenerations records until there are that many generations. The number per length of
// time depends on the machine: a generation ends after its period once every thread has
// reacted, which other programs can delay by several periods.
func recordedGenerations(t testing.TB, atLeast int, godebug string) []encoded {
	t.Helper()
	for length := 800 * time.Millisecond; ; length *= 2 {
		if all := generations(t, recorded(t, length, time.Millisecond, godebug)); len(all) >= atLeast {
			return all
		}
	}
}

// uvarints reads numbers of any length as uvarint does, wherever the input ends.
func TestNumbersAreReadAlike(t *testing.T) {
	data := []byte{0x80, 0x00} // longer than it need be
	for n := range 65 {
		data = binary.AppendUvarint(data, 1<<n-1)
		data = binary.AppendUvarint(data, 0x5555555555555555>>(64-n))
	}
	data = append(data, bytes.Repeat([]byte{0xff}, 11)...) // too long
	for end := range len(data) + 1 {
		for start := range end + 1 {
			var got, want [maxNumbers]uint64
			next := start
			for i := range want {
				want[i], next = uvarint(data[:end], next)
			}
			if at := uvarints(data[:end], start, got[:]); at != next {
				t.Fatalf("from %d of %d bytes: the next number is at %d, want %d", start, end, at, next)
			}
			if got != want {
				t.Fatalf("from %d of %d bytes: %x, want %x", start, end, got, want)
			}
		}
	}
}

func TestDecodersAgreeOnServices(t *testing.T) {
	for name, data := range tracetest.Services(t) {
		p := newPair()
		for _, g := range generations(t, data) {
			if _, known := wireHeaders[string(g.data[:headerLen])]; !p.agree(t, g) && known {
				t.Errorf("%s: generation %d was left to the ordinary reader", name, g.number)
			}
		}
	}
}

func TestDecodersAgreeOnEachVersionOfGo(t *testing.T) {
	for name, data := range tracetest.Recorded(t) {
		t.Run(name, func(t *testing.T) {
			all := generations(t, data)
			if len(all) < 3 {
				t.Fatalf("%d generations", len(all))
			}
			p := newPair()
			for _, g := range all {
				if !p.agree(t, g) {
					t.Errorf("generation %d was left to the ordinary reader", g.number)
				}
			}
		})
	}
}

// Short generations begin in the middle of system calls, mark assists, sweeps and
// collections.
func TestDecodersAgreeOnABusyProgram(t *testing.T) {
	for _, godebug := range []string{"traceadvanceperiod=20000000", "traceadvanceperiod=100000000,traceallocfree=1"} {
		t.Run(godebug, func(t *testing.T) {
			p := newPair()
			left := 0
			all := recordedGenerations(t, 5, godebug)
			for _, g := range all {
				if !p.agree(t, g) {
					left++
					if _, err := ordinary(g, newShared(Options{}), nil); err == nil {
						t.Errorf("generation %d was left to the ordinary reader, which decodes it", g.number)
					}
				}
			}
			if left > len(all)/2 {
				t.Errorf("only %d of %d generations were decoded", len(all)-left, len(all))
			}
		})
	}
}

// With other times in the same events the sequence numbers determine the order: heads must
// wait, and ties must be broken alike.
func TestDecodersAgreeOnWrongClocks(t *testing.T) {
	decoded, total := 0, 0
	for _, data := range tracetest.Recorded(t) {
		for _, g := range generations(t, data)[:2] {
			for seed := range uint64(12) {
				total++
				loose := loosen(g)
				loose.jitter(seed + 1)
				if newPair().agree(t, loose.encoded()) {
					decoded++
				}
			}
		}
	}
	if decoded < total/4 {
		t.Errorf("only %d of %d were decoded", decoded, total)
	}
}

// Other packages' tests use Foreign to have the ordinary reader decode a generation. It must
// do that.
func TestAForeignGenerationIsLeftToTheOrdinaryReader(t *testing.T) {
	for name, a := range tracetest.Rows(t) {
		a.Parts[0] = tracetest.Foreign(a.Parts[0])
		g := encoded{number: a.First(), data: a.Trace(0)}
		if newPair().agree(t, g) {
			t.Errorf("%s: our decoder decodes it", name)
		}
		if _, err := ordinary(g, newShared(Options{}), nil); err != nil {
			t.Errorf("%s: the ordinary reader rejects it: %v", name, err)
		}
	}
}

func TestDecodersAgreeOnTheReadersFixtures(t *testing.T) {
	for name, data := range tracetest.ReaderFixtures(t) {
		t.Run(name, func(t *testing.T) {
			p := newPair()
			for _, g := range generations(t, data) {
				if p.agree(t, g) || name == "large-id" { // an id that no runtime uses
					continue
				}
				if _, err := ordinary(g, newShared(Options{}), nil); err == nil {
					t.Errorf("generation %d was left to the ordinary reader, which decodes it", g.number)
				}
			}
			p.agree(t, encoded{data: data})
		})
	}
}

// smallGenerations returns the generations of all fixtures below a size, always in the same
// order.
func smallGenerations(t testing.TB, below int) (small []encoded) {
	t.Helper()
	all := tracetest.ReaderFixtures(t)
	maps.Copy(all, tracetest.Recorded(t))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, g := range generations(t, all[name]) {
			if len(g.data) < below {
				small = append(small, g)
			}
		}
	}
	return small
}

// With single events or bytes of tables changed most generations are invalid. The decoders
// must agree on the others.
func TestDecodersAgreeOnChangedEvents(t *testing.T) {
	small := smallGenerations(t, 20<<10)
	rng := rand.New(rand.NewPCG(1, 2))
	decoded, total := 0, 8000
	for range total {
		loose := loosen(small[rng.IntN(len(small))])
		events := 1
		for _, b := range loose.batches {
			events += len(b.events) + len(b.raw)
		}
		if seed := rng.Uint64N(32); seed < 16 {
			loose.jitter(seed)
		}
		for range 1 + rng.IntN(3) {
			which := rng.IntN(events)
			loose.edit([]byte{byte(which >> 8), byte(which), byte(rng.Uint32()), byte(1<<rng.IntN(9) - 1)})
		}
		if newPair().agree(t, loose.encoded()) {
			decoded++
		}
	}
	if decoded < total/8 {
		t.Errorf("only %d of %d were decoded", decoded, total)
	}
}

// Tables can be most of a generation. The records' capacity depends on its events only.
func TestTablesTakeNoRoomForRecords(t *testing.T) {
	loose := loosen(encoded{data: tracetest.ByThread(t, `
		thread 0:
		ProcStatus dt=1 p=0 pstatus=1
		GoStatus dt=1 g=1 m=0 gstatus=2`)})
	for id := range uint64(500) {
		table := binary.AppendUvarint([]byte{evStrings, evString}, id+1)
		table = append(binary.AppendUvarint(table, 1000), make([]byte, 1000)...)
		loose.batches = append(loose.batches, looseBatch{generation: 1, at: 1000, raw: table})
	}
	d, ok := decodeWire(loose.encoded(), newShared(Options{}), nil)
	if !ok || len(d.records) != 2 || cap(d.records) > 10 {
		t.Errorf("decoded: %v, %d records, room for %d", ok, len(d.records), cap(d.records))
	}
}

func TestRunnersAreFoundByTheirID(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var table runnerTable
	want := map[int64]*runner{}
	for range 50_000 {
		id := rng.Int64N(600) << (8 * rng.IntN(2)) // some share their home
		g := table.Find(id)
		if g != want[id] {
			t.Fatalf("goroutine %d: found %+v, want %+v", id, g, want[id])
		}
		switch {
		case g == nil:
			want[id] = table.add(id, StateRunning)
		case rng.IntN(3) > 0:
			table.remove(g)
			delete(want, id)
		}
	}
	if table.Len() != len(want) {
		t.Errorf("%d goroutines, want %d", table.Len(), len(want))
	}
}

// The runtime writes the states of goroutines that did nothing after it has waited for all
// threads, which may be long after the generation's end.
func TestStatesWrittenLateDoNotProlongAGeneration(t *testing.T) {
	last := func(l *looseGeneration) (ours, ordinarily int64) {
		g := l.encoded()
		d, ok := decodeWire(g, newShared(Options{}), nil)
		if !ok {
			t.Fatal("the generation cannot be decoded")
		}
		o, err := ordinary(g, newShared(Options{}), nil)
		if err != nil {
			t.Fatal(err)
		}
		return d.Last, o.Last
	}
	late := 0
	for _, g := range recordedGenerations(t, 2, "") {
		l := loosen(g)
		want, _ := last(&l)
		for i := range l.batches {
			if b := &l.batches[i]; int64(b.thread) == none && len(b.events) > 0 && slices.ContainsFunc(b.events, func(ev looseEvent) bool { return ev.typ == evGoStatus || ev.typ == evGoStatusStack }) {
				b.at += 1 << 24 // many milliseconds on any clock
				late += len(b.events)
			}
		}
		if ours, ordinarily := last(&l); ours != want || ordinarily != want {
			t.Errorf("the generation ends %d ns later, and %d ns as the ordinary reader has it", ours-want, ordinarily-want)
		}
	}
	if late == 0 {
		t.Error("no state was written late")
	}
}
