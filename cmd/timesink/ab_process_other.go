//go:build !unix

package main

import (
	"os"
	"os/exec"
	"time"
)

// shell returns a command that runs a line in the system's shell.
func shell(line string) *exec.Cmd { return exec.Command("cmd", "/C", line) }

// endGroup kills a process. Without process groups, what it started may live on.
func endGroup(leader *os.Process, _ time.Duration) { leader.Kill() }
