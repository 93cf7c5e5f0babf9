//go:build !unix

package testpg

import "testing"

// Start fails the test: it can run PostgreSQL only on Unix.
func Start(t testing.TB) string {
	t.Helper()
	t.Fatal("no PostgreSQL to test with: these tests run it only on Unix")
	return ""
}
