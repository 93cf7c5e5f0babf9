//go:build unix

package fleet

import (
	"syscall"
	"testing"
	"time"
)

// stopped takes the cores from a process for most of the time until the test ends, as a
// CPU limit or a busy host does.
func stopped(t *testing.T, pid int) {
	t.Helper()
	const without, with = 80 * time.Millisecond, 20 * time.Millisecond
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer syscall.Kill(pid, syscall.SIGCONT)
		for {
			syscall.Kill(pid, syscall.SIGSTOP)
			time.Sleep(without)
			syscall.Kill(pid, syscall.SIGCONT)
			select {
			case <-end:
				return
			case <-time.After(with):
			}
		}
	}()
	t.Cleanup(func() {
		close(end)
		<-ended
	})
}
