package main

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// The names under which kubectl runs plugins: for kubectl timesink, and to complete its
// arguments.
const (
	pluginName     = "kubectl-timesink"
	completionName = "kubectl_complete-timesink"
)

// calledAs returns what users type for this command, and the arguments that its name adds
// to theirs. The name is that of the executable, as the first argument of a process: a
// link to it makes the command a plugin of kubectl.
func calledAs(executable string) (command string, first []string) {
	name := strings.TrimSuffix(filepath.Base(executable), ".exe")
	switch name {
	case pluginName:
		return "kubectl timesink", nil
	case completionName:
		return "kubectl timesink", []string{cobra.ShellCompRequestCmd}
	}
	return "timesink", nil
}

// spelled returns a text with the command as the user types it, where the text shows how
// to run it.
func (t *tool) spelled(text string) string {
	if t.shown == nil {
		return text
	}
	return t.shown.ReplaceAllString(text, t.command+"$1")
}

// spell spells the texts of all commands as the user types them, and those that come.
func (t *tool) spell(root *cobra.Command) {
	if t.command == root.Name() || t.command == "" {
		return
	}
	names := []string{"--"}
	for _, cmd := range root.Commands() {
		names = append(names, regexp.QuoteMeta(cmd.Name())+`\b`, "COMMAND")
	}
	t.shown = regexp.MustCompile(`\b` + root.Name() + `( (?:` + strings.Join(names, "|") + `))`)
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: t.command}
	t.spellAll(root)
}

func (t *tool) spellAll(cmd *cobra.Command) {
	cmd.Long, cmd.Example = t.spelled(cmd.Long), t.spelled(cmd.Example)
	for _, sub := range cmd.Commands() {
		t.spellAll(sub)
	}
}
