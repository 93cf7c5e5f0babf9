//go:build linux || darwin || freebsd

package capture

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// FreeDisk returns how many bytes this user may still write to the disk of the
// folder dir.
func FreeDisk(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &Error{Op: "ask for the free space of " + dir, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// IsDiskFull reports whether err means that no space is left: the disk is
// full, or the user's quota or the process's file size limit is reached.
func IsDiskFull(err error) bool {
	return errors.Is(err, ErrDiskFull) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}

// syncFolder makes a rename in dir durable. It does not fail on file systems
// that cannot sync a folder, such as some network ones.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
