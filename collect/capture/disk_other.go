//go:build !linux && !darwin && !freebsd && !windows

package capture

import "errors"

// FreeDisk returns errors.ErrUnsupported: this system is not asked.
func FreeDisk(dir string) (int64, error) {
	return 0, &Error{Op: "ask for the free space of " + dir, Err: errors.ErrUnsupported}
}

// IsDiskFull reports whether err says that there is no space left.
func IsDiskFull(err error) bool { return errors.Is(err, ErrDiskFull) }

// syncFolder does nothing.
func syncFolder(string) error { return nil }
