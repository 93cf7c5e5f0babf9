package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/child"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin"
)

var (
	long      = flag.Bool("long", false, "observe 24 instances again and again")
	instances = flag.Int("instances", 24, "with -long, the number of instances")
	window    = flag.Duration("window", 5*time.Second, "with -long, how long to observe")
	runs      = flag.Int("runs", 20, "with -long, how often to observe each fleet; a healthy one twice as often")
)

func TestMain(m *testing.M) {
	testbin.Main(m)
}

// An oddity is what is wrong with one instance, and how the answer must name it.
type oddity struct {
	name string
	// all changes the configuration of all instances, odd that of the odd one.
	all, odd func(t *testing.T, c *vin.Config)
	// old runs the odd one as another build.
	old bool
	// disturb, if not nil, disturbs the process of the odd one.
	disturb func(t *testing.T, pid int)
	// connections is how many load each instance, 0 for the usual number.
	connections int
	// where the difference must be, as places says it: the largest part of it, or any if
	// the odd one is disturbed, since without a core everything takes longer.
	where  []string
	differ string // what must set it apart
}

var oddities = []oddity{
	{
		name: "slow connections to the database", where: []string{"db connect"},
		odd: func(t *testing.T, c *vin.Config) { c.Postgres = slowly(t, c.Postgres, 150*time.Millisecond) },
	}, {
		name: "a pool that is too small", where: []string{"db pool_wait"},
		all: func(_ *testing.T, c *vin.Config) { c.NoIdle, c.SlowDB = false, 80*time.Millisecond },
		odd: func(_ *testing.T, c *vin.Config) { c.Pool = 1 },
	}, {
		name: "an old build that makes calls one after another", where: []string{"upstream response_wait"}, old: true, differ: "label version",
		odd: func(_ *testing.T, c *vin.Config) { c.Calls = vin.Sequential },
	}, {
		name: "no core for most of the time", disturb: stopped, connections: 1, where: []string{"cpu off_cpu", "cpu on_cpu", "cpu", "scheduler"}, differ: "",
		all: func(_ *testing.T, c *vin.Config) { c.CPU = 3 * time.Millisecond },
	},
}

// A fleet is instances of the VIN service under load.
type fleet struct {
	targets string // the file with them
	odd     string // the name of the odd one, "" if all are healthy
}

// start starts n instances, of which one is odd unless o is nil.
func start(t *testing.T, n int, o *oddity) *fleet {
	t.Helper()
	exe := testbin.Build(t, "cmd/vinservice")
	old := exe
	if o != nil && o.old {
		old = testbin.BuildWith(t, "", "cmd/vinservice", "-trimpath", "-ldflags=-s")
	}
	up := vin.Default[vin.UpstreamsConfig]()
	up.Base, up.Noise = 60*time.Millisecond, 5*time.Millisecond
	var upstreams, database vin.Ready
	testbin.Start(t, exe, append([]string{"upstreams", "--leash"}, vin.Args(up)...), &upstreams)
	testbin.Start(t, exe, []string{"standin", "--leash"}, &database)
	f := &fleet{targets: filepath.Join(t.TempDir(), "targets")}
	var lines strings.Builder
	for i := range n {
		c := vin.Default[vin.Config]()
		c.Upstreams, c.Postgres = upstreams.URL, database.Postgres
		c.KeepAlive, c.Calls, c.NoIdle, c.CPU = true, vin.Concurrent, true, 300*time.Microsecond
		if o != nil && o.all != nil {
			o.all(t, &c)
		}
		name, run, version, connections := fmt.Sprintf("pod-%d", i), exe, "1.5", 3
		if o != nil && o.connections > 0 {
			connections = o.connections
		}
		if o != nil && i == n/2 {
			f.odd = name
			if o.odd != nil {
				o.odd(t, &c)
			}
			if o.old {
				run, version = old, "1.4"
			}
		}
		var ready vin.Ready
		testbin.Start(t, run, append([]string{"serve", "--leash"}, vin.Args(c)...), &ready)
		fmt.Fprintf(&lines, "%s name=%s version=%s zone=%s\n", ready.Pprof, name, version, []string{"a", "b"}[i%2])
		drive(t, exe, ready.URL, connections)
		if name == f.odd && o.disturb != nil {
			o.disturb(t, ready.PID)
		}
	}
	if err := os.WriteFile(f.targets, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

// drive loads an instance from a process of its own until the test ends.
func drive(t *testing.T, exe, url string, connections int) {
	t.Helper()
	l := load.Config{URL: url + "/v1/vin/{vin}", Connections: connections, Keep: 1}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		var result load.Result
		err := child.Output(ctx, exe, append([]string{"load", "--leash", "--duration", "0"}, vin.Args(l)...), &result)
		if err == nil && result.Count == 0 {
			err = fmt.Errorf("no request was answered: %s", result.Error)
		}
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// observe runs the command on all instances and returns its answer, and the peak of its
// memory in bytes, 0 if that is unknown.
func (f *fleet) observe(t *testing.T, window time.Duration, args ...string) (*breakdown.Breakdown, int64) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), fmt.Sprint(time.Now().UnixNano()))
	cmd := exec.Command(testbin.Build(t, "cmd/timesink"), append([]string{"run", "--targets", f.targets, "-d", window.String(), "-o", folder, "-f", "json"}, args...)...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	b := new(breakdown.Breakdown)
	if err := json.Unmarshal(out.Bytes(), b); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	os.RemoveAll(folder)
	return b, peak(cmd.ProcessState)
}

// places says where a difference is, as oddities name it: the buckets that are odd, each
// with the phase that holds most of it, the largest first.
func places(d *breakdown.Difference) (list []string) {
	for i := range d.Buckets {
		b := &d.Buckets[i]
		if !b.Odd {
			continue
		}
		text := b.Bucket.String()
		for _, p := range b.Phases {
			if 2*p.Delta > b.Delta {
				text += " " + p.Phase.String()
			}
		}
		list = append(list, text)
	}
	return list
}

// judge says whether an answer names the odd instance with its cause, and which others it
// calls odd.
func (o *oddity) judge(b *breakdown.Breakdown, odd string) (found, explained bool, others []string) {
	for i := range b.Odd {
		x := &b.Odd[i]
		if x.Name != odd {
			if text := x.Name + ": " + fmt.Sprint(places(&x.Difference)); !slices.Contains(others, text) {
				others = append(others, text)
			}
			continue
		}
		found = true
		in := places(&x.Difference)
		if o.disturb == nil {
			in = in[:min(len(in), 1)]
		}
		if slices.ContainsFunc(in, func(at string) bool { return slices.Contains(o.where, at) }) && (o.differ == "" || slices.ContainsFunc(x.Differs, func(d breakdown.Distinction) bool { return d.What == o.differ })) {
			explained = true
		}
	}
	return found, explained, others
}

// explain logs what an answer says of an instance that it should have named.
func explain(t *testing.T, b *breakdown.Breakdown, odd string) {
	for i := range b.Odd {
		t.Logf("odd is %s: %s, %+v", b.Odd[i].Name, places(&b.Odd[i].Difference), b.Odd[i].Differs)
	}
	for i := range b.Spread.Endpoints[:min(len(b.Spread.Endpoints), 1)] {
		e := &b.Spread.Endpoints[i]
		for _, p := range e.Parts {
			if in := &b.Instances[p.Instance]; in.Name == odd && p.Requests > 0 {
				off := -1.0
				if in.OffCore != nil {
					off = *in.OffCore
				}
				t.Logf("%s: %d requests (few: %v), mean %.1f ms, off core %.2f; all: %+v", odd, p.Requests, p.Few, float64(p.Wall)/float64(p.Requests)/1e6, off, e.Wall)
				for _, r := range e.Buckets {
					t.Logf("  %s: %.1f ms, all: %+v", r.Bucket, float64(p.Buckets[r.Bucket])/float64(p.Requests)/1e6, r.Range)
				}
			}
		}
	}
}

// TestFiveInstancesOneOdd is the quick version.
func TestFiveInstancesOneOdd(t *testing.T) {
	o := &oddities[0]
	f := start(t, 5, o)
	// A window is as long as the machine needs for enough requests.
	b, _ := f.observe(t, 2*time.Second)
	for d := 4 * time.Second; fewRequests(b) && d < time.Minute; d *= 2 {
		b, _ = f.observe(t, d)
	}
	found, explained, others := o.judge(b, f.odd)
	if !found || !explained || len(others) > 0 {
		explain(t, b, f.odd)
		t.Errorf("found %v, explained %v, others %v: %+v", found, explained, others, b.Odd)
	}
	if len(b.Instances) != 5 || b.Source.Instances != 5 || len(b.Spread.Endpoints) == 0 || len(b.Spread.Endpoints[0].Parts) != 5 {
		t.Errorf("%d instances: %+v", len(b.Instances), b.Spread)
	}
	if !strings.Contains(b.Conclusion.Text, f.odd+" differs from the other 4 instances") {
		t.Error(b.Conclusion.Text)
	}
}

// fewRequests reports whether an instance has too few requests to compare it.
func fewRequests(b *breakdown.Breakdown) bool {
	return len(b.Spread.Endpoints) == 0 || slices.ContainsFunc(b.Spread.Endpoints[0].Parts, func(p breakdown.InstancePart) bool { return p.Few })
}

// TestFleet observes a healthy fleet, and one with each oddity.
func TestFleet(t *testing.T) {
	if !*long {
		t.Skip("it takes a quarter of an hour: give -long")
	}
	row := func(format string, args ...any) { fmt.Printf(format, args...) } // as it comes, in case the rest does not
	row("| %d instances | runs | named | with its cause | runs in which another is named |\n|---|---|---|---|---|\n", *instances)
	t.Run("healthy", func(t *testing.T) {
		f, wrong := start(t, *instances, nil), 0
		for range 2 * *runs {
			b, _ := f.observe(t, *window)
			if _, _, others := (&oddity{}).judge(b, ""); len(others) > 0 {
				wrong++
				t.Log(others)
			}
		}
		row("| all healthy | %d | | | %d |\n", 2**runs, wrong)
		if wrong > max(2**runs/20, 1) {
			t.Errorf("an instance is called odd in %d of %d runs of a healthy fleet", wrong, 2**runs)
		}
	})
	for i := range oddities {
		o := &oddities[i]
		t.Run(o.name, func(t *testing.T) {
			f, named, explained, wrong := start(t, *instances, o), 0, 0, 0
			for range *runs {
				b, _ := f.observe(t, *window)
				found, why, others := o.judge(b, f.odd)
				if found {
					named++
				}
				if why {
					explained++
				} else {
					explain(t, b, f.odd)
				}
				if len(others) > 0 {
					wrong++
					t.Log(others)
				}
			}
			row("| %s | %d | %d | %d | %d |\n", o.name, *runs, named, explained, wrong)
			if 20*explained < 19**runs {
				t.Errorf("found with its cause in %d of %d runs", explained, *runs)
			}
		})
	}
}

// Memory stays within --memory whatever the number of instances: they are analyzed one
// after another.
func TestMemoryDoesNotGrowWithTheInstances(t *testing.T) {
	if !*long {
		t.Skip("give -long")
	}
	f := start(t, *instances, nil)
	b, most := f.observe(t, 5*time.Second, "--memory", "64MB")
	t.Logf("%d instances, %d requests: %.0f MB", len(b.Instances), b.Endpoints[0].Requests, float64(most)/1e6)
	const fixed = 40_000_000 // of the process outside the analysis
	if most > 64_000_000+fixed {
		t.Errorf("the peak is %.0f MB with --memory 64MB", float64(most)/1e6)
	}
}
