//go:build !linux

package meter

// ThreadCPU is not available on this system.
func ThreadCPU() int64 { return 0 }
