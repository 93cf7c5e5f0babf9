package capture_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

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

func TestAFullDiskKeepsTheCollectedData(t *testing.T) {
	disk := smallDisk(t, "1m")
	path := filepath.Join(disk, "case.zip")
	w := writeCapture(t, path)
	f, err := w.CreatePart("filler")
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte("x"), 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	f.Close()
	if !capture.IsDiskFull(err) {
		t.Fatalf("the disk is full, but %v", err)
	}

	checkError(t, w.Finish(), capture.ErrDiskFull, "write "+path, "no space left", w.Dir())
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file has the final name: %v", err)
	}
	if got := readTrace(t, open(t, path)); !bytes.Equal(got, realTrace()) {
		t.Error("the collected data is gone")
	}
	checkError(t, w.Save(), capture.ErrDiskFull, "write "+path, "no space left", w.Dir())

	if err := w.RemovePart("filler"); err != nil {
		t.Fatal(err)
	}
	finish(t, w) // now there is space
	open(t, path)
}

func TestFreeDiskMatchesTheDisk(t *testing.T) {
	disk := smallDisk(t, "1m")
	before, err := capture.FreeDisk(disk)
	if err != nil || before != 1<<20 {
		t.Errorf("free: %d, %v", before, err)
	}
	if err := os.WriteFile(filepath.Join(disk, "file"), make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, err := capture.FreeDisk(disk); err != nil || after != 512<<10 {
		t.Errorf("free: %d, %v", after, err)
	}
	if _, err := capture.FreeDisk(filepath.Join(disk, "none")); err == nil {
		t.Error("FreeDisk of a missing folder returns no error")
	}
}
