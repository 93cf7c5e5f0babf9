package bounded_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"timesink/collect/bounded"
)

func zipped(data []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write(data)
	z.Close()
	return buf.Bytes()
}

func TestWhatFitsIsReadAndWhatDoesNotIsAnError(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 5000, 3 << 20} {
		data := bytes.Repeat([]byte("x"), n)
		for _, most := range []int64{int64(n), int64(n) + 1, int64(n) * 2} {
			if got, err := bounded.ReadAll(iotest.HalfReader(bytes.NewReader(data)), most); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, at most %d: %d, %v", n, most, len(got), err)
			}
			if got, err := bounded.Unzip(bytes.NewReader(zipped(data)), most); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes unzipped, at most %d: %d, %v", n, most, len(got), err)
			}
			if got, err := bounded.Unpacked(bytes.NewReader(zipped(data)), most); err != nil || got != int64(n) {
				t.Errorf("%d bytes counted, at most %d: %d, %v", n, most, got, err)
			}
			var out bytes.Buffer
			if got, err := bounded.Copy(&out, bytes.NewReader(data), most); err != nil || got != int64(n) || !bytes.Equal(out.Bytes(), data) {
				t.Errorf("%d bytes copied, at most %d: %d, %v", n, most, got, err)
			}
		}
		if n == 0 {
			continue
		}
		most := int64(n) - 1
		if got, err := bounded.ReadAll(bytes.NewReader(data), most); !errors.Is(err, bounded.ErrTooLarge) || int64(len(got)) != most {
			t.Errorf("%d bytes, at most %d: %d, %v", n, most, len(got), err)
		}
		if got, err := bounded.Unzip(bytes.NewReader(zipped(data)), most); !errors.Is(err, bounded.ErrTooLarge) || int64(len(got)) != most {
			t.Errorf("%d bytes unzipped, at most %d: %d, %v", n, most, len(got), err)
		}
		if got, err := bounded.Unpacked(bytes.NewReader(zipped(data)), most); !errors.Is(err, bounded.ErrTooLarge) || got != most {
			t.Errorf("%d bytes counted, at most %d: %d, %v", n, most, got, err)
		}
		if got, err := bounded.Copy(io.Discard, bytes.NewReader(data), most); !errors.Is(err, bounded.ErrTooLarge) || got != most {
			t.Errorf("%d bytes copied, at most %d: %d, %v", n, most, got, err)
		}
	}
}

// A cut stream must not pass for one that has ended.
func TestACutStreamIsAnErrorAndKeepsWhatCame(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	cut := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got, err := bounded.ReadAll(cut, 1<<20); err != io.ErrUnexpectedEOF || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	whole := zipped(data)
	if _, err := bounded.Unzip(bytes.NewReader(whole[:len(whole)-9]), 1<<20); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

// An endless reader fails the test by never ending if more than the limit is read.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read += int64(len(b))
	clear(b)
	return len(b), nil
}

func TestNoMoreIsReadThanTheLimit(t *testing.T) {
	const most = 100_000
	e := &endless{}
	bounded.ReadAll(e, most)
	if e.read > most+1 {
		t.Errorf("%d bytes were read", e.read)
	}
	e = &endless{}
	bounded.Copy(io.Discard, e, most)
	if e.read > most+1 {
		t.Errorf("%d bytes were copied", e.read)
	}
	e = &endless{}
	bounded.NewLines(e, most).Next()
	if e.read > most+128<<10 {
		t.Errorf("%d bytes were read for a line", e.read)
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	lines := bounded.NewLines(strings.NewReader("a\n\n"+long+"\nrest"), 300_000)
	for _, want := range []string{"a\n", "\n", long + "\n"} {
		if got, err := lines.Next(); err != nil || string(got) != want {
			t.Fatalf("%d bytes for %d, %v", len(got), len(want), err)
		}
	}
	if got, err := lines.Next(); err != io.EOF || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := bounded.NewLines(strings.NewReader(long+"\n"), 100_000).Next(); !errors.Is(err, bounded.ErrTooLarge) {
		t.Error(err)
	}
}

func TestAZipsListIsBounded(t *testing.T) {
	archive := func(files int) *bytes.Reader {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for i := range files {
			if _, err := w.Create(fmt.Sprintf("%06d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(buf.Bytes())
	}
	small := archive(100)
	z, err := bounded.Zip(small, small.Size(), 100_000)
	if err != nil || len(z.File) != 100 {
		t.Fatal(err)
	}
	// The limit ends with opening: files may be of any size.
	for range 10_000 {
		f, err := z.Open("000050")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	large := archive(10_000)
	if _, err := bounded.Zip(large, large.Size(), 100_000); !errors.Is(err, bounded.ErrTooLarge) {
		t.Error(err)
	}
}
