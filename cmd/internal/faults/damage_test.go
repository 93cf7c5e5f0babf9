package faults_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
	"timesink/collect/capture"
)

// recorded is a trace of several generations.
const recorded = "../../../analyze/trace/testdata/go1.26.trace.gz"

// A sound capture, from which the damaged ones are made: a recorded trace of several
// generations, profiles, and probes.
type sound struct {
	trace    tracetest.Apart
	parts    map[string][]byte
	manifest capture.Manifest
}

func newSound(t testing.TB) *sound {
	t.Helper()
	s := &sound{trace: tracetest.TakeApart(tracetest.Unzipped(t, recorded))}
	opened := time.Date(2026, 11, 22, 2, 3, 4, 0, time.UTC)
	window := int64(4 * time.Second)
	var probes bytes.Buffer
	for i := range 20 {
		start := opened.UnixNano() + int64(i)*int64(200*time.Millisecond)
		p := capture.Probe{Route: "GET /work", Method: "GET", Path: "/work", Host: "http://shop:80", Phase: capture.InWindow,
			Scheduled: start, Start: start, End: start + 3_000_000, FirstByte: 3_000_000, Conn: 1, ConnSeq: i + 1, Status: 200}
		if err := capture.WriteProbes(&probes, p); err != nil {
			t.Fatal(err)
		}
	}
	s.parts = map[string][]byte{
		capture.TracePart:           s.trace.Trace(tracetest.Places(0, len(s.trace.Parts)-1)...),
		capture.CPUPart:             gzipped(0, 0),
		capture.GoroutineBeforePart: gzipped(0, 0),
		capture.GoroutineAfterPart:  gzipped(0, 0),
		capture.ProbesPart:          probes.Bytes(),
	}
	s.manifest = capture.Manifest{Schema: capture.Schema, Target: "http://shop:6060", CapturedAt: opened,
		Window: capture.Window{Start: opened.UnixNano(), End: opened.UnixNano() + window, TraceAsked: window, Ended: capture.EndedInTime}}
	return s
}

// A change turns the files of a sound capture into those of a damaged one.
type change struct {
	part     map[string]func([]byte) []byte // by part, before sizes and checksums are taken
	manifest func(*capture.Manifest)        // after that
	stored   bool                           // do not compress
	more     [][2]string                    // further files
	without  []string                       // parts left out of the zip
	bytes    func([]byte) []byte            // of the zip
}

// zip returns the capture with a change.
func (s *sound) zip(t testing.TB, c change) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	add := func(name string, data []byte) {
		method := zip.Deflate
		if c.stored {
			method = zip.Store
		}
		w, err := zw.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := s.manifest
	for _, kind := range capture.Kinds() {
		data, ok := s.parts[kind.Name]
		if !ok {
			continue
		}
		if f := c.part[kind.Name]; f != nil {
			data = f(data)
		}
		sum := sha256.Sum256(data)
		m.AddPart(capture.Part{Name: kind.Name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])})
		if !slices.Contains(c.without, kind.Name) {
			add(kind.Name, data)
		}
	}
	if c.manifest != nil {
		c.manifest(&m)
	}
	if !slices.Contains(c.without, capture.ManifestName) {
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		add(capture.ManifestName, data)
	}
	for _, file := range c.more {
		add(file[0], []byte(file[1]))
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	if c.bytes != nil {
		return c.bytes(out.Bytes())
	}
	return out.Bytes()
}

// of changes one part.
func of(part string, f func([]byte) []byte) change {
	return change{part: map[string]func([]byte) []byte{part: f}}
}

func replaced(data []byte) func([]byte) []byte { return func([]byte) []byte { return data } }

func firstHalf(data []byte) []byte { return data[:len(data)/2] }

// said changes the manifest.
func said(f func(*capture.Manifest)) change { return change{manifest: f} }

// probesWith changes the values of the probes' fields that a pattern matches.
func probesWith(pattern, by string) change {
	return of(capture.ProbesPart, func(data []byte) []byte {
		return regexp.MustCompile(pattern).ReplaceAll(data, []byte(by))
	})
}

// flipped changes the byte in the middle of what data contains.
func flipped(t testing.TB, data, what []byte) []byte {
	i := bytes.Index(data, what)
	if i < 0 {
		t.Fatal("a stored part is not in the zip")
	}
	data = slices.Clone(data)
	data[i+len(what)/2] ^= 1
	return data
}

// gzippedFile compresses a whole file.
func gzippedFile(t testing.TB, data []byte) []byte {
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	zw.Write(data)
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func places(f func(last int) []int) func(testing.TB, *sound) []byte {
	return func(_ testing.TB, s *sound) []byte { return s.trace.Trace(f(len(s.trace.Parts) - 1)...) }
}

func with(c change) func(testing.TB, *sound) []byte {
	return func(t testing.TB, s *sound) []byte { return s.zip(t, c) }
}

func whole(t testing.TB, s *sound) []byte { return s.parts[capture.TracePart] }

func text(s string) func(testing.TB, *sound) []byte {
	return func(testing.TB, *sound) []byte { return []byte(s) }
}

// manyWarnings are more than any collection writes.
func manyWarnings(m *capture.Manifest) {
	for i := range 100_000 {
		m.Warn("w", "warning %d", i)
	}
}

// otherChecksum is the CRC of a zip entry that its bytes do not have.
func otherChecksum(t testing.TB, s *sound) []byte {
	data := s.zip(t, change{stored: true})
	return flipped(t, data, s.parts[capture.TracePart][5000:5100])
}

// header returns a trace whose header names another version.
func header(version string) func(testing.TB, *sound) []byte {
	return func(t testing.TB, s *sound) []byte {
		head := version + " trace" + strings.Repeat("\x00", 16)
		return append([]byte(head[:16]), whole(t, s)[16:]...)
	}
}

// manyProbes repeats probes until there are two million.
func manyProbes(data []byte) []byte {
	lines := bytes.Count(data, []byte("\n"))
	return bytes.Repeat(data, 2_000_000/max(lines, 1)+1)
}
