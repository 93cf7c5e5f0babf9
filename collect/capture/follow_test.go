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
	r, err := capture.Follow(path, ended, nil)
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
	if _, err := capture.Follow(path+"-not-there", ended, nil); err == nil {
		t.Error("Follow of a missing file returns no error")
	}
}

// What the writer may take back is not passed on before the end, and not at all if it was.
func TestFollowPassesOnWhatIsSettled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "growing")
	if err := os.WriteFile(path, []byte("settled|not yet"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, asked := make(chan struct{}), make(chan struct{}, 1)
	r, err := capture.Follow(path, ended, func() int64 {
		select {
		case asked <- struct{}{}:
		default:
		}
		return 7
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 15)
	if n, err := r.Read(got); err != nil || string(got[:n]) != "settled" {
		t.Errorf("read %q, %v", got[:n], err)
	}
	go func() {
		for range 3 {
			<-asked // the reader waits
		}
		if err := os.Truncate(path, 8); err != nil {
			t.Error(err)
		}
		close(ended)
	}()
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "|" {
		t.Errorf("then read %q, %v", rest, err)
	}
}
