//go:build !unix

package speed_test

import "os"

// peakMemory is not supported on this system.
func peakMemory(*os.ProcessState) int64 { return 0 }
