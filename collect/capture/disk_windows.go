package capture

import (
	"errors"

	"golang.org/x/sys/windows"
)

// FreeDisk returns how many bytes this user may still write to the disk of the
// folder dir.
func FreeDisk(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	var free uint64
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	}
	if err != nil {
		return 0, &Error{Op: "ask for the free space of " + dir, Err: err}
	}
	return int64(min(free, 1<<62)), nil
}

// IsDiskFull reports whether err means that no space is left on the disk.
func IsDiskFull(err error) bool {
	return errors.Is(err, ErrDiskFull) || errors.Is(err, windows.ERROR_DISK_FULL) ||
		errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// syncFolder does nothing: Windows has no way to sync a folder.
func syncFolder(string) error { return nil }
