//go:build !linux

package testpg

import "testing"

// StartOnOneCore fails the test: it can give a server one core only on Linux.
func StartOnOneCore(t testing.TB) string {
	t.Helper()
	t.Fatal("no PostgreSQL on one core to test with: these tests run it only on Linux")
	return ""
}
