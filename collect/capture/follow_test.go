package capture_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"timesink/collect/capture"
)

func TestAFollowerReadsAllThatIsWrittenUntilTheEnd(t *testing.T) {
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
	// The first piece must come before the second is there: the follower is
	// asked for it before the writer goes on.
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
		t.Errorf("read %d bytes of %d, or others", len(got), len(want))
	}
	if _, err := capture.Follow(path+"-not-there", ended); err == nil {
		t.Error("followed a file that is not there")
	}
}
