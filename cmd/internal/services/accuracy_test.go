package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/child"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/backing"
	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/truth"
	"timesink/collect"
	"timesink/collect/capture"
)

func TestMain(m *testing.M) { testbin.Main(m) }

var write = flag.Bool("write", false, "write the whole table into ACCURACY.md unless a bound is broken")

var toolchain = flag.String("toolchain", os.Getenv("TIMESINK_TOOLCHAIN"), "build the services with this `toolchain`, such as go1.27.3, instead of the one that runs the tests")

var keep = flag.String("keep", "", "keep the captures and the scenarios' measurements in folders below this `folder`")

var again = flag.String("again", "", "judge the scenarios kept in folders below this `folder` once more, instead of running any")

// window is how long a capture lasts.
const window = 4 * time.Second

// Scenarios and samples are found by name, in any family.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, f := range append(slices.Clone(families), beside, deprived) {
		for _, name := range f.sample {
			if !slices.ContainsFunc(f.scenarios, func(s scenario.Scenario) bool { return s.Name == name }) {
				t.Errorf("%s has no scenario %q", f.name, name)
			}
		}
		for _, s := range f.scenarios {
			if other, ok := seen[s.Name]; ok {
				t.Errorf("%q is a scenario of %q and of %q", s.Name, other, f.name)
			}
			seen[s.Name] = f.name
		}
	}
}

// TestAccuracy compares timesink's answer about each scenario with the scenario's
// stopwatches, and prints the table.
func TestAccuracy(t *testing.T) {
	if *again != "" {
		judgeAgain(t, *again)
		return
	}
	exe := testbin.BuildWith(t, *toolchain, "cmd/internal/services", tags...)
	env := backing.NewEnvironment(t, exe, peers)
	var rows []accuracy.Row
	measured := families
	if !whole {
		measured = []family{sample()}
	}
	for _, f := range measured {
		t.Run(f.name, func(t *testing.T) { rows = append(rows, measureFamily(t, exe, f, env)...) })
	}
	fmt.Printf("\n%s\n", accuracy.Report(rows))
	for _, err := range accuracy.CheckCuts(rows) {
		t.Error(err)
	}
	if *write && whole && !t.Failed() {
		if err := accuracy.Publish("ACCURACY.md", "scenarios", accuracy.Markdown(rows)); err != nil {
			t.Fatal(err)
		}
	}
}

// tags returns the build flags for services with the scenarios of this test.
var tags = map[bool][]string{true: {"-tags=whole"}}[whole]

// sample returns a family with one scenario of each family.
func sample() family {
	all := family{name: "one of each family"}
	for _, f := range families {
		for _, s := range f.scenarios {
			if slices.Contains(f.sample, s.Name) {
				all.scenarios = append(all.scenarios, s)
			}
		}
	}
	return all
}

// measureFamily measures the scenarios of a family once, in one process, and checks
// the bounds of each.
func measureFamily(t *testing.T, exe string, f family, env *backing.Environment) (rows []accuracy.Row) {
	var needs, names []string
	for _, s := range f.scenarios {
		needs, names = append(needs, s.Needs...), append(names, s.Name)
	}
	slices.Sort(needs)
	return report(t, measure(t, exe, env.Arguments(slices.Compact(needs)), names))
}

// report fails the test of each measurement that broke a bound, and returns the rows.
func report(t *testing.T, measured []measurement) (rows []accuracy.Row) {
	for _, m := range measured {
		rows = append(rows, m.row)
		t.Run(m.row.Scenario, func(t *testing.T) {
			for _, err := range m.broken {
				t.Error(err)
			}
		})
	}
	return rows
}

// A measurement is a row and its broken bounds.
type measurement struct {
	row    accuracy.Row
	broken []error
}

// measure runs scenarios in one process, under load, and takes one capture.
func measure(t *testing.T, exe string, with, names []string) []measurement {
	var serving Serving
	testbin.Start(t, exe, slices.Concat([]string{"serve"}, with, names), &serving)
	return look(t, exe, with, names, serving).measurements(t, names)
}

// measurements judges a sight of the scenarios.
func (seen *sight) measurements(t *testing.T, names []string) []measurement {
	list := seen.judge(t, names, seen.analyze(t, analyze.Options{Units: units(t, names)}))
	seen.blamed(t, names, list)
	return list
}

// A sight is one observation of scenarios: the capture, and the measurements of the
// scenarios and their clients.
type sight struct {
	path    string
	facts   map[string]Measured
	clients map[string]*load.Result
	machine accuracy.Machine // during the capture
}

// look takes a capture of the scenarios under load, and asks them for their
// measurements.
func look(t *testing.T, exe string, with, names []string, serving Serving) *sight {
	args := slices.Concat([]string{"load"}, with)
	for _, name := range names {
		args = append(args, name+"="+serving.Addresses[name])
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loaded := make(chan error, 1)
	var clients map[string]*load.Result
	go func() { loaded <- child.Output(ctx, exe, args, &clients) }()
	var before map[string]Measured
	for enough := false; !enough; { // until the load has begun
		select {
		case err := <-loaded:
			t.Fatalf("the load ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		enough = true
		before = truths(t, serving)
		for name, m := range before {
			if m.Error != "" {
				t.Fatalf("%s: its work failed: %s", name, m.Error)
			}
			enough = enough && len(m.Requests) > 5
		}
	}
	folder, err := os.MkdirTemp(cmp.Or(*keep, t.TempDir()), strings.ReplaceAll(names[0], "/", "-")+" *") // a scenario may be measured again
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "case.zip")
	target, err := collect.ParseTarget(serving.Pprof)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := collect.Run(t.Context(), collect.Config{Target: target, Window: window}, path); err != nil {
		t.Fatal(err)
	}
	after := truths(t, serving)
	stop()
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	seen := &sight{path, truths(t, serving), clients, machine(before, after)}
	if *keep != "" {
		seen.save(t, filepath.Join(folder, "measured.json"))
	}
	return seen
}

// machine returns the cost of the processors per request for the scenarios' process,
// between two readings of the truth.
func machine(before, after map[string]Measured) accuracy.Machine {
	var spent truth.Totals
	requests := 0
	for name, m := range after {
		requests += len(m.Requests) - len(before[name].Requests)
		spent = m.Totals.Between(before[name].Totals) // of the process; every scenario reports the same
	}
	return accuracy.NewMachine(spent, requests)
}

// A kept is what is kept of a sight beside the capture.
type kept struct {
	Facts   map[string]Measured     `json:"facts"`
	Clients map[string]*load.Result `json:"clients"`
	Machine accuracy.Machine        `json:"machine"`
}

// judgeAgain judges all kept sights below a folder, and prints their tables.
func judgeAgain(t *testing.T, folder string) {
	paths, err := filepath.Glob(filepath.Join(folder, "*", "measured.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing is kept in folders in %s: %v", folder, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var k kept
		if err := json.Unmarshal(text, &k); err != nil {
			t.Fatal(err)
		}
		seen := &sight{filepath.Join(filepath.Dir(path), "case.zip"), k.Facts, k.Clients, k.Machine}
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			fmt.Printf("\n%s\n", accuracy.Report(report(t, seen.measurements(t, slices.Sorted(maps.Keys(k.Facts))))))
		})
	}
}

// save writes the measurements of the scenarios and their clients.
func (s *sight) save(t *testing.T, path string) {
	text, err := json.Marshal(kept{s.facts, s.clients, s.machine})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// analyze analyzes the capture.
func (s *sight) analyze(t *testing.T, opts analyze.Options) *accuracy.Analysis {
	cp, err := capture.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	said, err := accuracy.Analyze(t.Context(), cp, opts)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// units returns the functions that scenarios declare as units of work.
func units(t *testing.T, names []string) *regexp.Regexp {
	var functions []string
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Root != "" {
			functions = append(functions, s.Root)
		}
	}
	if len(functions) == 0 {
		return nil
	}
	return regexp.MustCompile(strings.Join(functions, "|"))
}

func truths(t *testing.T, serving Serving) map[string]Measured {
	resp, err := http.Get(serving.Pprof + "/truth")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all map[string]Measured
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// judge assigns the tool's requests to the scenario on whose goroutines they ran. A
// request on no scenario's goroutine is an error.
func (seen *sight) judge(t *testing.T, names []string, said *accuracy.Analysis) (out []measurement) {
	owner := map[int64]string{}
	for name, m := range seen.facts {
		if m.Error != "" || m.Dropped > 0 {
			t.Errorf("%s: %d requests dropped, %s", name, m.Dropped, m.Error)
		}
		for i := range m.Requests {
			owner[m.Requests[i].Goroutine] = name
		}
	}
	of := map[string][]accuracy.Request{}
	for _, r := range said.Requests {
		name, ok := owner[r.Goroutine]
		if !ok && !r.Incomplete {
			t.Errorf("goroutine %d: a request of %d ns, to %q, that no scenario knows", r.Goroutine, r.End-r.Start, r.Endpoint)
		}
		of[name] = append(of[name], r)
	}
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			t.Fatal(err)
		}
		var requests []load.Request
		if c := seen.clients[name]; c != nil && !s.Server.OneWay {
			if c.Failed > 0 || c.Dropped > 0 {
				t.Errorf("%s: %d requests failed, %d dropped: %s", name, c.Failed, c.Dropped, c.Error)
			}
			requests = c.Requests
		}
		served := seen.facts[name].Requests
		if s.Loops {
			served = withoutFirstTurns(served, of[name], said.Start, said.End)
		}
		row := accuracy.Compare(name, of[name], served, accuracy.Named, requests, said.Start, said.End)
		row.Machine = seen.machine
		m := measurement{}
		if s.Want.Estimate {
			m.broken = estimate(&row, of[name], said.Breakdown)
		}
		m.row = row
		m.broken = append(slices.Concat(m.broken, row.Check(), row.CheckCut()), wanted(s.Want, &row, of[name], said.Breakdown)...)
		out = append(out, m)
	}
	return out
}

// withoutFirstTurns leaves out the first request of each goroutine in the window unless the
// tool has it. If the wait for it began before the window, nothing shows where the turn
// begins.
func withoutFirstTurns(service []truth.Request, tool []accuracy.Request, windowStart, windowEnd int64) []truth.Request {
	first := map[int64]truth.Request{}
	for _, s := range service {
		if f, ok := first[s.Goroutine]; s.Start >= windowStart && s.End <= windowEnd && (!ok || s.Start < f.Start) {
			first[s.Goroutine] = s
		}
	}
	return slices.DeleteFunc(slices.Clone(service), func(s truth.Request) bool {
		f, ok := first[s.Goroutine]
		middle := s.Start + (s.End-s.Start)/2 // the next turn may begin before the stopwatch has been read
		return ok && s.Start == f.Start && !slices.ContainsFunc(tool, func(t accuracy.Request) bool {
			return t.Goroutine == s.Goroutine && t.Start < middle && t.End > middle
		})
	})
}

// estimate adds the report's estimates for a scenario whose work is running time.
func estimate(row *accuracy.Row, requests []accuracy.Request, b *breakdown.Breakdown) []error {
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; len(requests) > 0 && e.Name == requests[len(requests)/2].Endpoint {
			row.Estimate(e)
			return nil
		}
	}
	return []error{errors.New("the report has no such endpoint")}
}

// crowdedOut reports whether a scenario's requests waited so long for a core that what was
// planted may be too small a part of them to matter.
func crowdedOut(row *accuracy.Row) bool {
	return row.Buckets[breakdown.Scheduler] > row.Wall.Service/10
}

// wanted checks what a scenario wants beyond the bounds. One request in a hundred may
// lack a call, because a goroutine that nothing waits for may not have begun when the
// request ends; and up to one in ten as far as the machine delayed them, because a
// goroutine off its core does not wait for an answer that arrives meanwhile.
func wanted(want scenario.Want, row *accuracy.Row, requests []accuracy.Request, b *breakdown.Breakdown) (broken []error) {
	more, fewer := 0.01, 0.01+min(row.Late(), 0.1)
	if off := row.Calls - want.Calls; want.Calls >= 0 && (off > more*want.Calls || -off > fewer*want.Calls) {
		broken = append(broken, fmt.Errorf("%.3f calls a request, not %v", row.Calls, want.Calls))
	}
	var elsewhere []error
	complete := 0
	endpoint := ""
	for _, r := range requests {
		if r.Incomplete {
			continue
		}
		endpoint = r.Endpoint
		complete++
		if want.System != "" && !slices.Equal(r.Systems, []string{want.System}) {
			elsewhere = append(elsewhere, fmt.Errorf("the calls go to %q, not to %s", r.Systems, want.System))
		}
		if strings.HasSuffix(r.Kind, breakdown.LongPolling) && want.Kind != r.Kind {
			broken = append(broken, fmt.Errorf("a request to %q is treated as a long poll", r.Endpoint))
			break
		}
		if want.Kind != "" && r.Kind != want.Kind || want.Endpoint != "" && r.Endpoint != want.Endpoint {
			broken = append(broken, fmt.Errorf("a request of %s to %q, not of %s to %q", r.Kind, r.Endpoint, want.Kind, want.Endpoint))
			break
		}
	}
	if n := len(elsewhere); 100*n > complete {
		broken = append(broken, fmt.Errorf("of %d requests %d: %w", complete, n, elsewhere[0]))
	}
	fires := slices.ContainsFunc(b.Findings, func(f breakdown.Finding) bool { return f.ID == want.Finding && slices.Contains(f.Endpoints, endpoint) })
	if want.Finding != "" && !fires && !crowdedOut(row) {
		broken = append(broken, fmt.Errorf("%s has no finding %q, of %v", endpoint, want.Finding, b.Findings))
	}
	if want.Holds == nil {
		return broken
	}
	i := slices.IndexFunc(b.Endpoints, func(e breakdown.Endpoint) bool { return e.Name == endpoint })
	if i < 0 {
		return append(broken, errors.New("the report has no such endpoint"))
	}
	if err := want.Holds(&b.Endpoints[i]); err != nil {
		broken = append(broken, err)
	}
	return broken
}
