// Package capture holds the evidence: the data collected from a live service,
// in one file that can be attached to a ticket and read by any later version.
//
// It stands between collect, which makes captures with a Writer, and analyze,
// which reads them with Open. It knows the parts of a capture (Manifest, Kinds,
// Probe) and its layout on disk, but not the meaning of a trace or a profile.
// It imports no other package of the project.
//
// # Parts
//
// A capture is a list of parts, each a piece of evidence. Kinds declares them:
// what each is, when it is taken, whether a collection succeeds without it, its
// format, and who reads it. The execution trace is the best evidence but not
// the only one: a capture without a trace opens, and Trace returns ErrNoTrace.
// A part that no Kind declares, such as one of a newer timesink, can be read by
// its name.
//
// # On disk
//
// A capture is a zip: manifest.json and the parts it lists, mode 0600. While it
// is being collected it is a folder of the same files, "case.zip.partial";
// Writer.Finish turns it into "case.zip" in one rename, so that a file with the
// final name is complete. Open reads both, and bare execution traces from any
// source, gzipped or not.
//
// A capture may come from an untrusted source. Only the parts that the manifest
// lists are read, up to the size it states, and nothing is ever extracted to
// disk.
package capture

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// PartialSuffix is appended to a capture's name to form the name of its folder
// during the collection.
const PartialSuffix = ".partial"

// maxManifest is the largest manifest that is read, in bytes.
const maxManifest = 16 << 20

// A Capture is an open capture file, folder or bare trace. Its methods may be
// called concurrently; the readers it returns are independent of each other.
type Capture struct {
	path     string
	manifest *Manifest // nil for a bare trace
	files    fs.FS     // the parts; nil for a bare trace
	live     bool
	bare     func() (io.ReadCloser, error)
	bareSize int64
	closers  []func() error

	mu       sync.Mutex
	warnings []Warning
}

// Open opens the capture at path: a zip, the folder of an unfinished one (also
// under the zip's future name), or a bare execution trace, gzipped or not. "-"
// is not special: see Read.
//
// Its errors are an *Error around one of the package's Err values or the file
// system's.
func Open(path string) (*Capture, error) {
	c, err := open(path)
	if err != nil {
		return nil, explain("open "+path, err)
	}
	return c, nil
}

// Read reads a capture zip or a bare trace from a stream, such as standard
// input, into a temporary file that Close removes. Messages refer to it by
// name.
func Read(name string, r io.Reader) (*Capture, error) {
	c, err := spool(name, r)
	if err != nil {
		return nil, explain("read "+name, err)
	}
	return c, nil
}

func open(path string) (*Capture, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		partial := path + PartialSuffix
		if info, perr := os.Stat(partial); perr == nil && info.IsDir() {
			return openFolder(partial)
		}
	}
	if err != nil {
		return nil, plain(err)
	}
	if info.IsDir() {
		return openFolder(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() { // a pipe, such as a shell's <(curl …)
		defer f.Close()
		return spool(path, f)
	}
	return openFile(path, f, info.Size(), f.Close)
}

// spool copies r to a temporary file, because a zip is read from its end.
func spool(name string, r io.Reader) (*Capture, error) {
	f, err := os.CreateTemp("", "timesink-*")
	if err != nil {
		return nil, err
	}
	remove := func() error {
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	size, err := io.Copy(f, r)
	if err != nil {
		remove()
		return nil, err
	}
	return openFile(name, f, size, remove)
}

// openFile detects what f contains and opens it. It calls closer on an error;
// otherwise Close does.
func openFile(path string, f io.ReaderAt, size int64, closer func() error) (*Capture, error) {
	c := &Capture{path: path, closers: []func() error{closer}}
	if err := c.openContent(f, size); err != nil {
		closer()
		return nil, err
	}
	return c, nil
}

func (c *Capture) openContent(f io.ReaderAt, size int64) error {
	if size == 0 {
		return ErrEmpty
	}
	whole := func() *io.SectionReader { return io.NewSectionReader(f, 0, size) }
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(whole(), head)
	if n == 0 || err != nil && err != io.ErrUnexpectedEOF {
		return plain(err)
	}
	head = head[:n]
	switch {
	case IsTrace(head):
		c.bareSize = size
		c.bare = func() (io.ReadCloser, error) { return io.NopCloser(whole()), nil }
		return nil
	case IsTrace(gunzipHead(head)):
		c.bareSize = -1
		c.bare = func() (io.ReadCloser, error) { return gzip.NewReader(whole()) }
		return nil
	case bytes.HasPrefix(head, []byte("PK")):
		return c.openZip(f, size)
	}
	looks := Sniff(head)
	return &Error{Err: &detailed{ErrNotTrace, "neither a capture nor a Go execution trace: it looks like " + looks.What}, Hint: looks.Hint}
}

func (c *Capture) openZip(f io.ReaderAt, size int64) error {
	zr, err := zip.NewReader(f, size)
	if err != nil {
		return &detailed{ErrDamaged, "a zip that is cut off or damaged (" + err.Error() + ")"}
	}
	c.files = zr
	return c.readManifest()
}

// openFolder opens an unfinished capture, whose collection may be running or
// killed. Its manifest may list less than the folder contains.
func openFolder(path string) (*Capture, error) {
	c, err := openWritten(path)
	if err == nil {
		c.warn("capture-partial", "%s was not finished: it holds what had arrived when the collection ended", filepath.Base(path))
	}
	return c, err
}

func openWritten(path string) (*Capture, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, plain(err)
	}
	c := &Capture{path: path, files: root.FS(), live: true, closers: []func() error{root.Close}}
	if err := c.readManifest(); err != nil {
		root.Close()
		return nil, err
	}
	return c, nil
}

func (c *Capture) readManifest() error {
	f, err := c.files.Open(ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return &detailed{ErrNotCapture, "not a timesink capture (it contains no " + ManifestName + ")"}
	}
	if err != nil {
		return &detailed{ErrDamaged, ManifestName + ": " + plain(err).Error()}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	switch {
	case err != nil:
		return &detailed{ErrDamaged, ManifestName + ": " + plain(err).Error()}
	case len(data) > maxManifest:
		return &detailed{ErrDamaged, fmt.Sprintf("%s: larger than %d bytes", ManifestName, maxManifest)}
	}
	c.manifest, err = decodeManifest(data)
	if err != nil {
		return err
	}
	c.warnings = append(c.warnings, c.manifest.Warnings...)
	return nil
}

// Path returns the path of the zip, the folder or the trace that was opened, or
// the name given to Read.
func (c *Capture) Path() string { return c.path }

// Manifest returns the capture's manifest, or nil for a bare trace.
func (c *Capture) Manifest() *Manifest { return c.manifest }

// Live reports whether the capture is still a folder, because it is being
// collected or its collection was killed. A live capture may grow between
// readers.
func (c *Capture) Live() bool { return c.live }

// Trace opens the execution trace. The error is ErrNoTrace if the capture has
// none. See Part for the handling of damage.
func (c *Capture) Trace() (io.ReadCloser, error) {
	r, err := c.Part(TracePart)
	if errors.Is(err, ErrNoPart) {
		return nil, explain("open "+TracePart+" in "+c.path, ErrNoTrace)
	}
	return r, err
}

// TraceSize returns the size of the execution trace in bytes, or -1 if there is
// none or its size is unknown until it is read.
func (c *Capture) TraceSize() int64 {
	if c.bare != nil {
		return c.bareSize
	}
	if !c.live && c.manifest.Part(TracePart) == nil {
		return -1
	}
	info, err := fs.Stat(c.files, TracePart)
	if err != nil {
		return -1
	}
	return info.Size()
}

// Parts returns the names of the parts that can be opened, in the manifest's
// order; none for a bare trace.
func (c *Capture) Parts() []string {
	var names []string
	if c.manifest == nil {
		return names
	}
	for _, p := range c.manifest.Parts {
		if info, err := fs.Stat(c.files, p.Name); err == nil && info.Mode().IsRegular() {
			names = append(names, p.Name)
		}
	}
	return names
}

// Part opens the part called name. The error is ErrNoPart if the capture has
// none. The only part of a bare trace is TracePart. In a capture that is still
// being collected, TracePart is missing until its first byte arrives.
//
// Damage is a warning, not a failure: a part that is cut off, does not
// decompress, or does not match the manifest's checksum ends where it cannot be
// read any further, and Warnings says so. Check Warnings after reading.
func (c *Capture) Part(name string) (io.ReadCloser, error) {
	if c.bare != nil && name == TracePart {
		return c.bareTrace()
	}
	if c.manifest == nil || !partName.MatchString(name) || name == ManifestName || c.live && name == TracePart && c.TraceSize() <= 0 {
		return nil, c.noPart(name)
	}
	entry := c.manifest.Part(name)
	if entry == nil && !c.live {
		return nil, c.noPart(name)
	}
	f, err := c.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, c.noPart(name)
	}
	if err != nil {
		return nil, explain("open "+name+" in "+c.path, plain(err))
	}
	if c.live {
		return &partReader{c: c, name: name, r: f, src: f}, nil
	}
	// One byte more than stated detects a part that is larger.
	return &partReader{c: c, name: name, r: io.LimitReader(f, entry.Size+1), src: f, want: entry, sum: sha256.New()}, nil
}

func (c *Capture) bareTrace() (io.ReadCloser, error) {
	r, err := c.bare()
	if err != nil {
		return nil, explain("open "+c.path, err)
	}
	return &partReader{c: c, name: TracePart, r: r, src: r}, nil
}

func (c *Capture) noPart(name string) error {
	return &Error{Op: "open " + name + " in " + c.path, Err: ErrNoPart}
}

// Probes returns the probes. If the capture has none, it returns nil and no
// error. At a damaged line it stops with a warning.
func (c *Capture) Probes() ([]Probe, error) {
	r, err := c.Part(ProbesPart)
	if errors.Is(err, ErrNoPart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	probes, err := ReadProbes(r)
	if err != nil {
		c.warn("probes-damaged", "%v: %d probes could be read", err, len(probes))
	}
	return probes, nil
}

// Warnings returns the warnings of the collection, followed by those from
// reading the capture so far.
func (c *Capture) Warnings() []Warning {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Warning(nil), c.warnings...)
}

// warn adds a warning unless it has been added before.
func (c *Capture) warn(code, format string, args ...any) {
	w := Warning{Code: code, Message: fmt.Sprintf(format, args...)}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, old := range c.warnings {
		if old == w {
			return
		}
	}
	c.warnings = append(c.warnings, w)
}

// Close closes the file. Readers of its parts must not be used afterward.
func (c *Capture) Close() error {
	var errs []error
	for _, closer := range c.closers {
		errs = append(errs, closer())
	}
	c.closers = nil
	return errors.Join(errs...)
}

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
	p.c.warn("part-damaged", "%s %s", p.name, fmt.Sprintf(format, args...))
}

func (p *partReader) Close() error { return p.src.Close() }

// isDamage reports whether err means a damaged part, as opposed to a disk that
// cannot be read.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) ||
		errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt)
}

// hints lists what to try after each of the package's errors.
var hints = []struct {
	is   error
	hint string
}{
	{fs.ErrNotExist, "check the path; timesink collect writes captures"},
	{fs.ErrPermission, "captures are readable only by their owner (mode 0600): ask the owner for a copy"},
	{ErrEmpty, "nothing was written to it: collect again, and check the output of the program that wrote it"},
	{ErrNewerSchema, "upgrade timesink, or unzip the capture and analyze its trace.out alone"},
	{ErrNotCapture, "if it holds an execution trace, unpack it and give timesink the trace itself"},
	{ErrDamaged, "get the file again from its source: it was cut off or changed in transit"},
	{ErrNoTrace, "the collection ended before the trace began: collect again"},
	{ErrDiskFull, "free some space, or write to another disk with -o"},
}

// explain wraps err in an Error, with the hint for its cause unless err already
// has one.
func explain(op string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Op == "" {
		return &Error{Op: op, Err: e.Err, Hint: e.Hint}
	}
	for _, row := range hints {
		if errors.Is(err, row.is) {
			return &Error{Op: op, Err: err, Hint: row.hint}
		}
	}
	return &Error{Op: op, Err: err}
}
