package memory_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/trace"
	"strings"
	"sync"
	"testing"

	"timesink/analyze/trace/tracetest"
	"timesink/cmd/internal/testbin"
	"timesink/collect/capture"
)

// redacting is what redact uses for a profile, beside fixed (collect/redact).
const redacting = 128_000_000

// endless yields data for ever.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

// bombs is a gzip that unpacks to far more than a part of a capture may.
var bombs = sync.OnceValues(func() ([]byte, error) {
	size := int64(200 << 20)
	if tracetest.Long {
		size = 1 << 30
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = io.CopyN(z, &endless{data: make([]byte, 1<<20)}, size)
	err = errors.Join(err, z.Close())
	return packed.Bytes(), err
})

// bomb writes it.
func bomb(w io.Writer) error {
	packed, err := bombs()
	if err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

// probeLines writes lines of a probe, as many as make up size bytes.
func probeLines(size int64) func(io.Writer) error {
	return func(w io.Writer) error {
		var line bytes.Buffer
		p := capture.Probe{Route: "GET /a", Method: "GET", Path: "/a", Host: "http://localhost:8080", Phase: capture.InWindow, Start: 1e18, End: 1e18 + 1e6, FirstByte: 1e6, Conn: 1, Status: 200}
		if err := capture.WriteProbes(&line, p); err != nil {
			return err
		}
		_, err := io.CopyN(w, &endless{data: line.Bytes()}, size/int64(line.Len())*int64(line.Len()))
		return err
	}
}

// captured writes a capture of a short trace with another part.
func captured(t *testing.T, part string, write func(io.Writer) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.zip")
	w, err := capture.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, write func(io.Writer) error) {
		f, err := w.CreatePart(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			t.Fatal(err)
		}
		w.Manifest.AddPart(capture.Part{Name: name})
	}
	add(capture.TracePart, func(w io.Writer) error {
		if err := trace.Start(w); err != nil {
			return err
		}
		block()
		trace.Stop()
		return nil
	})
	add(part, write)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A capture from outside may hold parts that unpack to far more than its size. No command
// may need more than it says, and the trace is still read.
func TestACapturesPartsStayWithinTheMemory(t *testing.T) {
	exe := testbin.Build(t, "cmd/timesink")
	large := int64(40 << 20)
	if tracetest.Long {
		large = 2 << 30
	}
	cases := []struct {
		name, part string
		write      func(io.Writer) error
		commands   []string // CASE and OUT are replaced
		says       string
	}{
		{"a bomb for a CPU profile", capture.CPUPart, bomb, []string{
			"analyze --memory 64MB CASE", "report --memory 64MB -f cpu -o OUT CASE", "redact -o OUT CASE", "report --list-private CASE"}, "unpacks to more than"},
		{"a bomb for a goroutine profile", capture.GoroutineBeforePart, bomb, []string{"redact -o OUT CASE"}, "unpacks to more than"},
		{"endless probes", capture.ProbesPart, probeLines(large), []string{"analyze --memory 64MB CASE"}, "only the first"},
	}
	if tracetest.Long {
		cases[2].commands = append(cases[2].commands, "redact -o OUT CASE")
	}
	for _, c := range cases {
		path := captured(t, c.part, c.write)
		for i, command := range c.commands {
			var args []string
			for _, word := range strings.Fields(command) {
				word = strings.ReplaceAll(word, "CASE", path)
				args = append(args, strings.ReplaceAll(word, "OUT", filepath.Join(filepath.Dir(path), fmt.Sprint(i, "-out.zip"))))
			}
			cmd := exec.CommandContext(t.Context(), exe, args...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v: %s", c.name, command, err, out)
				continue
			}
			most := int64(least)
			if !strings.Contains(command, "--memory") {
				most = redacting
			}
			peak := peakMemory(cmd.ProcessState)
			t.Logf("%s: %s: peak %d MB", c.name, command, peak/1e6)
			if peak > most+fixed {
				t.Errorf("%s: %s: the peak is %d MB", c.name, command, peak/1e6)
			}
			if text := strings.Join(strings.Fields(string(out)), " "); !strings.Contains(command, "--list-private") && !strings.Contains(text, c.says) {
				t.Errorf("%s: %s does not say that it left something out: %s", c.name, command, out)
			}
		}
	}
}

// A service may answer with anything at all, and for ever.
func TestARunAgainstAHostileServiceStaysWithinTheMemory(t *testing.T) {
	exe := testbin.Build(t, "cmd/timesink")
	bombed := filepath.Join(t.TempDir(), "bomb")
	f, err := os.Create(bombed)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bomb(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/goroutine", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bombed) })
	mux.HandleFunc("/debug/pprof/profile", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte{0x1f, 0x8b, 8})
		io.Copy(w, &endless{data: []byte("endless")})
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, &endless{data: make([]byte, 1<<15)}) })
	server := httptest.NewServer(mux)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "case.zip")
	cmd := exec.CommandContext(t.Context(), exe, "run", server.URL, "-d", "1s", "--memory", "64MB", "--url", server.URL+"/endless", "-f", "json", "-o", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	peak := peakMemory(cmd.ProcessState)
	t.Logf("peak %d MB", peak/1e6)
	if peak > least+fixed {
		t.Errorf("the peak is %d MB", peak/1e6)
	}
	for _, code := range []string{"cpu-profile-missing", "goroutines-missing", "probes-long"} {
		if !bytes.Contains(out, []byte(code)) {
			t.Errorf("no warning %s", code)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 10<<20 {
		t.Errorf("the capture: %v, %v", info, err)
	}
}
