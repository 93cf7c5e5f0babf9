package capture_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"timesink/collect/capture"
)

func TestFollowReadsEverythingUntilTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "growing")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ended := make(chan struct{})
	r, err := capture.Follow(path, ended)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var want []byte
	write := func(b []byte) {
		want = append(want, b...)
		if _, err := f.Write(b); err != nil {
			t.Error(err)
		}
	}
	// The first piece must arrive before the second is written: read it before
	// the writer continues.
	write(bytes.Repeat([]byte{1}, 1000))
	got := make([]byte, 1000)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		for i := range byte(50) {
			write(bytes.Repeat([]byte{i}, 3000))
		}
	}()
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if got = append(got, rest...); !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, want the %d written", len(got), len(want))
	}
	if _, err := capture.Follow(path+"-not-there", ended); err == nil {
		t.Error("Follow of a missing file returns no error")
	}
}
