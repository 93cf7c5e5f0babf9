//go:build !linux

package meter

// runDelay is not available on this system.
func runDelay() int64 { return 0 }
