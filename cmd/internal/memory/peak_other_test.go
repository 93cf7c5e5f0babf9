//go:build !unix

package memory_test

import "os"

// peakKnown reports whether peakMemory works on this system.
const peakKnown = false

// peakMemory is not supported on this system.
func peakMemory(*os.ProcessState) int64 { return 0 }
