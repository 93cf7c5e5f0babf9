//go:build !unix

package testpg

import "testing"

// Start fails the test: it knows how to run PostgreSQL on Unix only.
func Start(t testing.TB) string {
	t.Helper()
	t.Fatal("no PostgreSQL to test with: these tests run it on Unix only")
	return ""
}
