package tracetest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

const aloneVariable = "TRACETEST_ALONE"

// Alone runs the calling test in a process of its own, in parallel with other tests, and
// returns false in the process that does the test. Tests that record a trace call it if they
// mostly wait, because a process can record only one at a time. Unlike the rest of this
// package it works in tests of any package:
//
//	if tracetest.Alone(t) {
//		return
//	}
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneVariable) == t.Name() {
		return false
	}
	t.Parallel()
	args := []string{"-test.v", "-test.run", exactly(t.Name())}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, fmt.Sprintf("-test.timeout=%s", time.Until(deadline)))
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), aloneVariable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if passed := strings.Contains(string(out), "--- PASS: "+t.Name()+" "); err != nil || !passed {
		t.Errorf("in a process of its own: %v\n%s", cmp.Or(err, fmt.Errorf("the test did not run")), out)
	}
	return true
}

// exactly returns the pattern of -test.run for one test.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	return strings.Join(parts, "/")
}
