//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// shell returns a command that runs a line in a shell, in a process group of its own.
func shell(line string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// endGroup asks a process group to exit, and kills what is left of it after some time. It
// returns when none of it is left.
func endGroup(leader *os.Process, patience time.Duration) {
	deadline := time.Now().Add(patience)
	for signal := syscall.SIGTERM; syscall.Kill(-leader.Pid, signal) == nil; time.Sleep(10 * time.Millisecond) {
		switch {
		case time.Now().After(deadline):
			signal = syscall.SIGKILL
		case signal == syscall.SIGTERM:
			signal = 0 // asked once; from now on look whether it is there
		}
	}
}
