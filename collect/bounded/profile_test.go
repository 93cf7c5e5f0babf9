package bounded_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"timesink/collect/bounded"
)

// A message is a protobuf message under construction.
type message []byte

func (m message) bytes(field int, value []byte) message {
	m = binary.AppendUvarint(m, uint64(field<<3|2))
	m = binary.AppendUvarint(m, uint64(len(value)))
	return append(m, value...)
}

func (m message) number(field int, value uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(field<<3)), value)
}

// valid is a profile with a sample type, to which hostile fields are added.
func valid() message {
	m := message{}.bytes(1, message{}.number(1, 1).number(2, 1))
	return m.bytes(6, nil).bytes(6, []byte("x"))
}

func repeated(n int, field int, value message) []byte {
	one := message{}.bytes(field, value)
	return append(valid(), bytes.Repeat(one, n)...)
}

var value = message{}.number(2, 1) // of a sample

// hostileProfiles become as large as can be when parsed, each by another field.
var hostileProfiles = map[string][]byte{
	"samples":   repeated(200_000, 2, value),
	"locations": repeated(200_000, 4, nil),
	"functions": repeated(200_000, 5, nil),
	"mappings":  repeated(200_000, 3, nil),
	"strings":   repeated(500_000, 6, nil),
	"types":     repeated(200_000, 1, nil),
	"comments":  append(valid(), message{}.bytes(13, make([]byte, 300_000))...),
	"lines":     append(valid(), message{}.bytes(4, bytes.Repeat(message{}.bytes(4, nil), 300_000))...),
	"values":    append(valid(), message{}.bytes(2, message{}.bytes(2, make([]byte, 500_000)))...),
	"stack":     append(valid(), message{}.bytes(2, append(message{}.bytes(1, make([]byte, 500_000)), value...))...),
	"labels":    append(valid(), message{}.bytes(2, append(bytes.Repeat(message{}.bytes(3, message{}.number(1, 1).number(2, 1)), 100_000), value...))...),
	"labeled":   repeated(20_000, 2, append(message{}.bytes(3, message{}.number(1, 1).number(2, 1)), value...)),
	"numbered":  repeated(20_000, 2, append(message{}.bytes(3, message{}.number(1, 1).number(3, 1).number(4, 1)), value...)),
}

// The parser must not allocate more than what was counted. What it allocates in all
// bounds what it holds at any time.
func TestTheCostOfAProfileBoundsWhatItsParserAllocates(t *testing.T) {
	for name, data := range hostileProfiles {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := profile.ParseUncompressed(data)
		runtime.ReadMemStats(&after)
		allocated := int64(after.TotalAlloc - before.TotalAlloc)
		cost, cerr := bounded.ProfileCost(data)
		if cerr != nil {
			t.Errorf("%s: %v", name, cerr)
		}
		t.Logf("%-9s %7d bytes, allocates %9d, counted as %9d (%v)", name, len(data), allocated, cost, err)
		if allocated > cost+1<<20 { // beside other goroutines of the test
			t.Errorf("%s: %d bytes were allocated, and %d counted", name, allocated, cost)
		}
		runtime.KeepAlive(p)
	}
}

func TestAHostileProfileIsTooLarge(t *testing.T) {
	for name, data := range hostileProfiles {
		for _, data := range [][]byte{data, zipped(data)} {
			if _, err := bounded.Profile(bytes.NewReader(data), 8<<20); !errors.Is(err, bounded.ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// A few bytes of stacks that are long only when written out.
	lines := message{}.number(1, 1).bytes(4, message{}.number(1, 1))
	lines = append(lines, bytes.Repeat(message{}.bytes(4, message{}.number(1, 1)), 5_000)...)
	long := valid().bytes(5, message{}.number(1, 1)).bytes(4, lines)
	stack := append(message{}.bytes(1, bytes.Repeat([]byte{1}, 5_000)), value...)
	if _, err := bounded.Profile(bytes.NewReader(long.bytes(2, stack)), 100<<20); !errors.Is(err, bounded.ErrTooLarge) {
		t.Errorf("25 million frames: %v", err)
	}
	bomb := zipped(make([]byte, 64<<20))
	if _, err := bounded.Profile(bytes.NewReader(bomb), 8<<20); !errors.Is(err, bounded.ErrTooLarge) {
		t.Error(err)
	}
	// A gzip within a gzip is no profile, not something to unpack once more.
	if _, err := bounded.Profile(bytes.NewReader(zipped(bomb)), 8<<20); err == nil || errors.Is(err, bounded.ErrTooLarge) {
		t.Error(err)
	}
}

func TestAnOrdinaryProfileIsRead(t *testing.T) {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 0); err != nil {
		t.Fatal(err)
	}
	p, err := bounded.Profile(&buf, 8<<20)
	if err != nil || len(p.Sample) == 0 || len(p.Function) == 0 {
		t.Fatalf("%v, %v", p, err)
	}
	for _, no := range []string{"", "x", "<html>", strings.Repeat("\xff", 100)} {
		if _, err := bounded.Profile(strings.NewReader(no), 8<<20); err == nil || errors.Is(err, bounded.ErrTooLarge) {
			t.Errorf("%q: %v", no, err)
		}
	}
}

// FuzzProfile checks that no profile takes more memory than it was counted as.
func FuzzProfile(f *testing.F) {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add([]byte(valid().bytes(2, value)))
	for _, data := range hostileProfiles {
		f.Add(data[:min(len(data), 4000)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := bounded.Profile(bytes.NewReader(data), most)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*most {
			t.Errorf("%d bytes were allocated (%v)", got, err)
		}
		if err == nil && p.CheckValid() != nil {
			t.Error("the profile is not valid")
		}
	})
}
