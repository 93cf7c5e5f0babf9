package main

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/services/backing"
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
	env := backing.NewEnvironment(t, exe, peers)
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

func (c *condition) measure(t *testing.T, exe string, env *backing.Environment) accuracy.Cores {
	s, err := find(c.scenario)
	if err != nil {
		t.Fatal(err)
	}
	with := env.Arguments(s.Needs)
	var serving Serving
	p := testbin.Start(t, exe, slices.Concat([]string{"serve"}, with, []string{c.scenario}), &serving)
	if c.limit > 0 {
		backing.Limit(t, p.PID(), c.limit)
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
