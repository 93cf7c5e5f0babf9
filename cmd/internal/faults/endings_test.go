package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"timesink/cmd/internal/testbin"
	"timesink/collect/capture"
)

// An ending is a run that is ended at a moment, as a share of the time that it takes when
// it is not.
type ending struct {
	signal os.Signal
	at     float64
}

// endings returns n endings at random moments, with signals in turn.
func endings(t *testing.T, n int, signals ...os.Signal) []ending {
	seed := uint64(time.Now().UnixNano())
	t.Logf("the moments are those of seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	list := make([]ending, n)
	for i := range list {
		list[i] = ending{signals[i%len(signals)], random.Float64()}
	}
	return list
}

// Killed at any moment, a collection leaves no file that is not whole. What it leaves can be
// read, or says that there is nothing to read, and the service can be traced again.
func TestKilledAtAnyMoment(t *testing.T) {
	n := 2
	if *all {
		n = 20
	}
	endedAtMoments(t, endings(t, n, syscall.SIGKILL), func(t *testing.T, o *ended) {
		if o.partial {
			again := perform(t.Context(), t, o.exe, o.folder, "analyze", outputName)
			if again.code != 0 && !strings.Contains(again.stderr, "hint: ") {
				t.Errorf("what is left cannot be analyzed: exit code %d\n%s", again.code, again.stderr)
			}
		}
	})
}

// Interrupted at any moment, a collection ends in order: with what it has, or with nothing.
func TestInterruptedAtAnyMoment(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes cannot send each other signals on Windows")
	}
	n := 2
	if *all {
		n = 10
	}
	endedAtMoments(t, endings(t, n, os.Interrupt, syscall.SIGTERM), func(t *testing.T, o *ended) {
		switch {
		case o.partial:
			t.Error("a folder of an unfinished capture is left")
		case o.killed: // before it could listen to signals
			if o.whole {
				t.Error("there is a capture, but the signal killed it")
			}
		case o.code == 0 && !o.whole:
			t.Error("exit code 0, and no capture")
		case o.code == 1 && !strings.Contains(o.stderr, "timesink: "):
			t.Error("exit code 1, and no reason")
		case o.code != 0 && o.code != 1:
			t.Errorf("exit code %d", o.code)
		}
		if t.Failed() {
			t.Log(o.stderr)
		}
	})
}

// What is left of an ended run.
type ended struct {
	exe, folder    string
	code           int
	stderr         string
	killed         bool // by the signal itself
	partial, whole bool // captures that are there
}

func endedAtMoments(t *testing.T, list []ending, check func(*testing.T, *ended)) {
	exe := testbin.Build(t, "cmd/timesink")
	usual := newTable(exe).try(t, nil, row{name: "no fault", args: endingArgs, kept: true}, nil)
	t.Run("moments", func(t *testing.T) {
		for _, e := range list {
			t.Run(fmt.Sprintf("%s at %.0f%%", e.signal, 100*e.at), func(t *testing.T) {
				t.Parallel()
				service := newTarget(t)
				o := endRun(t, exe, t.TempDir(), service, time.Duration(e.at*float64(usual.took)), e.signal)
				check(t, o)
				service.check(t)
			})
		}
	})
}

var endingArgs = []string{"run", "TARGET", "-d", "1s", "--url", "SERVICE/work", "--rate", "50", "-o", outputName}

// endRun starts a run, sends it a signal after a time, and waits for its end.
func endRun(t *testing.T, exe, folder string, service *target, after time.Duration, signal os.Signal) *ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := slices.Clone(endingArgs)
	for i := range args {
		args[i] = strings.NewReplacer("TARGET", service.url, "SERVICE", service.url).Replace(args[i])
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Signal(signal) })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("it did not end after %s at %s", signal, after)
	}
	o := &ended{exe: exe, folder: folder, code: cmd.ProcessState.ExitCode(), stderr: stderr.String(), killed: cmd.ProcessState.ExitCode() < 0}
	for _, name := range names(t, folder) {
		switch path := filepath.Join(folder, name); name {
		case outputName:
			c, err := capture.Open(path)
			if err != nil {
				t.Errorf("a file has the final name and is not whole: %v", err)
				continue
			}
			o.whole = true
			if _, err := c.Checksums(); err != nil {
				t.Error(err)
			}
			c.Close()
		case outputName + capture.PartialSuffix:
			o.partial = true
		default:
			t.Errorf("it leaves %s", name)
		}
	}
	return o
}
