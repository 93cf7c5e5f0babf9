package backing

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Limit gives a process at most that many cores until the test ends, by the cpu controller
// of cgroup v1 or v2, which takes root.
func Limit(t testing.TB, pid int, cores float64) {
	t.Helper()
	const period = 100_000 // µs
	quota := strconv.Itoa(int(cores * period))
	group := filepath.Join("/sys/fs/cgroup/cpu", fmt.Sprint("timesink-", pid))
	set := [][2]string{{"cpu.cfs_period_us", strconv.Itoa(period)}, {"cpu.cfs_quota_us", quota}}
	if _, err := os.Stat(filepath.Dir(group)); err != nil {
		group = filepath.Join("/sys/fs/cgroup", filepath.Base(group))
		set = [][2]string{{"cpu.max", fmt.Sprint(quota, " ", period)}}
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatalf("limiting the service takes root and a cpu controller of cgroup v1 or v2: %v", err)
	}
	back := filepath.Join(filepath.Dir(group), "cgroup.procs")
	t.Cleanup(func() {
		os.WriteFile(back, []byte(strconv.Itoa(pid)), 0o644) // a group with processes cannot be removed
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	for _, s := range append(set, [2]string{"cgroup.procs", strconv.Itoa(pid)}) {
		if err := os.WriteFile(filepath.Join(group, s[0]), []byte(s[1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
