package send_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"timesink/collect/capture"
	"timesink/collect/capture/capturetest"
	"timesink/collect/send"
)

func hint(err error) string { return capture.Hint(err) }

func folderOf(t *testing.T, dir string) send.Store {
	t.Helper()
	store, err := send.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A file appears when it is committed, whole, and storing it again changes nothing.
func TestAFolder(t *testing.T) {
	dir := t.TempDir()
	store := folderOf(t, filepath.Join(dir, "new"))
	at := filepath.Join(dir, "new", "a", "b.txt")
	write := func(text string) bool {
		f, err := store.Create(t.Context(), "a/b.txt")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
		if old, err := os.ReadFile(at); err == nil && string(old) == text && len(text) > 3 {
			t.Errorf("the file is there before it is committed")
		}
		changed, err := f.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if !write("one") || write("one") || !write("other") {
		t.Error("storing a file does not say whether that changes anything")
	}
	if text, err := os.ReadFile(at); err != nil || string(text) != "other" {
		t.Errorf("the file holds %q: %v", text, err)
	}
	f, err := store.Create(t.Context(), "a/c.txt")
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if entries, err := os.ReadDir(filepath.Dir(at)); err != nil || len(entries) != 1 {
		t.Errorf("a file that was given up leaves %v: %v", entries, err)
	}
}

// A full disk is said, and what was there before stays.
func TestAFolderOnAFullDisk(t *testing.T) {
	dir := capturetest.SmallDisk(t, "64k")
	store := folderOf(t, dir)
	put := func(size int) error {
		f, err := store.Create(t.Context(), "case.zip")
		if err != nil {
			return err
		}
		_, _ = f.Write(make([]byte, size))
		_, err = f.Commit(t.Context())
		return err
	}
	if err := put(1000); err != nil {
		t.Fatal(err)
	}
	if err := put(200_000); !capture.IsDiskFull(err) {
		t.Errorf("a full disk: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "case.zip"))
	if entries, _ := os.ReadDir(dir); err != nil || info.Size() != 1000 || len(entries) != 1 {
		t.Errorf("afterwards the folder holds %v: %v", entries, err)
	}
}

// Places that are no stores are errors with a hint.
func TestPlacesThatAreNoStores(t *testing.T) {
	for _, at := range []string{"gs://bucket/x", "http://host/x"} {
		if _, err := send.OpenStore(at); err == nil || hint(err) == "" {
			t.Errorf("%s: %v", at, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := folderOf(t, file).Create(t.Context(), "a/b"); err == nil || hint(err) == "" {
		t.Errorf("a file in place of a folder: %v", err)
	}
}
