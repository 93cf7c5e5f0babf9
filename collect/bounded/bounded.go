package bounded

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge is wrapped by the errors for data beyond a limit.
var ErrTooLarge = errors.New("too large")

// A limitError is ErrTooLarge with the limit, such as "unpacks to more than 4 MB".
type limitError struct {
	does string
	most int64 // bytes
}

func (e *limitError) Error() string { return e.does + " " + size(e.most) }
func (e *limitError) Unwrap() error { return ErrTooLarge }

// size returns a number of bytes as text.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.3g GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.3g MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.3g KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// ReadAll reads r to its end, at most most bytes of it. If there are more, it
// returns the first most bytes and an error that wraps ErrTooLarge. On any other
// error it returns what was read before. It uses at most twice the memory of what
// it returns.
func ReadAll(r io.Reader, most int64) ([]byte, error) {
	// Pieces, joined at the end: a buffer that grows by copying needs three times
	// the memory.
	var pieces [][]byte
	left := most
	for next := int64(512); left > 0; next = min(2*next, 1<<20) {
		piece := make([]byte, min(next, left))
		n, err := fill(r, piece)
		left -= int64(n)
		pieces = append(pieces, piece[:n])
		if err == io.EOF {
			return bytes.Join(pieces, nil), nil
		}
		if err != nil {
			return bytes.Join(pieces, nil), err
		}
	}
	data := bytes.Join(pieces, nil)
	return data, ends(r, "has more than", most)
}

// fill reads until b is full or r returns an error. Unlike io.ReadFull it returns
// r's own error, so that a cut stream can be told from the end.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	if n == len(b) && err == io.EOF {
		err = nil // the next read returns it again
	}
	return n, err
}

// ends returns nil if r is at its end, and a limitError if there is more.
func ends(r io.Reader, does string, most int64) error {
	var one [1]byte
	switch n, err := fill(r, one[:]); {
	case n > 0:
		return &limitError{does, most}
	case err != io.EOF:
		return err
	}
	return nil
}

// Copy copies r to w, at most most bytes. If there are more, its error wraps
// ErrTooLarge, and the first most bytes were copied.
func Copy(w io.Writer, r io.Reader, most int64) (int64, error) {
	n, err := io.Copy(w, io.LimitReader(r, most))
	if err != nil || n < most {
		return n, err
	}
	return n, ends(r, "has more than", most)
}

// Unzip unpacks a gzip stream, to at most most bytes. Its memory and its errors
// are those of ReadAll.
func Unzip(r io.Reader, most int64) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	data, err := ReadAll(z, most)
	return data, unpacking(err, most)
}

// Unpacked returns the size of what a gzip stream holds. If that is more than most
// bytes, the error wraps ErrTooLarge, and no more than that was unpacked. Nothing
// is kept in memory.
func Unpacked(r io.Reader, most int64) (int64, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return 0, err
	}
	n, err := Copy(io.Discard, z, most)
	return n, unpacking(err, most)
}

func unpacking(err error, most int64) error {
	if errors.Is(err, ErrTooLarge) {
		return &limitError{"unpacks to more than", most}
	}
	return err
}

// Gunzip returns a reader of what a gzip stream holds, without a limit: for what
// is read piece by piece and never held as a whole, such as a trace.
func Gunzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// Zip opens a zip of size bytes whose list of files takes at most most bytes. The
// list uses about ten times that in memory. Reading a file of the zip is up to the
// caller, with ReadAll or Unzip.
func Zip(r io.ReaderAt, size, most int64) (*zip.Reader, error) {
	// The list's place is searched in the last 64 KB or so.
	list := &listReader{r: r, left: most + 70_000, most: most}
	zr, err := zip.NewReader(list, size)
	if err != nil {
		return nil, err
	}
	list.opened = true
	return zr, nil
}

// A listReader limits what is read before the zip is open.
type listReader struct {
	r          io.ReaderAt
	left, most int64
	opened     bool
}

func (l *listReader) ReadAt(b []byte, at int64) (int, error) {
	if !l.opened {
		if l.left -= int64(len(b)); l.left < 0 {
			return 0, &limitError{"its list of files has more than", l.most}
		}
	}
	return l.r.ReadAt(b, at)
}

// Lines returns the lines of r one by one, without holding more than one of them.
type Lines struct {
	r    *bufio.Reader
	line []byte
	most int
}

// NewLines returns the lines of r, each of at most most bytes.
func NewLines(r io.Reader, most int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 64<<10), most: most}
}

// Next returns the next line with its line feed. It is valid until the next call.
// After the last line the error is io.EOF; what follows the last line feed is no
// line. The error for a line that is too long wraps ErrTooLarge.
func (l *Lines) Next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		piece, err := l.r.ReadSlice('\n')
		if err == nil && len(l.line) == 0 {
			return piece, nil
		}
		l.line = append(l.line, piece...)
		switch {
		case len(l.line) > l.most:
			return nil, &limitError{"a line has more than", int64(l.most)}
		case err == nil:
			return l.line, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}
