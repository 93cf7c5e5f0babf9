package trace

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"timesink/analyze/trace/tracetest"
)

// enough is how much of a trace is read. With generations in immediate succession some
// programs make hardly any progress.
const enough = 4 << 20

// traced runs a program that writes a trace to its output.
func traced(t testing.TB, godebug, program string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program)
	run.Env = append(os.Environ(), "GODEBUG="+godebug)
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.LimitReader(out, enough))
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == enough {
		cancel()
	}
	if err := run.Wait(); err != nil && len(data) < enough {
		t.Fatal(err)
	}
	return data
}

// decodesAll compares our decoder with the ordinary reader on a trace and counts the events.
// Our decoder must decode everything that the ordinary reader does.
func decodesAll(t *testing.T, data []byte, seen *[256]int) {
	t.Helper()
	all := generations(t, data)
	if len(all) == 0 && len(data) < enough {
		t.Fatalf("no generations in %d bytes", len(data))
	}
	p := newPair()
	for _, g := range all {
		if !p.agree(t, g) {
			_, err := ordinary(g, newShared(Options{}), nil)
			if err == nil {
				t.Errorf("generation %d of %d was left to the ordinary reader, which decodes it", g.number, len(all))
			} else if len(all) == 1 {
				t.Errorf("the only generation: %v", err)
			}
			continue
		}
		for _, b := range loosen(g).batches {
			for _, ev := range b.events {
				seen[ev.typ]++
			}
		}
	}
}

// gosPrograms are the programs in Go's tests of tracing, by what each does.
var gosPrograms = []struct{ does, file string }{
	{"tasks, regions and logs", "annotations.go"},
	{"tasks in short generations", "annotations-stress.go"},
	{"calls of Go from threads of C", "cgo-callback.go"},
	{"CPU samples", "cpu-profile.go"},
	{"garbage and mark assists", "gc-stress.go"},
	{"a constantly changing GOMAXPROCS", "gomaxprocs.go"},
	{"coroutines", "iter-pull.go"},
	{"each kind of wait", "stacks.go"},
	{"many goroutines, locked threads and system calls", "stress.go"},
	{"waiting for system calls", "wait-on-pipe.go"},
}

// Go's own programs do more than any one service, and with generations in immediate
// succession they are cut everywhere.
func TestDecodersAgreeOnGosOwnPrograms(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), "src/internal/trace/testdata/testprog")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("this Go came without its test data: ", err)
	}
	if !tracetest.Long {
		t.Skip("it builds and runs ten programs")
	}
	var seen [256]int
	skipped := false
	for _, program := range gosPrograms {
		t.Run(program.does, func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), "program")
			build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, filepath.Join(folder, program.file))
			if out, err := build.CombinedOutput(); err != nil {
				skipped = true
				t.Skipf("not built, for want of a compiler of C or because this Go has no such program: %v\n%s", err, out)
			}
			for _, godebug := range []string{"", "traceadvanceperiod=0"} {
				decodesAll(t, traced(t, godebug, binary), &seen)
			}
		})
	}
	if skipped || t.Failed() {
		return
	}
	// Only their own programs write these.
	for _, typ := range []int{evProcsChange, evProcSteal, evGoCreateSyscall, evGoDestroySyscall, evGoSyscallEndBlocked,
		evGoSwitch, evGoSwitchDestroy, evGoCreateBlocked, evGoStatusStack, evGCMarkAssistBegin, evGoLabel,
		evUserTaskBegin, evUserTaskEnd, evUserRegionBegin, evUserRegionEnd, evUserLog} {
		if seen[typ] == 0 {
			t.Errorf("no program wrote %s", tracetest.EventNames[typ-1])
		}
	}
}

// busy keeps this process busy while it is traced other than by a trace from start to stop.
func busy(length time.Duration) {
	for end := time.Now().Add(length); time.Now().Before(end); {
		done := make(chan []byte)
		go func() {
			runtime.LockOSThread() // the thread ends with its goroutine
			data, _ := os.ReadFile("wire.go")
			done <- bytes.ToUpper(data)
		}()
		<-done
	}
}

// A flight recorder's trace begins in the middle, with the generations that it has kept.
func TestDecodersAgreeOnAFlightRecorder(t *testing.T) {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: time.Second})
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	defer recorder.Stop()
	var seen [256]int
	for range 2 {
		busy(300 * time.Millisecond)
		var data bytes.Buffer
		if _, err := recorder.WriteTo(&data); err != nil {
			t.Fatal(err)
		}
		decodesAll(t, data.Bytes(), &seen)
	}
}

// A test's trace is the one that the test binary writes with -test.trace.
func TestDecodersAgreeOnATestsTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.trace")
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestRunnersAreFoundByTheirID$", "-test.trace", file)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var seen [256]int
	decodesAll(t, data, &seen)
}

var ownTraces = flag.String("traces", "", "traces to hold the decoder against, as a `pattern` of files")

// Other traces can be given with -traces, to see what is left to the ordinary reader: the
// result is the same, but takes six times as long.
func TestDecodersAgreeOnTracesGiven(t *testing.T) {
	files, err := filepath.Glob(*ownTraces)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var seen [256]int
			decodesAll(t, data, &seen)
		})
	}
}
