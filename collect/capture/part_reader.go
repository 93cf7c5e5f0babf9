package capture

import (
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// A partReader reads a part, verifies it against its entry in the manifest, and
// turns damage into a warning and an early end.
type partReader struct {
	c    *Capture
	name string
	r    io.Reader
	src  io.Closer
	want *Part     // nil if there is nothing to verify
	sum  hash.Hash // of the bytes read, if want is not nil
	n    int64
	end  error // set once the end is reached
}

func (p *partReader) Read(b []byte) (int, error) {
	if p.end != nil {
		return 0, p.end
	}
	n, err := p.r.Read(b)
	if p.want != nil {
		if extra := p.n + int64(n) - p.want.Size; extra > 0 {
			n -= int(extra)
			p.damaged("is longer than the %d bytes that the manifest states", p.want.Size)
			err = io.EOF
		}
		p.sum.Write(b[:n])
	}
	p.n += int64(n)
	switch {
	case err == io.EOF:
		p.check()
		p.end = io.EOF
	case isDamage(err):
		p.damaged("cannot be read beyond %d bytes (%v)", p.n, err)
		p.end = io.EOF
	case err != nil:
		p.end = explain("read "+p.name+" in "+p.c.path, plain(err))
	}
	return n, p.end
}

// check verifies the whole part against the manifest.
func (p *partReader) check() {
	switch {
	case p.want == nil:
	case p.n < p.want.Size:
		p.damaged("holds %d bytes of the %d that the manifest states", p.n, p.want.Size)
	case p.want.SHA256 != "" && !strings.EqualFold(hex.EncodeToString(p.sum.Sum(nil)), p.want.SHA256):
		p.damaged("does not match the checksum that the manifest states")
	}
}

func (p *partReader) damaged(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	p.c.warn("part-damaged", "%s %s", p.name, what)
	for c := p.c; c != nil; c = c.whole {
		c.damaged(p.name, p.name+" "+what)
	}
}

// damaged keeps what is wrong with the part in that file, unless something is known already.
func (c *Capture) damaged(file, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.damage == nil {
		c.damage = map[string]string{}
	}
	if c.damage[file] == "" {
		c.damage[file] = what
	}
}

func (p *partReader) Close() error { return p.src.Close() }

// isDamage reports whether err means a damaged part, as opposed to a disk that
// cannot be read.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) ||
		errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt)
}
