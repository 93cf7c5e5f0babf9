// Package testbin builds commands of this module for tests, and runs them. Only
// tests import it.
//
// A test under the race detector that measured its own process would measure the
// detector. Commands built here never have it.
package testbin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/cmd/internal/child"
)

// patience is how long a command may take to become ready on a busy machine.
const patience = time.Minute

var (
	folder string // of the built commands; created by Main
	mu     sync.Mutex
	built  = map[string]string{}
)

// copyTo, if set in the environment, makes Main copy the executable that its first
// argument names to that path, and run no test.
const copyTo = "TIMESINK_TESTBIN_COPY"

// Main runs the tests and then removes what they built. Tests that build call it
// from their TestMain:
//
//	func TestMain(m *testing.M) { testbin.Main(m) }
func Main(m *testing.M) {
	if path := os.Getenv(copyTo); path != "" {
		if err := copyFile(path, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var err error
	folder, err = os.MkdirTemp("", "testbin-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	m.Run()
}

// module returns the path of the tool's module, which is a prefix of the
// services'.
var module = strings.TrimSuffix(reflect.TypeFor[here]().PkgPath(), "/cmd/internal/testbin")

type here struct{}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// Build builds the command in a folder of the project, such as "cmd/vinservice",
// once per test process, and returns the path of the executable.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	return BuildWith(t, "", pkg)
}

// BuildWith is Build with another toolchain, in the form of GOTOOLCHAIN, such as
// "go1.27.3", or "" for the one that runs the test, and with flags of go build.
//
// It builds with go run, because that keeps executables in the build cache, unlike
// go build: to link the command takes four seconds of a processor. In place of the
// executable, go run starts this test binary, which copies it.
func BuildWith(t testing.TB, toolchain, pkg string, flags ...string) string {
	t.Helper()
	if folder == "" {
		t.Fatal("testbin.Build needs a TestMain that calls testbin.Main")
	}
	mu.Lock()
	defer mu.Unlock()
	key := path.Join(append([]string{toolchain, pkg}, flags...)...)
	if exe, ok := built[key]; ok {
		return exe
	}
	exe := filepath.Join(folder, strconv.Itoa(len(built)), path.Base(pkg))
	if runtime.GOOS == "windows" {
		exe += ".exe"
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run", "-race=false", "-buildvcs=false", "-exec", "'" + self + "'"}, flags...)
	cmd := exec.Command("go", append(args, path.Join(module, pkg))...)
	cmd.Env = append(os.Environ(), copyTo+"="+exe)
	if toolchain != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+toolchain)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	built[key] = exe
	return exe
}

// Start runs a built command, decodes the line that it prints when it is ready,
// and stops it when the test ends. The arguments must make it watch its standard
// input (see package child).
func Start(t testing.TB, exe string, args []string, ready any) *child.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := child.Start(ctx, exe, args, ready)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}
