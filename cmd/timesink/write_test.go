package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"timesink/collect/capture"
)

// A failure leaves no file, and only a failure of the file is blamed on it.
func TestWriteFileThatFails(t *testing.T) {
	damaged := errors.New("the profile is damaged")
	dir := t.TempDir()
	path := filepath.Join(dir, "answer.txt")
	err := writeFile(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return damaged
	})
	if err != damaged {
		t.Errorf("an error of the answer became %v", err)
	}
	err = writeFile(filepath.Join(dir, "missing", "answer.txt"), func(io.Writer) error { return nil })
	var said *capture.Error
	if !errors.As(err, &said) || said.Hint == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder became %v", err)
	}
	func() {
		defer func() { recover() }()
		writeFile(path, func(io.Writer) error { panic("a bug") })
	}()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
