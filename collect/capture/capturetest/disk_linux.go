package capturetest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk mounts a file system of the given size, such as "100k", and returns its folder.
// It skips the test where that is not allowed: it requires root.
func SmallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
