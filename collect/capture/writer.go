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

// A Writer writes a capture: parts are written to the folder PATH.partial as
// they arrive, so that nothing is lost whatever happens, and Finish turns the
// folder into the file PATH. Only one goroutine at a time may use a Writer, but
// the part files may be written concurrently.
type Writer struct {
	// Manifest is the capture's manifest, filled in by the caller. Finish
	// computes the sizes and checksums of its parts.
	Manifest Manifest

	path string // of the future zip
	dir  string // of the parts
}

// archiveName is the unfinished zip inside the folder: if the disk is full or
// the process is killed, it is removed together with the folder.
const archiveName = "archive.tmp"

// Check returns an error if a capture cannot be created at path, because the
// file or the folder of an earlier collection exists or there is no such
// directory. It creates nothing.
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
				Hint: "timesink analyze can read it as it is; remove it when you no longer need it"}
		}
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil {
		return &Error{Op: op, Err: fmt.Errorf("folder %s: %w", folder, plain(err)), Hint: "create the folder first, or give another name with -o"}
	}
	if !info.IsDir() {
		return &Error{Op: op, Err: fmt.Errorf("%s is not a folder", folder), Hint: "give another name with -o"}
	}
	return nil
}

// Create starts the capture that Finish will turn into the file path.
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

// Path returns the name of the file that Finish creates.
func (w *Writer) Path() string { return w.path }

// Dir returns the folder that the parts are written to.
func (w *Writer) Dir() string { return w.dir }

// CreatePart creates a part's file. The caller writes and closes it, and lists
// it in the manifest to include it in the capture.
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

// RemovePart removes a part's file that is not worth keeping.
func (w *Writer) RemovePart(name string) error {
	err := os.Remove(filepath.Join(w.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain("write "+w.path, plain(err))
	}
	return nil
}

// Save writes the current manifest to the folder, in one rename, so that a
// killed collection leaves a readable one.
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

// Open opens the capture as written so far, before Finish has created the file.
func (w *Writer) Open() (*Capture, error) {
	c, err := openWritten(w.dir)
	if err != nil {
		return nil, explain("open "+w.path, err)
	}
	return c, nil
}

// Finish creates the capture's file from the folder and removes the folder.
// Parts without a file keep their entry in the manifest, with size 0. If Finish
// fails, as on a full disk, no file has the final name, and the folder is
// unchanged and can still be opened.
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

// Discard removes everything that was written.
func (w *Writer) Discard() error {
	if err := os.RemoveAll(w.dir); err != nil {
		return explain("remove "+w.dir, plain(err))
	}
	return nil
}

// failed returns the error for a capture that could not be written; its hint
// says where the evidence is kept.
func (w *Writer) failed(err error) error {
	kept := "the collected data is kept in " + w.dir + ", which timesink analyze can read"
	switch {
	case IsDiskFull(err):
		return &Error{Op: "write " + w.path, Err: ErrDiskFull, Hint: "free some space; " + kept}
	case errors.Is(err, fs.ErrExist):
		return &Error{Op: "write " + w.path, Err: ErrExists, Hint: kept}
	}
	return &Error{Op: "write " + w.path, Err: plain(err), Hint: kept}
}

// writeArchive writes the complete zip and syncs it to disk.
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
	// The fastest level compresses a trace to 57%; the best, ten times slower,
	// to 50%.
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

// zipPart copies a part's file into the zip and sets its size and checksum.
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

// modified returns the modification time for the files in the zip: the
// capture's time.
func (w *Writer) modified() time.Time { return w.Manifest.CapturedAt.UTC() }

// renameNew renames from to to, which must not exist. A hard link takes the
// name only if it is free; on a file system without hard links, checking first
// is the best option.
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
