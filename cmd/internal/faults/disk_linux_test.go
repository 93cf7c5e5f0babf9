package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"timesink/cmd/internal/testbin"
	"timesink/collect/capture"
	"timesink/collect/capture/capturetest"
)

// fill takes all the space that a disk has left with a file named filler.
func fill(dir string) error {
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		return err
	}
	defer f.Close()
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	most := int64(disk.Bavail) * disk.Bsize
	if most > 0 && unix.Fallocate(int(f.Fd()), 0, 0, most) == nil {
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			return err
		}
	}
	for size := 1 << 20; size >= 4096; size /= 2 {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
		if !capture.IsDiskFull(err) {
			return err
		}
	}
	return nil
}

// diskMoments are the shares of a run's time at which the disk becomes full.
var diskMoments = []float64{0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95}

// A disk that becomes full at any stage loses nothing that had arrived: there is a capture,
// or a folder that can be analyzed, or nothing had come.
func TestADiskThatBecomesFullAtAnyStage(t *testing.T) {
	if !*all {
		t.Skip("only with -whole")
	}
	exe := testbin.Build(t, "cmd/timesink")
	usual := newTable(exe).try(t, nil, row{name: "no fault", args: endingArgs, kept: true}, nil)
	t.Run("moments", func(t *testing.T) {
		for _, at := range diskMoments {
			t.Run(fmt.Sprintf("at %.0f%%", 100*at), func(t *testing.T) {
				t.Parallel()
				disk := capturetest.SmallDisk(t, "160m")
				service := newTarget(t)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				filled := make(chan error, 1)
				if at == 0 {
					filled <- fill(disk)
				} else {
					time.AfterFunc(time.Duration(at*float64(usual.took)), func() {
						filled <- fill(disk)
					})
				}
				o := performOn(ctx, t, exe, disk, "run", service.url, "-d", "1s", "--url", service.url+"/work", "--rate", "50", "-o", filepath.Join(disk, outputName))
				if err := <-filled; err != nil {
					t.Fatal(err)
				}
				if o.code == 1 && !strings.Contains(o.stderr, "hint: ") {
					t.Errorf("it does not say what to do")
				}
				checkDisk(t, exe, disk, o)
				service.check(t)
				t.Logf("full after %.1f s of %.1f s, exit code %d: %s", at*usual.took.Seconds(), o.took.Seconds(), o.code, o.gist())
				if t.Failed() {
					t.Logf("%s\n%s", o.stderr, o.stdout)
				}
			})
		}
	})
}

// checkDisk checks what is on a disk that became full. With room again, what is there can be
// analyzed.
func checkDisk(t *testing.T, exe, disk string, o *outcome) {
	t.Helper()
	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(disk, outputName)
	for _, name := range names(t, disk) {
		if name != outputName && name != outputName+capture.PartialSuffix {
			t.Errorf("it leaves %s", name)
		}
	}
	c, err := capture.Open(path)
	if err != nil {
		if o.code == 0 || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("exit code %d, and what is left: %v", o.code, err)
		}
		return
	}
	traced := c.TraceSize() > 100_000 // more than a second of it
	c.Close()
	if again := perform(t.Context(), t, exe, t.TempDir(), "analyze", path); again.code != 0 && (traced || !strings.Contains(again.stderr, "hint: ")) {
		t.Errorf("what is left cannot be analyzed: exit code %d\n%s", again.code, again.stderr)
	}
}

// performOn is perform for a command that works on a disk and not in its folder.
func performOn(ctx context.Context, t *testing.T, exe, _ string, args ...string) *outcome {
	t.Helper()
	return perform(ctx, t, exe, t.TempDir(), args...)
}

// An answer, a report or a redacted copy that does not fit on the disk leaves no half file.
func TestAnAnswerThatDoesNotFitOnTheDisk(t *testing.T) {
	if !*all {
		t.Skip("only with -whole")
	}
	exe := testbin.Build(t, "cmd/timesink")
	in := filepath.Join(t.TempDir(), "in.zip")
	if err := os.WriteFile(in, newSound(t).zip(t, change{}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"analyze": {"analyze", in, "-f", "json", "-o"},
		"report":  {"report", in, "-f", "html", "-o"},
		"redact":  {"redact", in, "-o"},
	} {
		t.Run(name, func(t *testing.T) {
			disk := capturetest.SmallDisk(t, "8k")
			o := perform(t.Context(), t, exe, t.TempDir(), append(args, filepath.Join(disk, "out"))...)
			if o.code != 1 || !strings.Contains(o.stderr, "hint: ") || !strings.Contains(o.said(), "no space left") {
				t.Errorf("exit code %d\n%s", o.code, o.stderr)
			}
			if left := names(t, disk); len(left) > 0 {
				t.Errorf("it leaves %v", left)
			}
		})
	}
}
