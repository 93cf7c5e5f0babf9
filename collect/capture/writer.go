package capture

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Writer makes a capture: parts are written into the folder PATH.partial as
// they come, so that nothing of them is lost whatever happens, and Finish turns
// the folder into the file PATH. It is for one goroutine, apart from the part
// files, which may be written at the same time.
type Writer struct {
	// Manifest is the capture's; the caller fills it. Finish computes the sizes
	// and checksums of its parts.
	Manifest Manifest

	path string // of the zip to be
	dir  string // of the parts
}

// archiveName is the zip in the making, inside of the folder: when the disk is
// full or the process is killed it is found and removed with the rest.
const archiveName = "archive.tmp"

// Check reports whether a capture can be made at path: neither the file nor
// the folder of an earlier collection is there. It creates nothing.
func Check(path string) error {
	op := "write " + path
	for _, p := range []string{path, path + PartialSuffix} {
		_, err := os.Lstat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return explain(op, plain(err))
		case p == path:
			return &Error{Op: op, Err: ErrExists, Hint: "give another name with -o, or remove it: captures are never overwritten"}
		default:
			return &Error{Op: op, Err: &detailed{ErrExists, "the folder " + p + " of an earlier collection is in the way"},
				Hint: "timesink analyze reads it as it is; remove it when it is of no more use"}
		}
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil {
		return &Error{Op: op, Err: fmt.Errorf("folder %s: %w", folder, plain(err)), Hint: "make the folder first, or give another name with -o"}
	}
	if !info.IsDir() {
		return &Error{Op: op, Err: fmt.Errorf("%s is no folder", folder), Hint: "give another name with -o"}
	}
	return nil
}

// Create begins the capture that will be the file path.
func Create(path string) (*Writer, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	w := &Writer{path: path, dir: path + PartialSuffix}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return nil, explain("write "+path, plain(err))
	}
	if err := w.Save(); err != nil {
		os.RemoveAll(w.dir)
		return nil, err
	}
	return w, nil
}

// Path returns the name of the file that Finish makes.
func (w *Writer) Path() string { return w.path }

// Dir returns the folder that the parts are written to.
func (w *Writer) Dir() string { return w.dir }

// CreatePart creates a part's file, to be written and closed by the caller. It
// is in the capture once the manifest lists it.
func (w *Writer) CreatePart(name string) (*os.File, error) {
	if !partName.MatchString(name) || name == ManifestName || name == archiveName {
		return nil, &Error{Op: "write " + w.path, Err: fmt.Errorf("%q cannot name a part", name)}
	}
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, explain("write "+name+" of "+w.path, plain(err))
	}
	return f, nil
}

// RemovePart removes a part's file, of which nothing came that is worth
// keeping.
func (w *Writer) RemovePart(name string) error {
	err := os.Remove(filepath.Join(w.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain("write "+w.path, plain(err))
	}
	return nil
}

// Save writes the manifest as it is into the folder, in one rename, so that a
// collection that is killed leaves one that can be read.
func (w *Writer) Save() error {
	data, err := w.Manifest.encode()
	if err != nil {
		return err
	}
	temp := filepath.Join(w.dir, ManifestName+".tmp")
	if err := writeFile(temp, data); err != nil {
		os.Remove(temp)
		return w.failed(err)
	}
	if err := os.Rename(temp, filepath.Join(w.dir, ManifestName)); err != nil {
		return w.failed(err)
	}
	return nil
}

func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// Open opens what was written so far, as Open does the file that Finish makes of
// it: for who has it all and does not wait for the file.
func (w *Writer) Open() (*Capture, error) {
	c, err := openWritten(w.dir)
	if err != nil {
		return nil, explain("open "+w.path, err)
	}
	return c, nil
}

// Finish makes the capture's file of the folder and removes the folder. Parts
// without a file keep their entry in the manifest, with size 0. Should it fail,
// as on a full disk, nothing bears the final name and the folder is as it was:
// Open reads it.
func (w *Writer) Finish() error {
	archive := filepath.Join(w.dir, archiveName)
	if err := w.writeArchive(archive); err != nil {
		os.Remove(archive)
		return w.failed(err)
	}
	if err := renameNew(archive, w.path); err != nil {
		os.Remove(archive)
		return w.failed(err)
	}
	if err := syncFolder(filepath.Dir(w.path)); err != nil {
		return w.failed(err)
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return explain("remove "+w.dir, plain(err))
	}
	return nil
}

// Discard removes what was written: nothing came that is worth keeping.
func (w *Writer) Discard() error {
	if err := os.RemoveAll(w.dir); err != nil {
		return explain("remove "+w.dir, plain(err))
	}
	return nil
}

// failed tells that the capture could not be written, and where the evidence
// lies instead.
func (w *Writer) failed(err error) error {
	kept := "what was collected is kept in " + w.dir + ", which timesink analyze reads"
	switch {
	case IsDiskFull(err):
		return &Error{Op: "write " + w.path, Err: ErrDiskFull, Hint: "free some space; " + kept}
	case errors.Is(err, fs.ErrExist):
		return &Error{Op: "write " + w.path, Err: ErrExists, Hint: kept}
	}
	return &Error{Op: "write " + w.path, Err: plain(err), Hint: kept}
}

// writeArchive writes the zip, whole and on the disk when it returns.
func (w *Writer) writeArchive(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = w.writeZip(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (w *Writer) writeZip(f io.Writer) error {
	zw := zip.NewWriter(f)
	// The fastest level leaves 57% of a trace; the best, ten times slower, 50%.
	zw.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestSpeed)
	})
	for i := range w.Manifest.Parts {
		if err := w.zipPart(zw, &w.Manifest.Parts[i]); err != nil {
			return err
		}
	}
	// Last, because it states the parts' sizes and checksums.
	data, err := w.Manifest.encode()
	if err != nil {
		return err
	}
	out, err := zw.CreateHeader(w.header(ManifestName))
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	return zw.Close()
}

// zipPart copies a part's file into the zip and enters its size and checksum.
func (w *Writer) zipPart(zw *zip.Writer, p *Part) error {
	f, err := os.Open(filepath.Join(w.dir, p.Name))
	if errors.Is(err, fs.ErrNotExist) {
		p.Size, p.SHA256 = 0, ""
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	out, err := zw.CreateHeader(w.header(p.Name))
	if err != nil {
		return err
	}
	sum := sha256.New()
	p.Size, err = io.Copy(io.MultiWriter(out, sum), f)
	p.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return err
}

func (w *Writer) header(name string) *zip.FileHeader {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: w.modified()}
	if strings.HasSuffix(name, ".gz") {
		h.Method = zip.Store
	}
	h.SetMode(0o600)
	return h
}

// modified is the time that the files in the zip bear: the capture's.
func (w *Writer) modified() time.Time { return w.Manifest.CapturedAt.UTC() }

// renameNew renames from to to, which must not exist. A hard link takes the
// name only when it is free; where the file system has no hard links, looking
// first is the best there is.
func renameNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}
