package capture_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"timesink/collect/capture"
	"timesink/collect/capture/capturetest"
)

func TestAFullDiskKeepsTheCollectedData(t *testing.T) {
	disk := capturetest.SmallDisk(t, "1m")
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
	disk := capturetest.SmallDisk(t, "1m")
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
