package send

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"timesink/collect/capture"
)

// A Store keeps files under names with slashes.
type Store interface {
	// Create starts a file. It replaces the file of that name, if there is one, when it is
	// committed. The caller must call Commit or Discard.
	Create(ctx context.Context, name string) (*File, error)
	// String names the store, without secrets.
	String() string
}

// OpenStore returns the store that a text names: a folder, or s3://BUCKET/PREFIX. It does not
// ask whether it is there.
func OpenStore(text string) (Store, error) {
	if strings.HasPrefix(text, "s3://") {
		return openS3(text)
	}
	if scheme, _, ok := strings.Cut(text, "://"); ok {
		return nil, &capture.Error{Op: "open " + scheme + "://…", Err: errors.New("neither a folder nor s3://"), Hint: "write to a folder, and use the store's own tool to copy it"}
	}
	return folder(text), nil
}

// A File is a file that is being written. Nobody sees it before it is committed.
type File struct {
	name   string // in the store
	temp   *os.File
	hash   hash.Hash
	size   int64
	err    error
	commit func(ctx context.Context, f *File) (changed bool, err error)
}

// stage returns a File that is written to a temporary file next to where it belongs or, if
// folder is "", in the system's folder for such files.
func stage(folder, name string, commit func(context.Context, *File) (bool, error)) (*File, error) {
	temp, err := os.CreateTemp(folder, "."+path.Base(name)+".*.partial")
	if err != nil {
		return nil, err
	}
	return &File{name: name, temp: temp, hash: sha256.New(), commit: commit}, nil
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.temp.Write(p)
	f.hash.Write(p[:n])
	f.size += int64(n)
	if err != nil && f.err == nil {
		f.err = err
	}
	return n, err
}

// Size returns how many bytes have been written.
func (f *File) Size() int64 { return f.size }

// SHA256 returns the hexadecimal checksum of what has been written.
func (f *File) SHA256() string { return hex.EncodeToString(f.hash.Sum(nil)) }

// Discard gives the file up. It does nothing after Commit.
func (f *File) Discard() {
	if f.temp != nil {
		f.temp.Close()
		os.Remove(f.temp.Name())
		f.temp = nil
	}
}

// Commit puts the file into the store and reports whether that changed anything. If it
// fails, the store is as before.
func (f *File) Commit(ctx context.Context) (changed bool, err error) {
	defer f.Discard()
	if f.err != nil {
		return false, unwritten(f.name, f.err)
	}
	return f.commit(ctx, f)
}

// A folder is a Store on disk.
type folder string

func (d folder) String() string { return string(d) }

func (d folder) Create(_ context.Context, name string) (*File, error) {
	at := filepath.Join(string(d), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		return nil, unwritten(at, err)
	}
	f, err := stage(filepath.Dir(at), name, func(_ context.Context, f *File) (bool, error) {
		changed, err := replace(at, f)
		if err != nil {
			err = unwritten(at, err)
		}
		return changed, err
	})
	if err != nil {
		return nil, unwritten(at, err)
	}
	return f, nil
}

func unwritten(name string, err error) error {
	hint := "check the folder and its permissions"
	if capture.IsDiskFull(err) {
		hint = "free some space, or choose another disk; what was there before is unchanged"
	}
	return &capture.Error{Op: "write " + name, Err: capture.Plain(err), Hint: hint}
}

// replace puts a file in place of the one at a path, unless that has the same content.
func replace(at string, f *File) (changed bool, err error) {
	if sum, err := checksum(at); err == nil && sum == f.SHA256() {
		return false, nil
	}
	name := f.temp.Name()
	if err := errors.Join(f.temp.Chmod(0o644), f.temp.Sync(), f.temp.Close()); err != nil {
		return false, err
	}
	if err := os.Rename(name, at); err != nil {
		return false, err
	}
	f.temp = nil
	return true, nil
}

func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
