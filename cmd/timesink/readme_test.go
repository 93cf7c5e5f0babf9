package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReadme runs the commands that the README shows, on a service of the test
// and for a second; and holds that the commands it lists are there.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := "serve\n"
	shown := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		command, ok := strings.CutPrefix(line, "    ")
		if !ok {
			continue
		}
		command = strings.Replace(command, "go run ./cmd/timesink", "timesink", 1)
		if !strings.HasPrefix(command, "timesink ") {
			continue
		}
		script += inTest.Replace(command) + "\n"
		shown++
	}
	for _, name := range regexp.MustCompile("\\| `timesink ([a-z]+)").FindAllStringSubmatch(string(text), -1) {
		script += fmt.Sprintf("timesink %s --help\nstdout 'timesink %s '\n", name[1], name[1])
		shown++
	}
	if shown < 8 {
		t.Fatalf("the README shows only %d commands:\n%s", shown, script)
	}
	if _, err := os.Stat("../../.ci/test"); err != nil || !strings.Contains(string(text), "bash .ci/test") {
		t.Errorf("the README's test command is not there: %v", err)
	}
	script += "-- ours.rules --\n# a library of ours\ndb=github.com/acme/driver\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: dir, Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve}})
}

// inTest puts the test's service in the place of the README's, and a short
// window in the place of the usual one.
var inTest = strings.NewReplacer(
	"http://localhost:6060", "$TARGET",
	"localhost:6060", "$TARGET -d 1s",
	"http://localhost:8080/v1/vin/1HGCM82633A004352", "$URL",
	"-d 10s", "-d 1s",
	"+10%", "+1000%", // one build differs from itself by chance, but not by as much
)
