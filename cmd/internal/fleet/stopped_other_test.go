//go:build !unix

package fleet

import "testing"

// stopped skips the test: there are no signals that stop a process here.
func stopped(t *testing.T, _ int) { t.Skip("a process cannot be stopped for a moment here") }
