package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A panic is told in two lines, like other errors, with the place in the code.
func TestAPanicIsToldLikeAnError(t *testing.T) {
	cmd := &cobra.Command{SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
		var none *tool
		none.command = "x"
		return nil
	}}
	cmd.SetArgs(nil)
	var said bytes.Buffer
	code := (&tool{stderr: &said}).exit(executed(t.Context(), cmd))
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if code != exitFailed || len(lines) != 2 || !strings.HasPrefix(lines[0], "timesink: a bug in timesink: runtime error: invalid memory address") ||
		!strings.Contains(lines[0], "(exit_test.go:") || !strings.HasPrefix(lines[1], "hint: what was collected is kept") {
		t.Errorf("exit code %d:\n%s", code, said.String())
	}
}
