package capture

import (
	"errors"
	"io/fs"
)

// What can be wrong with a file, and with writing one. Each comes wrapped in an
// Error that names the file and carries a hint.
var (
	ErrEmpty       = errors.New("file is empty")
	ErrNotTrace    = errors.New("not a capture and not a Go execution trace")
	ErrNotCapture  = errors.New("not a timesink capture")
	ErrDamaged     = errors.New("damaged capture")
	ErrNewerSchema = errors.New("capture of a newer timesink")
	ErrNoTrace     = errors.New("no execution trace in the capture")
	ErrNoPart      = errors.New("no such part in the capture")
	ErrExists      = errors.New("file exists already")
	ErrDiskFull    = errors.New("no space left on the disk")
)

// An Error is a failure that a user meets: what was being done to what, why it
// failed, and what to try.
type Error struct {
	Op   string // what was being done to what: "open case.zip"
	Err  error  // why it failed; quotes the other side where there is one
	Hint string // what to try, a whole sentence; may be empty
}

// Error tells the operation and the cause. The hint is told apart from it, by
// who prints the error: see Hint.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap gives the cause.
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

// A detailed error is one of the sentinels above with what was seen. It reads
// as its detail alone and matches its sentinel with errors.Is.
type detailed struct {
	kind   error
	detail string
}

func (d *detailed) Error() string { return d.detail }
func (d *detailed) Unwrap() error { return d.kind }

// plain strips what the file system's errors repeat: the path and the call,
// which the message around them names already.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
