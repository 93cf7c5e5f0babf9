package collect_test

import (
	"context"
	"flag"
	"fmt"
	"go/version"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
)

func TestACollectionHasAllItsParts(t *testing.T) {
	url := serve(t, with("profile", pprof.Profile))
	cfg := short(t, url)
	cfg.Probing = collect.Probing{
		URLs: []string{url + "/v1/vin/{vin}?full={vin}"}, Values: map[string][]string{"vin": {"A", "B/C"}},
		Rate: 50, Baseline: 100 * time.Millisecond,
	}
	var mu sync.Mutex
	stages := make(map[collect.Stage]bool)
	var last collect.Progress
	cfg.Observe = func(p collect.Progress) {
		mu.Lock()
		defer mu.Unlock()
		stages[p.Stage] = true
		last = p
	}
	began := time.Now().UnixNano()
	m, c := run(t, context.Background(), cfg)
	ended := time.Now().UnixNano()

	trace := readTrace(t, c)
	for _, name := range []string{capture.CPUPart, capture.GoroutineBeforePart, capture.GoroutineAfterPart} {
		if !isGzip(readPart(t, c, name)) {
			t.Errorf("%s is not a profile", name)
		}
	}
	if len(c.Warnings()) != 0 {
		t.Errorf("warnings: %v", c.Warnings())
	}

	w := m.Window
	if w.Ended != capture.EndedInTime || w.Start < began || w.End > ended || w.End-w.Start < int64(300*time.Millisecond) || w.TraceAsked != int64(300*time.Millisecond) {
		t.Errorf("window: %+v", w)
	}
	if m.Target != url || m.Tool.Version != "v0.0.0-test" || m.Asked.Rate != 50 || m.Asked.Duration != int64(300*time.Millisecond) {
		t.Errorf("manifest: %+v", m)
	}
	if want := (capture.AskedURL{Route: "GET /v1/vin/{vin}", Host: url}); len(m.Asked.URLs) != 1 || m.Asked.URLs[0] != want {
		t.Errorf("asked URLs: %+v", m.Asked.URLs)
	}
	s := m.Service
	if !ofThisGo(s.GoVersion) || s.TraceVersion == "" || s.Goroutines < 2 || s.Binary == "" || s.MutexRate == nil || *s.MutexRate != 0 {
		t.Errorf("service: %+v", s)
	}
	if p := m.Part(capture.TracePart); p.Source != "trace?seconds=0.3" || p.Size != int64(len(trace)) || p.Error != "" {
		t.Errorf("trace's entry: %+v", p)
	}
	if p := m.Part(capture.CPUPart); p.Source != "profile?seconds=1" {
		t.Errorf("profile's entry: %+v", p)
	}
	if len(m.Log) < 5 {
		t.Errorf("log: %+v", m.Log)
	}
	if !stages[collect.StageWindow] || last.Stage != collect.StageFinish || last.Bytes != int64(len(trace)) || last.Sent == 0 || last.Failed != 0 {
		t.Errorf("stages %v, last progress %+v", stages, last)
	}

	probes, err := c.Probes()
	if err != nil {
		t.Fatal(err)
	}
	checkProbes(t, probes, w)
}

// checkProbes checks what must hold for all answered probes. ofThisGo reports
// whether a version, as far as it is exact, is that of the tests' own build.
func ofThisGo(said string) bool {
	if oldest, ok := strings.CutSuffix(said, " or newer"); ok {
		return version.Compare(oldest, runtime.Version()) <= 0
	}
	return said != "" && strings.HasPrefix(runtime.Version(), said)
}

func checkProbes(t *testing.T, probes []capture.Probe, w capture.Window) {
	t.Helper()
	phases := map[string]int{}
	onConn := map[[2]int]bool{}
	fresh, reused := 0, 0
	for _, p := range probes {
		phases[p.Phase]++
		sum := p.ConnWait + p.DNS + p.Connect + p.TLS + p.RequestWrite + p.FirstByte + p.BodyRead
		switch {
		case p.Error != "" || p.Status != 200:
			t.Errorf("not answered: %+v", p)
		case sum != p.End-p.Start:
			t.Errorf("phases sum to %d of %d: %+v", sum, p.End-p.Start, p)
		case p.Start < p.Scheduled:
			t.Errorf("sent before it was due: %+v", p)
		case p.Phase == capture.InWindow && p.Start < w.Start:
			t.Errorf("sent before the window: %+v", p)
		case p.Route != "GET /v1/vin/{vin}" || p.Path != "/v1/vin/A" && p.Path != "/v1/vin/B/C":
			t.Errorf("route and path: %+v", p)
		case p.Conn == 0 || p.ConnSeq == 0 || onConn[[2]int{p.Conn, p.ConnSeq}] || p.Local == "" || p.Remote == "":
			t.Errorf("connection: %+v", p)
		case p.ConnSeq > 1 && !p.Reused: // not the first: it may have used another connection that became free during the dial
			t.Errorf("not reused, but number %d on it: %+v", p.ConnSeq, p)
		case p.Bytes == 0 || p.FirstByte == 0 || p.Proto == "":
			t.Errorf("answer: %+v", p)
		}
		onConn[[2]int{p.Conn, p.ConnSeq}] = true
		if p.Reused {
			reused++
		} else {
			fresh++
			if p.Connect == 0 {
				t.Errorf("a new connection without its handshake: %+v", p)
			}
		}
	}
	if phases[capture.Baseline] == 0 || phases[capture.InWindow] == 0 || fresh == 0 || reused == 0 {
		t.Errorf("%v probes, %d on new connections, %d on used ones", phases, fresh, reused)
	}
}

func TestTheProfileTakesWholeSecondsAndTheTraceALittleLess(t *testing.T) {
	for _, tt := range []struct {
		window  time.Duration
		profile int
		trace   time.Duration
	}{
		{10 * time.Second, 10, 9900 * time.Millisecond},
		{1500 * time.Millisecond, 2, 1500 * time.Millisecond},
		{1950 * time.Millisecond, 2, 1900 * time.Millisecond},
		{time.Second, 1, 900 * time.Millisecond},
		{100 * time.Millisecond, 1, 100 * time.Millisecond},
	} {
		if p, tr := collect.ProfileSeconds(tt.window), collect.TraceDuration(tt.window); p != tt.profile || tr != tt.trace {
			t.Errorf("a window of %s: profile of %d s, trace of %s", tt.window, p, tr)
		}
	}
}

func TestAnInterruptEndsTheWindowAndKeepsTheData(t *testing.T) {
	url := serve(t, newMux())
	cfg := short(t, url)
	cfg.Window = time.Minute
	cfg.Probing = busy(url)
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	cfg.Observe = func(p collect.Progress) {
		if p.Bytes > 0 {
			interrupt()
		}
	}
	m, c := run(t, ctx, cfg)
	readTrace(t, c)
	if m.Window.Ended != capture.EndedInterrupted || sortedCodes(kept(m.Warnings)) != "cpu-profile-cut interrupted" {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
	if _, err := c.Part(capture.CPUPart); err == nil {
		t.Error("an interrupted window has a CPU profile")
	}
	if !isGzip(readPart(t, c, capture.GoroutineAfterPart)) {
		t.Error("no goroutine profile after the window")
	}
}

// Config.Collected gets the complete capture before the file is written, and the
// data is kept if that fails.
func TestCollectedIsCalledBeforeTheFileIsWritten(t *testing.T) {
	wake(t)
	cfg := short(t, serve(t, newMux()))
	path := filepath.Join(t.TempDir(), "case.zip")
	seen := 0
	cfg.Collected = func(c *capture.Capture) []byte {
		seen++
		readTrace(t, c)
		if m := c.Manifest(); m.Window.Ended != capture.EndedInTime || m.Part(capture.GoroutineAfterPart) == nil || len(c.Warnings()) != 0 {
			t.Errorf("manifest %+v, warnings %v", m, c.Warnings())
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil { // take the name
			t.Error(err)
		}
		return nil
	}
	_, err := collect.Run(context.Background(), cfg, path)
	checkError(t, err, capture.ErrExists, "write "+path, path+capture.PartialSuffix)
	if seen != 1 {
		t.Fatalf("Collected was called %d times", seen)
	}
	c, err := capture.Open(path + capture.PartialSuffix)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	readTrace(t, c)
}

// busy keeps the service busy enough for its trace to flow: net/http sends about 4
// KB at a time, which an idle service takes many seconds to fill.
func busy(url string) collect.Probing {
	return collect.Probing{URLs: []string{url + "/v1/vin/A"}, Rate: 300, Baseline: -1}
}

// kept returns the warnings but for that of probes which were not sent, because on a slow
// machine those of busy are too many.
func kept(warnings []capture.Warning) []capture.Warning {
	return slices.DeleteFunc(slices.Clone(warnings), func(w capture.Warning) bool { return w.Code == "probes-dropped" })
}

func TestAnInterruptBeforeTheWindowLeavesNothing(t *testing.T) {
	url := serve(t, newMux())
	cfg := short(t, url)
	cfg.Probing = collect.Probing{URLs: []string{url + "/v1/vin/A"}, Baseline: time.Minute}
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	cfg.Observe = func(p collect.Progress) {
		if p.Stage == collect.StageBaseline && p.Sent > 0 {
			interrupt()
		}
	}
	if err := fail(t, ctx, cfg); !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error %v", err)
	}
}

func TestFileNameContainsTheTarget(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.FixedZone("CET", 3600))
	for s, want := range map[string]string{
		"localhost:6060":                      "timesink-localhost-6060-20260301T010304Z.zip",
		"https://u:p@[::1]:6060/x/pprof/?k=v": "timesink-1--6060-20260301T010304Z.zip",
	} {
		if got := target(t, s).FileName(at); got != want || got != filepath.Base(got) {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
}

func TestAKilledCollectionCanBeRead(t *testing.T) {
	wake(t)
	url := serve(t, newMux())
	path := filepath.Join(t.TempDir(), "case.zip")
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), "COLLECT_TARGET="+url, "COLLECT_PATH="+path)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	// Read the folder while it grows, then as the killed process left it.
	var c *capture.Capture
	for begin := time.Now(); c == nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatal("no trace came")
		}
		if c, _ = capture.Open(path); c != nil && (c.Manifest().Window.Start == 0 || c.TraceSize() <= 0) {
			c.Close() // the window has not begun, or no data has arrived
			c = nil
		}
	}
	readTrace(t, c)
	c.Close()
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	readTrace(t, c)
	if m := c.Manifest(); !c.Live() || m.Target != url || m.Window.Start == 0 || m.Window.End != 0 || m.Service.Goroutines == 0 {
		t.Errorf("live: %v, %+v", c.Live(), m)
	}
	if !isGzip(readPart(t, c, capture.GoroutineBeforePart)) {
		t.Error("no goroutine profile")
	}
}

// TestMain also runs the process that TestAKilledCollectionCanBeRead kills.
func TestMain(m *testing.M) {
	address := os.Getenv("COLLECT_TARGET")
	if address == "" {
		// Parallel tests wait, so run more at once than there are processors.
		flag.Set("test.parallel", "8")
		os.Exit(m.Run())
	}
	target, err := collect.ParseTarget(address)
	if err == nil {
		_, err = collect.Run(context.Background(), collect.Config{Target: target, Window: time.Minute}, os.Getenv("COLLECT_PATH"))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
