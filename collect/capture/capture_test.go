package capture_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/collect/capture"
)

// realTrace returns an execution trace of this process.
var realTrace = sync.OnceValue(func() []byte {
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		panic(err)
	}
	trace.Stop()
	return buf.Bytes()
})

// realProfile returns a goroutine profile of this process.
func realProfile() []byte {
	var buf bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&buf, 0); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func gzipped(data []byte) []byte {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	zw.Write(data)
	zw.Close()
	return buf.Bytes()
}

// zipped returns a zip of name and content pairs.
func zipped(pairs ...string) []byte {
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		f, err := zw.Create(pairs[i])
		if err != nil {
			panic(err)
		}
		io.WriteString(f, pairs[i+1])
	}
	zw.Close()
	return buf.Bytes()
}

func manifest(fields string) string {
	return `{"schema":"timesink.capture/1"` + fields + `}`
}

var probes = []capture.Probe{
	{Route: "GET /v1/vin/{vin}", Method: "GET", Path: "/v1/vin/1HGCM82633A004352", Host: "http://127.0.0.1:8080",
		Phase: capture.InWindow, Scheduled: 1, Start: 2, End: 12, ConnWait: 1, DNS: 1, Connect: 1, TLS: 1, RequestWrite: 2, FirstByte: 3, BodyRead: 1,
		Conn: 1, ConnSeq: 1, Status: 200, Bytes: 99},
	{Route: "GET /healthz", Method: "GET", Path: "/healthz", Phase: capture.Baseline, Error: "connection <refused>"},
}

// writeCapture writes an unfinished capture with all parts to path's folder.
func writeCapture(t *testing.T, path string) *capture.Writer {
	t.Helper()
	w, err := capture.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Manifest.Target = "http://127.0.0.1:6060"
	w.Manifest.CapturedAt = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	w.Manifest.Warn("max-bytes", "the trace was ended at %d bytes", 42)
	var lines bytes.Buffer
	if err := capture.WriteProbes(&lines, probes...); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		capture.TracePart:           realTrace(),
		capture.GoroutineBeforePart: realProfile(),
		capture.ProbesPart:          lines.Bytes(),
	} {
		f, err := w.CreatePart(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		w.Manifest.Parts = append(w.Manifest.Parts, capture.Part{Name: name})
	}
	w.Manifest.Parts = append(w.Manifest.Parts, capture.Part{Name: capture.CPUPart, Error: "HTTP 500: cpu profiling already in use"})
	if err := w.Save(); err != nil {
		t.Fatal(err)
	}
	return w
}

func finish(t *testing.T, w *capture.Writer) {
	t.Helper()
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *capture.Capture {
	t.Helper()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func readTrace(t *testing.T, c *capture.Capture) []byte {
	t.Helper()
	r, err := c.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func codes(c *capture.Capture) string {
	var s []string
	for _, w := range c.Warnings() {
		s = append(s, w.Code)
	}
	return strings.Join(s, " ")
}

func TestACaptureSurvivesARoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	w := writeCapture(t, path)
	finish(t, w)
	if _, err := os.Stat(w.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("capture's mode: %v, %v", info.Mode(), err)
	}

	c := open(t, path)
	if c.Live() || c.Path() != path {
		t.Errorf("live %v, path %s", c.Live(), c.Path())
	}
	if got := readTrace(t, c); !bytes.Equal(got, realTrace()) {
		t.Errorf("trace of %d bytes came back as %d", len(realTrace()), len(got))
	}
	if got := c.TraceSize(); got != int64(len(realTrace())) {
		t.Errorf("trace size %d, want %d", got, len(realTrace()))
	}
	got, err := c.Probes()
	if err != nil || len(got) != 2 || !reflect.DeepEqual(got[0], probes[0]) || !reflect.DeepEqual(got[1], probes[1]) {
		t.Errorf("probes came back as %+v, %v", got, err)
	}
	if codes(c) != "max-bytes" {
		t.Errorf("warnings: %v", c.Warnings())
	}
	m := c.Manifest()
	if m.Schema != capture.Schema || m.Target != "http://127.0.0.1:6060" || m.Part(capture.TracePart).Size != int64(len(realTrace())) {
		t.Errorf("manifest came back as %+v", m)
	}
	if _, err := c.Part(capture.CPUPart); !errors.Is(err, capture.ErrNoPart) {
		t.Errorf("a part that never came: %v", err)
	}
	if len(c.Parts()) != 3 {
		t.Errorf("parts: %v", c.Parts())
	}
}

func TestAnUnfinishedCaptureCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	w := writeCapture(t, path)
	for _, name := range []string{path, w.Dir()} {
		c := open(t, name)
		if !c.Live() || !strings.Contains(codes(c), "capture-partial") {
			t.Errorf("%s: live %v, warnings %s", name, c.Live(), codes(c))
		}
		if got := readTrace(t, c); !bytes.Equal(got, realTrace()) {
			t.Errorf("%s: trace of %d bytes came back as %d", name, len(realTrace()), len(got))
		}
		if got, err := c.Probes(); err != nil || len(got) != 2 {
			t.Errorf("%s: %d probes, %v", name, len(got), err)
		}
	}
	info, err := os.Stat(w.Dir())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder's mode: %v, %v", info.Mode(), err)
	}
}

func TestAKilledCollectionCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	w, err := capture.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.CreatePart(capture.TracePart)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	early := open(t, path)
	_, err = early.Trace()
	checkError(t, err, capture.ErrNoTrace, "open trace.out in ", "no execution trace", "collect again")
	if name := caseOf(t, early); name == "" || len(early.Parts()) != 0 {
		t.Errorf("before the trace began: case %q, parts %v", name, early.Parts())
	}
	f.Write(realTrace()[:100])
	if got := readTrace(t, open(t, path)); len(got) != 100 {
		t.Errorf("the trace has %d bytes so far, want 100", len(got))
	}
}

func TestABareTraceCanBeRead(t *testing.T) {
	for name, data := range map[string][]byte{"trace.out": realTrace(), "trace.out.gz": gzipped(realTrace())} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			fromStream, err := capture.Read("standard input", bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			defer fromStream.Close()
			for _, c := range []*capture.Capture{open(t, path), fromStream} {
				for range 2 {
					if got := readTrace(t, c); !bytes.Equal(got, realTrace()) {
						t.Errorf("trace of %d bytes came back as %d", len(realTrace()), len(got))
					}
				}
				if r, err := c.Part(capture.TracePart); err != nil {
					t.Errorf("the trace as a part: %v", err)
				} else {
					r.Close()
				}
				if _, err := c.Part(capture.CPUPart); !errors.Is(err, capture.ErrNoPart) {
					t.Errorf("a part of a bare trace: %v", err)
				}
				if c.Manifest() != nil || len(c.Warnings()) != 0 || len(c.Parts()) != 0 {
					t.Errorf("manifest %v, warnings %v, parts %v", c.Manifest(), c.Warnings(), c.Parts())
				}
				if probes, err := c.Probes(); probes != nil || err != nil {
					t.Errorf("probes %v, %v", probes, err)
				}
			}
		})
	}
}

func TestOpeningFailsWithAHint(t *testing.T) {
	elf, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		data []byte
		is   error
		want string
		hint string
	}{
		{"empty file", nil, capture.ErrEmpty, "file is empty", "collect again"},
		{"HTML page", []byte("\n<!DOCTYPE html><html><body>Sign in</body></html>"), capture.ErrNotTrace, "an HTML page", "login"},
		{"JSON", []byte(`{"error": "unauthorized"}`), capture.ErrNotTrace, "like JSON", "trace?seconds"},
		{"profile", realProfile(), capture.ErrNotTrace, "a pprof profile", "waited for"},
		{"profile as text", []byte("goroutine profile: total 3\n1 @ 0x448cf1"), capture.ErrNotTrace, "a pprof profile as text", "waited for"},
		{"gzip of something else", gzipped([]byte("hello")), capture.ErrNotTrace, "a gzip of something else", "trace?seconds"},
		{"executable", elf[:4096], capture.ErrNotTrace, "an executable", "trace?seconds"},
		{"text", []byte("curl: (7) Failed to connect to localhost port 6060"), capture.ErrNotTrace, "like text", "trace?seconds"},
		{"zstd", []byte("\x28\xb5\x2f\xfd\x00\x00"), capture.ErrNotTrace, "a zstd file", "zstd -d"},
		{"random bytes", []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"), capture.ErrNotTrace, "binary data", "trace?seconds"},
		{"trace's first bytes", []byte("go 1.26 tr"), capture.ErrNotTrace, "first bytes of a trace", "fetch it again"},
		{"zip of something else", zipped("a.txt", "hello"), capture.ErrNotCapture, "contains no manifest.json", "unpack it"},
		{"zip with another manifest", zipped("manifest.json", `{"manifest_version": 3}`), capture.ErrNotCapture, `schema ""`, "unpack it"},
		{"zip with a broken manifest", zipped("manifest.json", `{"schema": "timesink.`), capture.ErrDamaged, "manifest.json", "again"},
		{"capture of a newer schema", zipped("manifest.json", `{"schema":"timesink.capture/2","parts":7}`, "trace.out", "x"),
			capture.ErrNewerSchema, "timesink.capture/2, this one reads up to timesink.capture/1", "upgrade"},
		{"capture of a much newer schema", zipped("manifest.json", `{"schema":"timesink.capture/99999999999999999999"}`), capture.ErrNewerSchema, "newer", "upgrade"},
		{"capture of schema zero", zipped("manifest.json", `{"schema":"timesink.capture/0"}`), capture.ErrNotCapture, "schema", "unpack"},
		{"part outside the capture", zipped("manifest.json", manifest(`,"parts":[{"name":"../../etc/passwd","size":1}]`)), capture.ErrDamaged, "../../etc/passwd", "again"},
		{"part twice", zipped("manifest.json", manifest(`,"parts":[{"name":"trace.out"},{"name":"trace.out"}]`)), capture.ErrDamaged, "twice", "again"},
		{"part of negative size", zipped("manifest.json", manifest(`,"parts":[{"name":"trace.out","size":-1}]`)), capture.ErrDamaged, "-1 bytes", "again"},
		{"zip cut short", zipped("manifest.json", manifest(``), "trace.out", "x")[:100], capture.ErrDamaged, "cut off or damaged", "again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := capture.Open(path)
			checkError(t, err, tt.is, "open "+path+": ", tt.want, tt.hint)
			_, err = capture.Read("standard input", bytes.NewReader(tt.data))
			checkError(t, err, tt.is, "read standard input: ", tt.want, tt.hint)
		})
	}
}

// checkError checks the kind, prefix, content and hint of an error. The error
// and its hint must be one line each.
func checkError(t *testing.T, err, is error, prefix, want, hint string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error %v, want %v", err, is)
	}
	if !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line %q…%q", err, prefix, want)
	}
	if got := capture.Hint(err); !strings.Contains(got, hint) || got == "" || strings.Contains(got, "\n") {
		t.Errorf("hint %q, want one with %q", got, hint)
	}
}

func TestAMissingPathIsAnError(t *testing.T) {
	_, err := capture.Open(filepath.Join(t.TempDir(), "nowhere.zip"))
	checkError(t, err, fs.ErrNotExist, "open ", "no such file", "check the path")
}

func TestAFolderThatIsNotACaptureIsAnError(t *testing.T) {
	_, err := capture.Open(t.TempDir())
	checkError(t, err, capture.ErrNotCapture, "open ", "no manifest.json", "trace itself")
}

func TestDamageIsAWarning(t *testing.T) {
	sum := strings.Repeat("0", 64)
	tests := []struct {
		name, entry, content, want, warning string
	}{
		{"whole, without a checksum", `"size":5`, "12345", "12345", ""},
		{"other checksum", `"size":5,"sha256":"` + sum + `"`, "12345", "12345", "not match the checksum"},
		{"shorter than stated", `"size":9`, "12345", "12345", "holds 5 bytes of the 9"},
		{"longer than stated", `"size":3`, "12345", "123", "longer than the 3 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := zipped("manifest.json", manifest(`,"parts":[{"name":"trace.out",`+tt.entry+`}]`), "trace.out", tt.content)
			c, err := capture.Read("test", bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for range 2 { // the warning is not repeated
				if got := string(readTrace(t, c)); got != tt.want {
					t.Errorf("read %q, want %q", got, tt.want)
				}
			}
			got := fmt.Sprint(c.Warnings())
			if tt.warning == "" && len(c.Warnings()) != 0 || tt.warning != "" && (len(c.Warnings()) != 1 || !strings.Contains(got, tt.warning)) {
				t.Errorf("warnings %s, want one with %q", got, tt.warning)
			}
		})
	}
}

func TestAPartEndsAtDamagedBytes(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1000)
	data := zipped("manifest.json", manifest(`,"parts":[{"name":"trace.out","size":16000}]`), "trace.out", content)
	// The deflated content follows the name in the second local header.
	at := bytes.LastIndex(data[:bytes.LastIndex(data, []byte("PK\x01\x02trace.out"[:4]))], []byte("trace.out")) + len("trace.out")
	for i := range 8 {
		data[at+i] ^= 0xff
	}
	c, err := capture.Read("test", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	readTrace(t, c)
	if codes(c) != "part-damaged" {
		t.Errorf("warnings %v", c.Warnings())
	}
}

func TestAGzippedTraceCutShortEndsWithAWarning(t *testing.T) {
	data := gzipped(bytes.Repeat(realTrace(), 3))
	c, err := capture.Read("test", bytes.NewReader(data[:len(data)/2]))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := readTrace(t, c); len(got) == 0 || codes(c) != "part-damaged" {
		t.Errorf("%d bytes, warnings %v", len(got), c.Warnings())
	}
}

func TestUnlistedPartsAreNotRead(t *testing.T) {
	data := zipped("manifest.json", manifest(`,"parts":[{"name":"trace.out","size":1}]`), "trace.out", "x", "probes.jsonl", "{}\n", "../evil", "x")
	c, err := capture.Read("test", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"probes.jsonl", "manifest.json", "../evil", "/etc/passwd", "", "."} {
		if _, err := c.Part(name); !errors.Is(err, capture.ErrNoPart) {
			t.Errorf("part %q: %v", name, err)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.zip")
	w := writeCapture(t, path)

	_, err := capture.Create(path)
	checkError(t, err, capture.ErrExists, "write "+path, "earlier collection", "timesink analyze")

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkError(t, w.Finish(), capture.ErrExists, "write "+path, "already exists", w.Dir())
	checkError(t, capture.Check(path), capture.ErrExists, "write "+path, "already exists", "-o")
	if got, err := os.ReadFile(path); err != nil || string(got) != "precious" {
		t.Errorf("the existing file is now %q, %v", got, err)
	}
	if got := readTrace(t, open(t, w.Dir())); !bytes.Equal(got, realTrace()) {
		t.Error("the collected data is gone")
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	finish(t, w) // again, now that the name is free
	open(t, path)
}

func TestAMissingFolderIsAnErrorBeforeCollecting(t *testing.T) {
	_, err := capture.Create(filepath.Join(t.TempDir(), "none", "case.zip"))
	checkError(t, err, fs.ErrNotExist, "write ", "no such file", "create the folder")
}

func TestDiscardLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	if err := writeCapture(t, filepath.Join(folder, "case.zip")).Discard(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInvalidPartNamesAreRejected(t *testing.T) {
	w, err := capture.Create(filepath.Join(t.TempDir(), "case.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../x", "a/b", "", ".", "..", "manifest.json", "archive.tmp", "Ünicode"} {
		if f, err := w.CreatePart(name); err == nil {
			f.Close()
			t.Errorf("part %q was created", name)
		}
	}
}

func TestHintFindsWrappedHints(t *testing.T) {
	inner := &capture.Error{Op: "open x", Err: capture.ErrEmpty, Hint: "inner"}
	for want, err := range map[string]error{
		"":      errors.New("plain"),
		"inner": fmt.Errorf("analyze: %w", &capture.Error{Op: "read", Err: inner}),
		"outer": &capture.Error{Op: "read", Err: inner, Hint: "outer"},
	} {
		if got := capture.Hint(err); got != want {
			t.Errorf("hint of %v: %q, want %q", err, got, want)
		}
	}
}
