package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// manuals lists the documents that show how to use the command.
var manuals = []struct {
	name, path string
	least      int // the fewest commands that it shows
}{
	{"readme", "../../README.md", 15},
	{"manual", "README.md", 15},
}

// TestManuals runs the commands that the README and the manual show, on a test service
// and for a second. It checks that the commands they list exist, and the files that
// they link to.
func TestManuals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, m := range manuals {
		text, err := os.ReadFile(m.path)
		if err != nil {
			t.Fatal(err)
		}
		script, shown := shownCommands(string(text))
		if shown < m.least {
			t.Fatalf("%s shows only %d commands:\n%s", m.path, shown, script)
		}
		for _, link := range links.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(m.path), link[1])); err != nil {
				t.Errorf("%s: %v", m.path, err)
			}
		}
		for _, named := range scriptNames.FindAllString(string(text), -1) {
			if _, err := os.Stat(filepath.Join("../..", named)); err != nil {
				t.Errorf("%s: %v", m.path, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, m.name+".txtar"), []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{Dir: dir, Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve}})
}

var (
	links       = regexp.MustCompile(`\]\(([^):]+)\)`)
	scriptNames = regexp.MustCompile(`\.ci/[a-z-]+`)
	listed      = regexp.MustCompile("\\| `timesink ([a-z]+)")
)

// shownCommands returns a script that runs a text's indented commands, and the help of
// each command that a table lists.
func shownCommands(text string) (script string, shown int) {
	script = "serve\nenv OTHER=$TARGET\nserve\n"
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
		if !ok || !strings.HasPrefix(command, "timesink ") {
			continue
		}
		script += inTest.Replace(command) + "\n"
		shown++
	}
	for _, name := range listed.FindAllStringSubmatch(text, -1) {
		script += fmt.Sprintf("timesink %s --help\nstdout 'timesink %s '\n", name[1], name[1])
		shown++
	}
	return script + "-- ours.rules --\n# a library of ours\ndb=github.com/acme/driver\n", shown
}

// inTest replaces the text's service by the test's, and the usual window by a short
// one.
var inTest = strings.NewReplacer(
	"ab --before ./old --after ./new --load './load.sh' --target localhost:6060", "ab --help", // starts builds
	"ab baseline:6060 canary:6060", "ab $OTHER $TARGET -d 1s --budget 4s",
	"http://localhost:6060", "$TARGET",
	"doctor localhost:6060", "doctor $TARGET",
	"localhost:6060", "$TARGET -d 1s",
	"http://localhost:8080/v1/vin/1HGCM82633A004352", "$URL",
	"-d 10s", "-d 1s",
	"timesink demo", "timesink demo --help", // a script of its own runs it (servers)
	"--concurrent api.go:88", "--concurrent timesink.handle", // where the service spends time
	"+10%", "+1000%", // two captures of one build differ by chance, but not by that much
)

// Longer text belongs in the manual, next to the tables, and in package documentation.
func TestTheReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 200 {
		t.Errorf("the README has %d lines, more than 200", n)
	}
}

// accuracyClaim matches the README's claim about accuracy, scenarioRow a row of the
// table behind it.
var (
	accuracyClaim = regexp.MustCompile(`(\d+)\s+scenarios[^.]*\. Wall times are within\s+([\d.]+)% [^,]*,\s+each bucket and phase is within\s+([\d.]+)% of[^,]*,\s+and\s+at\s+most\s+([\d.]+)%\s+is\s+.unknown.`)
	scenarioRow   = regexp.MustCompile(`(?m)^\| .+? \| \d+ \| ([\d.]+), ([\d.]+) \| (.*) \| ([+-][\d.]+)% \| ([\d.]+)% (?:\| [\d.]+% )?\|$`)
)

// TestTheReadmeAgreesWithTheTables checks the README's figures of accuracy against the
// table.
func TestTheReadmeAgreesWithTheTables(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../internal/services/ACCURACY.md")
	if err != nil {
		t.Fatal(err)
	}
	claim := accuracyClaim.FindStringSubmatch(string(readme))
	if claim == nil {
		t.Fatal("the README says nothing about accuracy")
	}
	number := func(s string) float64 {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	rows := scenarioRow.FindAllStringSubmatch(string(table), -1)
	wall, worst, unknown := 0.0, 0.0, 0.0
	for _, row := range rows {
		service, tool := number(row[1]), number(row[2])
		wall = max(wall, 100*math.Abs(tool/service-1))
		worst = max(worst, math.Abs(number(row[4])))
		if !strings.Contains(row[3], "unknown ") { // or else the service measured it too: C, and child processes
			unknown = max(unknown, number(row[5]))
		}
	}
	if n := number(claim[1]); n != float64(len(rows)) {
		t.Errorf("the README claims %v scenarios, the table has %d", n, len(rows))
	}
	if wall > number(claim[2]) || worst > number(claim[3]) || unknown > number(claim[4]) {
		t.Errorf("the README claims wall times within %s%% and all else within %s%%; the table has %.2f%% and %.2f%%, with %.2f%% unknown", claim[2], claim[3], wall, worst, unknown)
	}
}
