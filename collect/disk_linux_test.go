package collect_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"timesink/collect"
	"timesink/collect/capture"
)

// smallDisk mounts a file system of the given size, which requires root.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestADiskThatFillsUpEndsTheWindow(t *testing.T) {
	wake(t)
	path := filepath.Join(smallDisk(t, "400m"), "case.zip")
	cfg := short(t, serve(t, newMux()))
	cfg.Window = time.Minute
	cfg.Reserve = 399 << 20
	m, err := collect.Run(context.Background(), cfg, path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Window.Ended != capture.EndedDisk || len(m.Warnings) != 2 {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	readTrace(t, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskKeepsTheCollectedData(t *testing.T) {
	wake(t)
	path := filepath.Join(smallDisk(t, "256k"), "case.zip")
	cfg := short(t, serve(t, newMux()))
	cfg.Window = time.Minute
	cfg.Reserve = 1
	m, err := collect.Run(context.Background(), cfg, path)
	switch {
	case err == nil: // the watch noticed it in time to write the file
		if m.Window.Ended != capture.EndedDisk {
			t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
		}
	case errors.Is(err, capture.ErrDiskFull):
		checkError(t, err, capture.ErrDiskFull, "no space left", path+capture.PartialSuffix)
	default:
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	readTrace(t, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
