//go:build !unix

package discover

import "os/exec"

// apart leaves a command as it is: without process groups, killing it has to do.
func apart(*exec.Cmd) {}
