package capture

import (
	"errors"
	"io/fs"
)

// Errors of reading and writing capture files. Each is wrapped in an Error that
// names the file and has a hint.
var (
	ErrEmpty       = errors.New("file is empty")
	ErrNotTrace    = errors.New("not a capture and not a Go execution trace")
	ErrNotCapture  = errors.New("not a timesink capture")
	ErrDamaged     = errors.New("damaged capture")
	ErrNewerSchema = errors.New("capture of a newer timesink")
	ErrNoTrace     = errors.New("no execution trace in the capture")
	ErrNoPart      = errors.New("no such part in the capture")
	ErrExists      = errors.New("file already exists")
	ErrDiskFull    = errors.New("no space left on the disk")
)

// An Error is an error for users: the operation that failed, its cause, and
// what to try.
type Error struct {
	Op   string // the operation and its object: "open case.zip"
	Err  error  // the cause; quotes the other side if there is one
	Hint string // what to try; may be empty
}

// Error returns the operation and the cause. It leaves out the hint, which is
// printed separately: see Hint.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what to try after err: the hint of the outermost Error in its
// chain that has one, or "".
func Hint(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// A detailed error is one of the sentinels above with details. Its text is the
// detail alone; errors.Is matches the sentinel.
type detailed struct {
	kind   error
	detail string
}

func (d *detailed) Error() string { return d.detail }
func (d *detailed) Unwrap() error { return d.kind }

// Plain returns an error of writing a file for users: ErrDiskFull if the disk is full, and
// otherwise without its path and system call.
func Plain(err error) error {
	if IsDiskFull(err) {
		return ErrDiskFull
	}
	return plain(err)
}

// plain strips the path and the system call from errors of the file system,
// because the message around them already names both.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
