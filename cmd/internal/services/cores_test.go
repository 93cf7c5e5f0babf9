package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/testbin"
)

// A condition is what is done to a process or its machine.
type condition struct {
	name      string
	scenario  string
	limit     float64 // cores; 0 for none
	neighbors int     // busy processes for each core
	cause     breakdown.Deprivation
}

var conditions = []condition{
	{name: "cores enough", scenario: "computes briefly"},
	{name: "a limit of a fifth of a core", scenario: "computes briefly", limit: 0.2, cause: breakdown.ByLimit},
	{name: "a limit of half a core", scenario: "computes", limit: 0.5, cause: breakdown.ByLimit},
	{name: "two busy neighbors a core", scenario: "computes", neighbors: 2, cause: breakdown.ByNeighbors},
	{name: "a cold page cache", scenario: "reads mapped pages", cause: breakdown.ByStalls},
}

// TestCores compares how long requests run without a core with what their threads'
// clocks say, and prints the table.
func TestCores(t *testing.T) {
	exe := testbin.BuildWith(t, *toolchain, "cmd/internal/services", tags...)
	env := &environment{t: t, exe: exe, addresses: scenario.Env{}}
	var rows []accuracy.Cores
	for _, c := range conditions {
		t.Run(c.scenario+", "+c.name, func(t *testing.T) { rows = append(rows, c.measure(t, exe, env)) })
	}
	fmt.Printf("\n%s\n", accuracy.CoresTable(rows))
	if *write && whole && !t.Failed() {
		if err := accuracy.Publish("ACCURACY.md", "cores", accuracy.CoresTable(rows)); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *condition) measure(t *testing.T, exe string, env *environment) accuracy.Cores {
	s, err := find(c.scenario)
	if err != nil {
		t.Fatal(err)
	}
	with := env.arguments(s.Needs)
	var serving Serving
	p := testbin.Start(t, exe, slices.Concat([]string{"serve"}, with, []string{c.scenario}), &serving)
	if c.limit > 0 {
		limit(t, p.PID(), c.limit)
	}
	for range c.neighbors * runtime.NumCPU() {
		var ready string
		testbin.Start(t, exe, []string{"peer", "busy neighbor"}, &ready)
	}
	seen := look(t, exe, with, []string{c.scenario}, serving)
	said := seen.analyze(t, analyze.Options{})
	m := seen.facts[c.scenario]
	if m.Error != "" || m.Dropped > 0 {
		t.Fatalf("%d requests dropped, %s", m.Dropped, m.Error)
	}
	endpoint := said.Requests[len(said.Requests)/2].Endpoint
	i := slices.IndexFunc(said.Breakdown.Endpoints, func(e breakdown.Endpoint) bool { return e.Name == endpoint })
	if i < 0 {
		t.Fatalf("the report has no endpoint %s", endpoint)
	}
	row := accuracy.CompareCores(c.scenario, c.name, said.Of(endpoint), m.Requests, &said.Breakdown.Endpoints[i], seen.machine)
	row.Want = c.cause
	for _, err := range row.Check() {
		t.Error(err)
	}
	return row
}

// limit gives a process at most that many cores, by the cpu controller of cgroup v1 or v2,
// which takes root.
func limit(t *testing.T, pid int, cores float64) {
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
