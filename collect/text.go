package collect

import (
	"fmt"
	"time"
)

// BytesText formats a size in bytes, in units of 1000: "1.5 MB".
func BytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	case n < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// secondsText formats a duration in seconds.
func secondsText(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
