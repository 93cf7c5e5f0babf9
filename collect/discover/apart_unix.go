//go:build unix

package discover

import (
	"os/exec"
	"syscall"
)

// apart makes a command a process group of its own, which is killed as a whole: kubectl
// may have started a plugin for its credentials.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
