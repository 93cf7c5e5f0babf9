package faults_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/collect/capture"
)

// An outcome is what came back.
type outcome struct {
	code           int
	stdout, stderr string
	took           time.Duration
	peak           int64    // bytes; 0 where the system does not say
	left           []string // temporary files, and others that no one asked for
	kept           bool     // a capture that can be opened, with a trace
}

// said returns all that the command printed on one line, so that a phrase is found
// wherever the page breaks it.
func (o *outcome) said() string { return strings.Join(strings.Fields(o.stderr+" "+o.stdout), " ") }

// outputName is the capture that each live command is told to write.
const outputName = "out.zip"

// perform runs the command in a folder of its own, where it also has its temporary
// files, and kills it when ctx ends. files are those that the folder holds before.
func perform(ctx context.Context, t testing.TB, exe, folder string, args ...string) *outcome {
	t.Helper()
	temp := filepath.Join(folder, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	before := names(t, folder)
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TMP="+temp, "NO_COLOR=1", "COLUMNS=80")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	memory := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	o := &outcome{took: time.Since(began), stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o.code, o.peak = cmd.ProcessState.ExitCode(), memory.stop()
	o.left = names(t, temp)
	for _, name := range names(t, folder) {
		if name != outputName && !slices.Contains(before, name) {
			o.left = append(o.left, name)
		}
	}
	o.kept = holdsTrace(filepath.Join(folder, outputName))
	return o
}

func names(t testing.TB, folder string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// holdsTrace reports whether path is a capture with a trace.
func holdsTrace(path string) bool {
	c, err := capture.Open(path)
	if err != nil {
		return false
	}
	defer c.Close()
	return !c.Live() && c.TraceSize() > 0
}
