// Package capture holds the evidence: the data collected from a live service,
// in one file that can be attached to a ticket and read by any later version.
//
// It stands between collect, which makes captures with a Writer, and analyze,
// which reads them with Open. It knows the parts of a capture (Manifest, Kinds,
// Probe) and its layout on disk, but not the meaning of a trace or a profile.
// Of the project it imports only package bounded, with which it reads.
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
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/pprof/profile"

	"timesink/collect/bounded"
)

// PartialSuffix is appended to a capture's name to form the name of its folder
// during the collection.
const PartialSuffix = ".partial"

// Limits on what is read from an untrusted capture.
const (
	maxList     = 1 << 20 // bytes of a zip's list of files; ten files take one KB
	maxManifest = 8 << 20 // bytes of the manifest; 20 KB are usual
	maxValues   = 1 << 18 // values in the manifest: two bytes may become a hundred
)

// A Capture is an open capture file, folder or bare trace. Its methods may be
// called concurrently; the readers it returns are independent of each other.
type Capture struct {
	path     string
	manifest *Manifest // nil for a bare trace
	files    fs.FS     // the parts; nil for a bare trace
	live     bool
	besides  bool // predictions may be kept beside it: it has a path
	bare     func() (io.ReadCloser, error)
	bareSize int64
	closers  []func() error
	whole    *Capture // the capture of which this is one window, nil for a whole one
	nth      int      // that window's number, from 1

	mu       sync.Mutex
	warnings []Warning
	damage   map[string]string // by part
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
	info, err := os.Stat(c.path)
	c.besides = err == nil && (info.IsDir() || info.Mode().IsRegular())
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
	size, err := bounded.Copy(f, r, spoolable(filepath.Dir(f.Name())))
	if err != nil {
		remove()
		if errors.Is(err, bounded.ErrTooLarge) {
			err = &detailed{ErrDiskFull, "it " + err.Error() + ", which is what the disk of the temporary folder has to spare"}
		}
		return nil, err
	}
	return openFile(name, f, size, remove)
}

// spareDisk is the disk space that a temporary file leaves free, in bytes.
const spareDisk = 128 << 20

// spoolable returns how many bytes a temporary file in a folder may have.
func spoolable(folder string) int64 {
	free, err := FreeDisk(folder)
	if err != nil {
		return math.MaxInt64
	}
	return max(0, free-spareDisk)
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
		c.bare = func() (io.ReadCloser, error) { return bounded.Gunzip(whole()) }
		return nil
	case bytes.HasPrefix(head, []byte("PK")):
		return c.openZip(f, size)
	}
	looks := Sniff(head)
	return &Error{Err: &detailed{ErrNotTrace, "neither a capture nor a Go execution trace: it looks like " + looks.What}, Hint: looks.Hint}
}

func (c *Capture) openZip(f io.ReaderAt, size int64) error {
	zr, err := bounded.Zip(f, size, maxList)
	if err != nil {
		return &detailed{ErrDamaged, "a zip that is cut off or damaged (" + err.Error() + ")"}
	}
	c.files = zr
	if err := c.checkNames(zr); err != nil {
		return err
	}
	return c.readManifest()
}

// checkNames warns of parts that a zip holds more than once. It returns an error if that
// is the manifest: nothing then says what the capture is.
func (c *Capture) checkNames(zr *zip.Reader) error {
	seen := map[string]int{}
	for _, f := range zr.File {
		name := path.Clean(strings.ReplaceAll(f.Name, `\`, "/"))
		seen[name]++
		switch {
		case seen[name] < 2:
		case name == ManifestName:
			return &Error{Err: &detailed{ErrDamaged, "it holds two files " + ManifestName + ", and one contradicts the other"},
				Hint: "get the capture again from its source, or unzip it and analyze its " + TracePart + " alone"}
		case seen[name] == 2 && partName.MatchString(name):
			c.warn("part-twice", "%s is in the zip more than once: the first was read", name)
		}
	}
	return nil
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
	data, err := bounded.ReadAll(f, maxManifest)
	if err != nil {
		return &detailed{ErrDamaged, ManifestName + ": " + plain(err).Error()}
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
	info, err := fs.Stat(c.files, c.file(TracePart))
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
		if info, err := fs.Stat(c.files, c.file(p.Name)); err == nil && info.Mode().IsRegular() {
			names = append(names, p.Name)
		}
	}
	return names
}

// Part opens the part called name. The error is ErrNoPart if the capture has
// none. The only part of a bare trace is TracePart. In a capture that is still
// being collected, TracePart is missing until its first byte arrives.
//
// In a view of one window, name is that of the part's kind: see Windows.
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
	name = c.file(name)
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

// Probes returns the probes, as many as fit into DefaultProbes bytes of memory.
func (c *Capture) Probes() ([]Probe, error) { return c.ProbesWithin(DefaultProbes) }

// ProbesWithin returns the probes, in the order in which they ended. If the capture
// has none, it returns nil and no error. It stops with a warning at a damaged line,
// and when the probes need more than memory bytes.
func (c *Capture) ProbesWithin(memory int64) (probes []Probe, err error) {
	room := newProbeRoom(memory)
	err = c.EachProbe(func(p *Probe) bool {
		if !room.take(p) {
			c.warn("probes-cut", "only the first %d probes are used: more do not fit into the memory allowed for them", len(probes))
			return false
		}
		probes = append(probes, *p)
		return true
	})
	return probes, err
}

// EachProbe calls each with one probe after another, until it returns false. The
// probe is valid until each returns. Probes with impossible times are left out, with
// a warning. At a damaged line, and after 256 MiB, it stops with a warning.
func (c *Capture) EachProbe(each func(*Probe) bool) error {
	r, err := c.Part(ProbesPart)
	if errors.Is(err, ErrNoPart) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	read, impossible := 0, 0
	n, err := eachProbe(r, func(p *Probe) bool {
		switch read++; {
		case !c.manifest.possible(p):
			impossible++
			return true
		case !c.sentIn(p):
			return true
		}
		return each(p)
	})
	switch {
	case errors.Is(err, errManyProbes):
		c.warn("probes-cut", "only the first %d probes are used: %v", n, err)
	case err != nil:
		c.warn("probes-damaged", "%v: %d probes could be read", err, n)
	}
	if impossible > 0 {
		c.warn("probes-impossible", "%d of %d probes have impossible times (far from the window, negative, or ended before they began) and were left out", impossible, read)
	}
	return nil
}

// Profile reads the part called name as a pprof profile, with at most memory bytes of
// memory. The error is ErrNoPart if the capture has none. For a profile that is too
// large, it wraps bounded.ErrTooLarge, and there is a warning.
func (c *Capture) Profile(name string, memory int64) (*profile.Profile, error) {
	r, err := c.Part(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p, err := bounded.Profile(r, memory)
	if errors.Is(err, bounded.ErrTooLarge) {
		c.warn("part-too-large", "%s was left out: it %v", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return p, nil
}

// Warnings returns the warnings of the collection, followed by those from
// reading the capture so far.
func (c *Capture) Warnings() []Warning {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Warning(nil), c.warnings...)
}

// Damage returns what is wrong with a part, as far as it has been read: "trace.out does
// not match the checksum that the manifest states". It is "" for a part without damage.
func (c *Capture) Damage(part string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.damage[c.file(part)]
}

// warn adds a warning unless it has been added before.
func (c *Capture) warn(code, format string, args ...any) {
	if c.whole != nil {
		c.whole.warn(code, format, args...)
	}
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
