//go:build !linux && !darwin && !freebsd && !windows

package capture

import "errors"

// FreeDisk always returns errors.ErrUnsupported on this system.
func FreeDisk(dir string) (int64, error) {
	return 0, &Error{Op: "ask for the free space of " + dir, Err: errors.ErrUnsupported}
}

// IsDiskFull reports whether err means that no space is left on the disk.
func IsDiskFull(err error) bool { return errors.Is(err, ErrDiskFull) }

// syncFolder does nothing.
func syncFolder(string) error { return nil }
