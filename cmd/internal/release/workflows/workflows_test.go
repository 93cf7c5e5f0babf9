// Package workflows tests the workflows and the issue forms, and that the tool compiles for
// each supported system.
package workflows_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v3"

	"timesink/cmd/internal/release/yamlfile"
)

// root is the project's folder.
const root = "../../../.."

// TestWorkflows checks the syntax of the project's GitHub workflows and of the example
// workflow.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("there are only %d workflows: %v", len(files), err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(root, "cmd/timesink/testdata/ci/github.yml")) {
		problems, err := linter.LintFile(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s:%d: %s", file, p.Line, p.Message)
		}
	}
}

// TestWorkflowsRunExistingScripts checks that a workflow runs .ci/run for each push and
// pull request, and that all scripts in workflows exist.
func TestWorkflowsRunExistingScripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(string(text)) {
			if !strings.HasPrefix(word, ".ci/") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, strings.TrimRight(word, ".,"))); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	var ci struct {
		On   map[string]any
		Jobs map[string]struct{ Steps []struct{ Run string } }
	}
	yamlfile.Decode(t, filepath.Join(root, ".github/workflows/ci.yml"), &ci)
	_, push := ci.On["push"]
	_, pull := ci.On["pull_request"]
	runs := false
	for _, job := range ci.Jobs {
		for _, step := range job.Steps {
			runs = runs || strings.HasSuffix(step.Run, "bash .ci/run")
		}
	}
	if !push || !pull || !runs {
		t.Errorf("push %v, pull request %v, .ci/run %v", push, pull, runs)
	}
}

// A form is an issue form, with the keys that GitHub's documentation lists.
type form struct {
	Name, Description, Title, Type string
	Labels, Assignees, Projects    []string
	Body                           []element
}

type element struct {
	Type       string
	ID         string
	Attributes struct {
		Label, Description, Placeholder, Value, Render string
		Multiple                                       bool
		Default                                        *int
		Options                                        yaml.Node
	}
	Validations struct{ Required bool }
}

// TestIssueForms checks the issue forms against GitHub's schema, and that each form
// asks for a capture redacted by timesink.
func TestIssueForms(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/ISSUE_TEMPLATE/*.yml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("there are only %d forms: %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Base(file) == "config.yml" {
			var chooser struct {
				Blank    bool                                `yaml:"blank_issues_enabled"`
				Contacts []struct{ Name, URL, About string } `yaml:"contact_links"`
			}
			yamlfile.DecodeStrictly(t, file, &chooser)
			continue
		}
		var f form
		yamlfile.DecodeStrictly(t, file, &f)
		for _, err := range f.check() {
			t.Errorf("%s: %s", file, err)
		}
	}
}

// check returns what GitHub would reject, and reports a missing request for a capture.
func (f *form) check() (wrong []string) {
	say := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	say(f.Name != "" && f.Description != "", "it has no name or description")
	ids, inputs, captures := map[string]bool{}, 0, 0
	for _, e := range f.Body {
		a := e.Attributes
		if e.Type != "markdown" {
			inputs++
			say(a.Label != "", "a field has no label")
			say(e.ID != "" && !ids[e.ID] && strings.Trim(e.ID, "abcdefghijklmnopqrstuvwxyz0123456789-_") == "", "the id "+e.ID+" is invalid, or used twice")
			ids[e.ID] = true
		}
		if e.ID == "capture" && strings.Contains(a.Description+e.Type, "textarea") {
			captures++
		}
		switch e.Type {
		case "markdown":
			say(a.Value != "" && a.Label == "", "a markdown element has only a value")
		case "input":
			say(a.Render == "" && a.Options.IsZero(), e.ID+" has a key that an input must not have")
		case "textarea":
			say(a.Options.IsZero(), e.ID+" has options")
		case "dropdown":
			var options []string
			say(a.Options.Decode(&options) == nil && len(options) > 0, e.ID+" has no options")
		case "checkboxes":
			var options []struct {
				Label    string
				Required bool
			}
			say(a.Options.Decode(&options) == nil && len(options) > 0 && options[0].Label != "", e.ID+" has no options")
		default:
			say(false, "there is no element "+e.Type)
		}
	}
	say(inputs > 0, "it asks nothing")
	say(captures == 1, "it does not ask for a capture")
	text, _ := yaml.Marshal(f.Body)
	say(strings.Contains(string(text), "timesink redact"), "it does not say how a capture is redacted")
	return wrong
}
