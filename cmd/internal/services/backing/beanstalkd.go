package backing

import (
	"strconv"
	"testing"
)

// startBeanstalkd starts a work queue that keeps nothing on disk.
func startBeanstalkd(t testing.TB) string {
	return start(t, "beanstalkd", func(_ string, port int) []string {
		return []string{"-l", "127.0.0.1", "-p", strconv.Itoa(port)}
	})
}
