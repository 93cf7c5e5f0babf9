package goversions_test

import (
	_ "embed"
	"errors"
	"flag"
	"go/version"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// toolchain builds the live services.
var toolchain = flag.String("toolchain", os.Getenv("TIMESINK_TOOLCHAIN"), "build the live services with this `toolchain`, such as go1.27.3, instead of the one that runs the tests")

//go:embed newest
var newestFile string

// newest is the newest release of Go with which timesink is tested. .ci/toolchains
// looks for newer ones.
var newest = strings.TrimSpace(newestFile)

// languageOf returns the language version for a toolchain: "1.27" for "go1.27.3",
// and "" for "".
func languageOf(toolchain string) string { return strings.TrimPrefix(version.Lang(toolchain), "go") }

// live returns the build of a live service.
func live(b build) build {
	b.language, b.toolchain = languageOf(*toolchain), *toolchain
	return b
}

// had returns nil if the go command has the toolchain or can download it.
func (b *build) had() error {
	cmd := exec.Command("go", "version")
	cmd.Env = os.Environ()
	if b.toolchain != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+b.toolchain)
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		return errors.New(strings.TrimSpace(string(said)))
	}
	return nil
}

// The newest release is recorded like the others, so that a test needs no download.
func TestTheNewestToolchainIsRecorded(t *testing.T) {
	if !regexp.MustCompile(`^go1\.\d+\.\d+$`).MatchString(newest) {
		t.Fatalf("%q is not a release of Go", newest)
	}
	language := languageOf(newest)
	if !slices.ContainsFunc(uploading, func(b build) bool { return b.language == language }) {
		t.Errorf("no recorded trace has calls over HTTP/2 of a service built with Go %s", language)
	}
	for _, f := range fixtures {
		if f.name == "go"+language {
			return
		}
	}
	t.Errorf("no recorded trace is of a service built with Go %s", language)
}
