package timeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/exp/trace"

	"timesink/analyze/rules"
)

// ordinary decodes a generation with the ordinary reader.
func ordinary(g generation, c *classes, reuse []record) (d decoded, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return decodeEvents(g, c, reuse)
}

// A pair of decoders with what each keeps from generation to generation.
type pair struct{ own, ordinary *classes }

var rulesTable = sync.OnceValue(func() *rules.Table { return rules.New() })

func newPair() pair { return pair{newClasses(rulesTable()), newClasses(rulesTable())} }

// agree holds our decoder against the ordinary reader on one generation. It tells
// whether ours decoded it.
func (p pair) agree(t testing.TB, g generation) bool {
	t.Helper()
	got, ok := decodeWire(g, p.own, nil)
	if !ok {
		return false
	}
	want, err := ordinary(g, p.ordinary, nil)
	if err != nil {
		t.Fatalf("generation %d: ours decodes what the ordinary reader refuses: %v", g.number, err)
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

// generations splits a trace as far as it is whole.
func generations(t testing.TB, data []byte) []generation {
	t.Helper()
	s, err := newSplitter(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	var all []generation
	for {
		g, err := s.generation()
		if err != nil {
			return all
		}
		g.data = slices.Clone(g.data) // it has room for a megabyte
		all = append(all, g)
	}
}

// recorded traces the busy program in testdata with this machine's Go.
func recorded(t testing.TB, length, pause time.Duration, godebug string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "go", "run", "testdata/record/main.go", "testdata/record/pull.go",
		"-for", length.String(), "-pause", pause.String(), "-force")
	run.Env = append(os.Environ(), "GODEBUG="+godebug)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	data, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return data
}

// recordedGenerations records until there are that many generations. How many a
// length of time holds is up to the machine: a generation ends when its period
// is over and every thread has been heard, which other programs can delay by
// several periods.
func recordedGenerations(t testing.TB, atLeast int, godebug string) []generation {
	t.Helper()
	for length := 800 * time.Millisecond; ; length *= 2 {
		if all := generations(t, recorded(t, length, time.Millisecond, godebug)); len(all) >= atLeast {
			return all
		}
	}
}

// fixtures are the recorded traces of each version of Go, by name.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return tracesIn(t, "testdata")
}

// services are recorded traces of a service, one of each version of Go, of a flight
// recorder and of another processor.
func services(t testing.TB) map[string][]byte {
	t.Helper()
	return tracesIn(t, "../../cmd/internal/goversions/testdata")
}

func tracesIn(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.trace.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %s: %v", folder, err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".trace.gz")] = data
	}
	return all
}

func TestDecodersAgreeOnServices(t *testing.T) {
	for name, data := range services(t) {
		p := newPair()
		for _, g := range generations(t, data) {
			if _, known := wireHeaders[string(g.data[:headerLen])]; !p.agree(t, g) && known {
				t.Errorf("%s: generation %d was left to the ordinary reader", name, g.number)
			}
		}
	}
}

func TestDecodersAgreeOnEachVersionOfGo(t *testing.T) {
	for name, data := range fixtures(t) {
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

// Short generations begin in the middle of everything: system calls, mark
// assists, sweeps, collections.
func TestDecodersAgreeOnABusyProgram(t *testing.T) {
	for _, godebug := range []string{"traceadvanceperiod=20000000", "traceadvanceperiod=100000000,traceallocfree=1"} {
		t.Run(godebug, func(t *testing.T) {
			p := newPair()
			left := 0
			all := recordedGenerations(t, 5, godebug)
			for _, g := range all {
				if !p.agree(t, g) {
					left++
					if _, err := ordinary(g, newClasses(rulesTable()), nil); err == nil {
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

// With other times in the same events the order is left to the sequence numbers:
// heads must wait, and ties be broken alike.
func TestDecodersAgreeOnWrongClocks(t *testing.T) {
	decoded, total := 0, 0
	for _, data := range fixtures(t) {
		for _, g := range generations(t, data)[:2] {
			for seed := range uint64(12) {
				total++
				loose := loosen(g)
				loose.jitter(seed + 1)
				if newPair().agree(t, loose.generation()) {
					decoded++
				}
			}
		}
	}
	if decoded < total/4 {
		t.Errorf("only %d of %d were decoded", decoded, total)
	}
}

func TestDecodersAgreeOnTheReadersFixtures(t *testing.T) {
	for name, data := range readerFixtures(t) {
		t.Run(name, func(t *testing.T) {
			p := newPair()
			for _, g := range generations(t, data) {
				if p.agree(t, g) || name == "large-id" { // a number no runtime gives
					continue
				}
				if _, err := ordinary(g, newClasses(rulesTable()), nil); err == nil {
					t.Errorf("generation %d was left to the ordinary reader, which decodes it", g.number)
				}
			}
			p.agree(t, generation{data: data})
		})
	}
}

func TestDecodersAgreeOnWhatMayComeNext(t *testing.T) {
	const (
		decoded = "decoded"
		refused = "refused"
		left    = "left to the ordinary reader"
	)
	const running = `
		thread 0:
		ProcStatus dt=1 p=0 pstatus=1
		GoStatus dt=1 g=1 m=0 gstatus=2
		`
	for _, c := range []struct{ name, want, text string }{
		{"a goroutine runs", decoded, running},
		{"one starts where another runs", refused, running + `
			GoStatus dt=1 g=2 m=-1 gstatus=1
			GoStart dt=1 g=2 g_seq=1`},
		{"one starts that was started already", refused, running + `
			GoStop dt=1 reason=0 stack=0
			GoStart dt=1 g=1 g_seq=2`},
		{"a system call ends on a processor that runs", refused, `
			thread 0:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=0 gstatus=3
			GoSyscallEnd dt=1`},
		{"a goroutine in a system call creates another", refused, `
			thread 0:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=0 gstatus=3
			GoCreate dt=1 g=2 new_stack=0 stack=0`},
		{"a goroutine is created twice", refused, running + `
			GoCreate dt=1 g=2 new_stack=0 stack=0
			GoCreate dt=1 g=2 new_stack=0 stack=0`},
		{"a goroutine from C is counted anew after its status", decoded, `
			thread 0:
			GoCreateSyscall dt=1 g=4
			GoSyscallEndBlocked dt=1
			ProcStatus dt=1 p=0 pstatus=2
			ProcStart dt=1 p=0 p_seq=1
			GoStart dt=1 g=4 g_seq=1
			GoStop dt=1 reason=0 stack=0
			GoStatus dt=1 g=4 m=-1 gstatus=1
			GoStart dt=1 g=4 g_seq=1`},
		{"two threads have a goroutine", left, `
			thread 0:
			GoCreateSyscall dt=1 g=4
			thread 1:
			GoStatus dt=9 g=4 m=1 gstatus=3`},
		{"a thread has two goroutines in system calls", refused, `
			thread 0:
			GoCreateSyscall dt=1 g=4
			thread 1:
			GoStatus dt=9 g=5 m=0 gstatus=3`},
		{"a goroutine sits in a system call on another thread", decoded, `
			thread 0:
			GoSyscallEndBlocked dt=20
			thread 1:
			GoStatus dt=9 g=5 m=0 gstatus=3`},
		{"a goroutine sits in a system call on no thread", refused, `
			thread 1:
			GoStatus dt=9 g=5 m=-1 gstatus=3`},
		{"a goroutine's status changes by being told", refused, running + `
			GoStatus dt=1 g=1 m=0 gstatus=4`},
		{"a processor is stolen from its thread", decoded, running + `
			GoSyscallBegin dt=1 p_seq=1 stack=0
			GoSyscallEndBlocked dt=90
			thread 1:
			ProcSteal dt=50 p=0 p_seq=2 m=0`},
		{"a processor is stolen from another thread than its own", refused, running + `
			GoSyscallBegin dt=1 p_seq=1 stack=0
			thread 1:
			ProcStatus dt=1 p=1 pstatus=1
			ProcSteal dt=50 p=0 p_seq=2 m=1`},
		{"a processor's status is told twice", left, running + `
			ProcStatus dt=1 p=0 pstatus=1`},
		{"no thread runs anything", decoded, `
			thread -1:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=-1 gstatus=2
			GoStatus dt=1 g=2 m=-1 gstatus=4
			GoUnblock dt=1 g=2 g_seq=1 stack=0`},
		{"no thread blocks", refused, `
			thread -1:
			ProcStatus dt=1 p=0 pstatus=1
			GoStatus dt=1 g=1 m=-1 gstatus=2
			GoBlock dt=1 reason=0 stack=0`},
		{"no thread starts a processor", refused, `
			thread -1:
			ProcStatus dt=1 p=0 pstatus=2
			ProcStart dt=1 p=0 p_seq=1`},

		{"the world is stopped twice", refused, running + `
			STWBegin dt=1 kind=0 stack=0
			STWBegin dt=1 kind=0 stack=0`},
		{"the world goes on that was not stopped", refused, running + `
			STWEnd dt=1`},
		{"a mark assist begins in another", refused, running + `
			GCMarkAssistBegin dt=1 stack=0
			GCMarkAssistBegin dt=1 stack=0`},
		{"a mark assist ends that did not begin", refused, running + `
			GCMarkAssistEnd dt=1`},
		{"a mark assist that is going on ends", decoded, running + `
			GCMarkAssistActive dt=1 g=1
			GCMarkAssistEnd dt=1`},
		{"a mark assist is going on twice", refused, running + `
			GCMarkAssistActive dt=1 g=1
			GCMarkAssistActive dt=1 g=1`},
		{"a mark assist is going on in a goroutine not known", refused, running + `
			GCMarkAssistActive dt=1 g=2`},
		{"a mark phase that is going on ends", decoded, running + `
			GCActive dt=1 seq=7
			GCEnd dt=1 seq=8
			GCBegin dt=1 seq=9 stack=0`},
		{"a mark phase is going on after it began", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCActive dt=1 seq=2`},
		{"a mark phase is going on after one ended", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCEnd dt=1 seq=2
			GCActive dt=1 seq=3`},
		{"a mark phase begins in another", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCBegin dt=1 seq=2 stack=0`},
		{"a mark phase ends that did not begin", refused, running + `
			GCEnd dt=1 seq=1`},
		{"a mark phase ends too late", refused, running + `
			GCBegin dt=1 seq=1 stack=0
			GCEnd dt=1 seq=3`},
		{"a sweep begins in another", refused, running + `
			GCSweepBegin dt=1 stack=0
			GCSweepBegin dt=1 stack=0`},
		{"a sweep ends that did not begin", refused, running + `
			GCSweepEnd dt=1 swept=0 reclaimed=0`},
		{"a sweep that is going on ends", decoded, running + `
			GCSweepActive dt=1 p=0
			GCSweepEnd dt=1 swept=0 reclaimed=0`},

		{"regions nest", decoded, running + `
			UserRegionEnd dt=1 task=5 name=0 stack=0
			UserRegionBegin dt=1 task=1 name=0 stack=0
			UserRegionBegin dt=1 task=2 name=0 stack=0
			UserRegionEnd dt=1 task=2 name=0 stack=0
			UserRegionEnd dt=1 task=1 name=0 stack=0`},
		{"an outer region ends first", refused, running + `
			UserRegionBegin dt=1 task=1 name=0 stack=0
			UserRegionBegin dt=1 task=2 name=0 stack=0
			UserRegionEnd dt=1 task=1 name=0 stack=0`},
		{"a task begins twice", refused, running + `
			UserTaskBegin dt=1 task=1 parent=0 name=0 stack=0
			UserTaskBegin dt=1 task=1 parent=0 name=0 stack=0`},
		{"a log has a key that is not there", refused, running + `
			UserLog dt=1 task=1 key=1 value=0 stack=0`},
		{"a switch has a stack that is not there", refused, running + `
			GoStop dt=1 reason=0 stack=1`},

		{"a span is freed", decoded, running + `
			SpanFree dt=1 id=1`},
		{"no thread frees a span", refused, `
			thread -1:
			SpanFree dt=1 id=1`},
		{"two generations", refused, `Trace Go1.22
			EventBatch gen=3 m=0 time=1000 size=0` + running + `
			thread -1:
			Frequency freq=15625000`},
		{"two frequencies", refused, running + `
			thread -1:
			Frequency freq=1000`},
		{"no frequency", refused, `Trace Go1.22` + running},
		{"a frequency of zero", left, `Trace Go1.22` + running + `
			thread -1:
			Frequency freq=0`},
		{"clocks of Go 1.25", decoded, `Trace Go1.25` + running + `
			thread -1:
			Sync
			Frequency freq=1000000
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5`},
		{"a frequency apart from the clocks", refused, `Trace Go1.25` + running + `
			thread -1:
			Sync
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5
			thread -1:
			Frequency freq=1000000`},
		{"two clocks", refused, `Trace Go1.25` + running + `
			thread -1:
			Sync
			Frequency freq=1000000
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5
			ClockSnapshot dt=12 mono=3 sec=4 nsec=5`},
		{"no clocks where there should be", refused, `Trace Go1.25` + running + `
			thread -1:
			Sync
			Frequency freq=1000000`},
		{"a version not known", refused, `Trace Go1.27` + running},

		{"a frame of a function without a name", refused, running + `
			thread -1:
			Stacks
			Stack id=1 nframes=1
			pc=1 func=1 file=0 line=1`},
		{"a stack twice", refused, running + `
			thread -1:
			Stacks
			Stack id=1 nframes=1
			pc=1 func=0 file=0 line=1
			Stack id=1 nframes=0`},
		{"a program counter that stands for two lines", decoded, running + `
			GoStop dt=1 reason=0 stack=1
			GoStart dt=1 g=1 g_seq=1
			GoBlock dt=1 reason=0 stack=2
			thread -1:
			Stacks
			Stack id=1 nframes=1
			pc=1 func=0 file=0 line=1
			Stack id=2 nframes=1
			pc=1 func=0 file=0 line=2`},
		{"a string with a number too high for it", left, running + `
			thread -1:
			Strings
			String id=1000000
			data="f"`},
		{"samples on the way", decoded, running + `
			GoStop dt=50 reason=0 stack=0
			thread -1:
			CPUSamples
			CPUSample time=9000 m=0 p=0 g=0 stack=0
			CPUSample time=1010 m=0 p=0 g=1 stack=0
			CPUSample time=1002 m=0 p=0 g=1 stack=0`},
		{"a sample with a stack that is not there", refused, running + `
			thread -1:
			CPUSamples
			CPUSample time=1010 m=0 p=0 g=1 stack=1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := byThread(t, c.text)
			got := decoded
			if !newPair().agree(t, g) {
				got = refused
				if _, err := ordinary(g, newClasses(rulesTable()), nil); err == nil {
					got = left
				}
			}
			if got != c.want {
				_, err := ordinary(g, newClasses(rulesTable()), nil)
				t.Errorf("it is %s, want %s (%.80v)", got, c.want, err)
			}
		})
	}
}

// smallGenerations are those of all fixtures below a size, always in the same
// order.
func smallGenerations(t testing.TB, below int) (small []generation) {
	t.Helper()
	all := readerFixtures(t)
	maps.Copy(all, fixtures(t))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, g := range generations(t, all[name]) {
			if len(g.data) < below {
				small = append(small, g)
			}
		}
	}
	return small
}

// With single events or bytes of tables changed most generations are wrong. What ours makes of the
// others must be the same.
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
		if newPair().agree(t, loose.generation()) {
			decoded++
		}
	}
	if decoded < total/8 {
		t.Errorf("only %d of %d were decoded", decoded, total)
	}
}

// Tables can be most of a generation. Room is made for the records of its events.
func TestTablesTakeNoRoomForRecords(t *testing.T) {
	loose := loosen(byThread(t, `
		thread 0:
		ProcStatus dt=1 p=0 pstatus=1
		GoStatus dt=1 g=1 m=0 gstatus=2`))
	for id := range uint64(500) {
		table := binary.AppendUvarint([]byte{evStrings, evString}, id+1)
		table = append(binary.AppendUvarint(table, 1000), make([]byte, 1000)...)
		loose.batches = append(loose.batches, looseBatch{generation: 1, at: 1000, raw: table})
	}
	d, ok := decodeWire(loose.generation(), newClasses(rulesTable()), nil)
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
		g := table.find(id)
		if g != want[id] {
			t.Fatalf("goroutine %d: found %+v, want %+v", id, g, want[id])
		}
		switch {
		case g == nil:
			want[id] = table.add(id, stateRunning)
		case rng.IntN(3) > 0:
			table.remove(g)
			delete(want, id)
		}
	}
	if table.used != len(want) {
		t.Errorf("%d goroutines, want %d", table.used, len(want))
	}
}

// FuzzDecodersAgree takes data as it is, or one of the recorded generations with
// other times and single events changed: what is only bytes to a fuzzer is
// refused at once, nearly always.
func FuzzDecodersAgree(f *testing.F) {
	for _, data := range readerFixtures(f) {
		if len(data) < 4<<10 {
			f.Add(data, uint8(0), uint64(0))
		}
	}
	recorded := smallGenerations(f, 40<<10)
	for i := range recorded {
		f.Add([]byte{byte(i), byte(7 * i), byte(i / 2), byte(i), 0, byte(i), byte(i), 3}, uint8(i+1), uint64(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, base uint8, seed uint64) {
		g := generation{data: data}
		if base > 0 {
			loose := loosen(recorded[int(base-1)%len(recorded)])
			if seed > 0 {
				loose.jitter(seed)
			}
			loose.edit(data)
			g = loose.generation()
		}
		newPair().agree(t, g)
	})
}

func BenchmarkDecode(b *testing.B) {
	var data []byte
	if file := os.Getenv("TIMESINK_BIG_TRACE"); file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			b.Fatal(err)
		}
	} else {
		data = recorded(b, time.Second, 0, "")
	}
	g := slices.MaxFunc(generations(b, data), func(a, b generation) int { return len(a.data) - len(b.data) })
	bare := func(g generation, _ *classes, _ []record) (d decoded, err error) {
		r, err := trace.NewReader(bytes.NewReader(g.data))
		for err == nil {
			_, err = r.ReadEvent()
			d.events++
		}
		if err == io.EOF {
			err = nil
		}
		return d, err
	}
	own := func(g generation, c *classes, reuse []record) (decoded, error) {
		d, ok := decodeWire(g, c, reuse)
		if !ok {
			return d, fmt.Errorf("not decoded")
		}
		return d, nil
	}
	for _, bench := range []struct {
		name   string
		decode func(generation, *classes, []record) (decoded, error)
	}{{"bare", bare}, {"reader", ordinary}, {"own", own}} {
		b.Run(bench.name, func(b *testing.B) {
			c := newClasses(rulesTable())
			var d decoded
			for b.Loop() {
				var err error
				if d, err = bench.decode(g, c, d.records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(d.events), "ns/event")
		})
	}
}
