package analyze_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
	"timesink/report"
)

// generationsOf returns the generations of a recorded trace of a service, each of
// which an event ends, and the header before them.
func generationsOf(t testing.TB) (header []byte, parts [][]byte) {
	t.Helper()
	data := tracetest.Unzipped(t, "../cmd/internal/goversions/testdata/go1.26-arm64.trace.gz")
	header, data = data[:16], data[16:]
	for i := 0; i < len(data); {
		if data[i] == 52 { // the end of a generation
			parts = append(parts, data[:i+1])
			data, i = data[i+1:], 0
			continue
		}
		i += batchLen(data[i:])
	}
	if len(parts) != 5 {
		t.Fatalf("%d generations", len(parts))
	}
	return header, parts
}

func endpointsOf(t testing.TB, b *breakdown.Breakdown) string {
	text, err := json.MarshalIndent(b.Endpoints, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Warnings name missing, late and repeated generations by number, and say what is
// covered. The figures are those of the remaining stretches, merged.
func TestFaultyGenerationsAreWarnedOf(t *testing.T) {
	header, parts := generationsOf(t)
	of := func(places ...int) []byte {
		data := slices.Clone(header)
		for _, i := range places {
			data = append(data, parts[i]...)
		}
		return data
	}
	whole := analyzed(t, bare(t, of(0, 1, 2, 3, 4)))
	for _, c := range []struct {
		name      string
		trace     []byte
		remains   [][]byte
		seconds   int // of five
		code, say string
	}{
		{"one is missing", of(0, 2, 3, 4), [][]byte{of(0), of(2, 3, 4)}, 4, "generations-missing",
			"generation 2 is missing from the trace: 3.99 s of 5.00 s are covered, and requests that cross the gap count as cut"},
		{"some are missing", of(0, 2, 4), [][]byte{of(0), of(2), of(4)}, 3, "generations-missing",
			"generations 2 and 4 are missing from the trace: 2.99 s of 5.00 s are covered, and requests that cross a gap count as cut"},
		{"two are swapped", of(0, 2, 1, 3, 4), [][]byte{of(0), of(2, 3, 4)}, 4, "generations-out-of-order",
			"generation 2 comes after a later one in the trace and was left out: 3.99 s of 5.00 s are covered"},
		{"all are reversed", of(4, 3, 2, 1, 0), [][]byte{of(4)}, 1, "generations-out-of-order",
			"generations 1 to 4 come after a later one in the trace and were left out: "},
		{"one is doubled", of(0, 1, 1, 2, 3, 4), [][]byte{of(0, 1, 2, 3, 4)}, 5, "generations-repeated",
			"generation 2 is in the trace more than once and was counted once"},
		{"all come twice", of(0, 1, 2, 3, 4, 0, 1, 2, 3, 4), [][]byte{of(0, 1, 2, 3, 4)}, 5, "generations-repeated",
			"generations 1 to 5 are in the trace more than once and were counted once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := analyzed(t, bare(t, c.trace))
			var remains []*capture.Capture
			for _, data := range c.remains {
				remains = append(remains, bare(t, data))
			}
			if got, want := endpointsOf(t, b), endpointsOf(t, analyzed(t, remains...)); got != want {
				t.Errorf("the endpoints are\n%s\nthose of what remains\n%s", got, want)
			}
			b = report.Worded(b)
			i := slices.IndexFunc(b.Warnings, func(w breakdown.Warning) bool { return w.Code == c.code })
			if i < 0 || !strings.HasPrefix(b.Warnings[i].Message, c.say) {
				t.Errorf("warnings %v, want one with %q", b.Warnings, c.say)
			}
			// Each generation covers about a fifth of the time.
			if part := float64(b.Source.Covered) / float64(whole.Source.Window); part < float64(c.seconds)/5-0.02 || part > float64(c.seconds)/5+0.02 {
				t.Errorf("%d of %d ns are covered", b.Source.Covered, whole.Source.Window)
			}
			if off := b.Source.Window - whole.Source.Window; max(off, -off) > whole.Source.Window/100 {
				t.Errorf("the window is %d ns, that of the whole %d", b.Source.Window, whole.Source.Window)
			}

			saved := written(t, c.trace)
			live := analyze.NewLive(0, analyze.Options{Memory: analyze.MinMemory})
			live.Read(t.Context(), iotest.OneByteReader(bytes.NewReader(c.trace)))
			grown, err := live.Finish(t.Context(), saved)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := textOf(t, grown), textOf(t, analyzed(t, saved)); got != want || endpointsOf(t, grown) != endpointsOf(t, b) {
				t.Errorf("live\n%s\nafterwards\n%s", got, want)
			}
		})
	}
	if got := codes(whole); slices.ContainsFunc(got, func(code string) bool { return strings.HasPrefix(code, "generations-") }) {
		t.Errorf("the warnings of the whole trace are %v", got)
	}
}

// A trace cut within its first second says so, with a hint that helps: never to collect
// a longer window.
func TestATraceCutWithinItsFirstGenerationHasAHint(t *testing.T) {
	header, parts := generationsOf(t)
	data := append(slices.Clone(header), parts[0][:len(parts[0])/2]...)
	for ended, want := range map[string]string{
		"":                       "copy it again",
		capture.EndedInTime:      "copy it again",
		capture.EndedInterrupted: "let the window end",
		capture.EndedMaxBytes:    "--max-bytes",
		capture.EndedDisk:        "make room",
		capture.EndedLag:         "closer",
		capture.EndedCut:         "write timeouts",
		capture.EndedSilent:      "still runs",
		capture.EndedOverlong:    "past any proxy",
		capture.EndedOverhead:    "--max-overhead",
	} {
		c := bare(t, data)
		if ended != "" {
			c = endedSo(t, data, func(m *capture.Manifest) { m.Window.Ended = ended })
		}
		_, err := analyze.Captures(t.Context(), []*capture.Capture{c}, analyze.Options{})
		if err == nil || !strings.Contains(err.Error(), "it ends within its first generation") || !strings.Contains(capture.Hint(err), want) || strings.Contains(capture.Hint(err), "longer") {
			t.Errorf("ended %q: %v, and the hint is %q", ended, err, capture.Hint(err))
		}
	}
}

// endedSo returns a capture of a bare trace whose manifest says how it ended.
func endedSo(t testing.TB, data []byte, say func(*capture.Manifest)) *capture.Capture {
	w, err := capture.Create(filepath.Join(t.TempDir(), "case.zip"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := w.CreatePart(capture.TracePart)
	if err != nil {
		t.Fatal(err)
	}
	_, err = part.Write(data)
	w.Manifest.Parts = []capture.Part{{Name: capture.TracePart}}
	say(&w.Manifest)
	if err := errors.Join(err, part.Close(), w.Finish()); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(w.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// If nothing of a trace can be read, the error begins with what the capture knows of it.
func TestAnUnreadableTraceSaysWhyFirst(t *testing.T) {
	header, parts := generationsOf(t)
	data := append(slices.Clone(header), parts[0][:len(parts[0])/2]...)
	reset := endedSo(t, data, func(m *capture.Manifest) {
		m.Window.Ended, m.Parts[0].Error = capture.EndedCut, "the trace was cut after 0.3 s of 1.9 s (the connection was reset by the other side)"
	})
	damaged := endedSo(t, data, func(*capture.Manifest) {})
	damaged.Manifest().Parts[0].SHA256 = strings.Repeat("0", 64)
	old := append([]byte("go 1.10 trace\x00\x00\x00"), data[16:]...)
	for _, c := range []struct {
		of         *capture.Capture
		says, hint string
	}{
		{reset, "read the trace: the trace was cut after 0.3 s of 1.9 s (the connection was reset by the other side); ", "write timeouts"},
		{damaged, "read the trace: trace.out does not match the checksum that the manifest states; ", "again from its source"},
		{bare(t, old), "go 1.10", "Go 1.10 wrote it"},
		{bare(t, append([]byte("go 1.99 trace\x00\x00\x00"), data[16:]...)), "", "upgrade timesink"},
	} {
		_, err := analyze.Captures(t.Context(), []*capture.Capture{c.of}, analyze.Options{})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(capture.Hint(err), c.hint) || strings.Contains(capture.Hint(err), "longer") {
			t.Errorf("%v, and the hint is %q, want %q and %q", err, capture.Hint(err), c.says, c.hint)
		}
	}
}

// A service may trace for longer than it was asked: no more is covered than the window.
func TestNoMoreIsCoveredThanTheWindow(t *testing.T) {
	header, parts := generationsOf(t)
	data := append(slices.Clone(header), slices.Concat(append(parts[:len(parts)-1:len(parts)-1], parts[len(parts)-1][:100])...)...)
	c := endedSo(t, data, func(m *capture.Manifest) {
		m.Window.Ended, m.Window.TraceAsked = capture.EndedOverlong, int64(time.Millisecond)
	})
	b := analyzed(t, c)
	found := false
	for _, w := range b.Warnings {
		if w.Code == "trace-truncated" {
			found = w.Facts.Covered > int64(time.Millisecond) && w.Facts.Covered <= w.Facts.Asked
		}
	}
	if !found {
		t.Errorf("the warnings are %+v", b.Warnings)
	}
}

// If very many generations are missing, the warning names only a few.
func TestManyMissingGenerationsAreCounted(t *testing.T) {
	header, parts := generationsOf(t)
	data := slices.Clone(header)
	for i := range uint64(5) {
		data = append(data, numbered(parts[i], 10+10*i)...)
	}
	b := report.Worded(analyzed(t, bare(t, data)))
	i := slices.IndexFunc(b.Warnings, func(w breakdown.Warning) bool { return w.Code == "generations-missing" })
	const want = "generations 11 to 19, 21 to 29, 31 to 39 and 9 more are missing"
	if i < 0 || !strings.HasPrefix(b.Warnings[i].Message, want) {
		t.Errorf("warnings %v, want one with %q", b.Warnings, want)
	}
}

// numbered returns a generation with another number that takes as many bytes.
func numbered(part []byte, number uint64) []byte {
	out := slices.Clone(part)
	if number > 0x7f || part[1] > 0x7f {
		panic(fmt.Sprint("numbers of one byte only: ", number))
	}
	for i := 0; out[i] != 52; {
		out[i+1] = byte(number)
		i += batchLen(out[i:])
	}
	return out
}

// batchLen returns the length of the batch that data begins with: its type, four
// numbers, the last of which is the length of its data, and the data. The batch must
// not be experimental.
func batchLen(data []byte) int {
	at, size := 1, uint64(0)
	for range 4 {
		n := 0
		size, n = binary.Uvarint(data[at:])
		at += n
	}
	return at + int(size)
}
