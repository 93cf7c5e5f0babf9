package cost

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect"
)

func TestMain(m *testing.M) { testbin.Main(m) }

var (
	whole  = flag.Bool("whole", false, "measure every part, not the trace alone")
	pairs  = flag.Int("pairs", 1, "measure each part off and on this many times")
	length = flag.Duration("length", 2*time.Second, "how long each measurement lasts; light windows need 8s")
	write  = flag.Bool("write", false, "write "+table)
)

// table is the file with what was measured.
const table = "COST.md"

// connections is how many clients the service has.
const connections = 8

// A looker is a part of looking at a service. look does it for some time and returns when it
// is over.
type looker struct {
	name string
	look func(context.Context, *stack.Stack, string, time.Duration) error
	// godebug is set in the service's environment.
	godebug string
}

var lookers = []looker{
	{name: "execution trace", look: page("trace?seconds=%g")},
	{name: "execution trace, its stacks unwound by tables", look: page("trace?seconds=%g"), godebug: "tracefpunwindoff=1"},
	{name: "CPU profile", look: page("profile?seconds=%.0f")},
	{name: "trace and CPU profile", look: both},
	{name: "goroutine profiles, one before and one after", look: goroutines},
	{name: "probes, 5 a second", look: probes},
	{name: "`run`, with probes", look: run(collect.Config{}, true)},
	{name: "`run --light`", look: run(collect.Config{Light: true}, false)},
	{name: "`run --no-trace`", look: run(collect.Config{NoTrace: true}, false)},
}

// page fetches a page of the pprof server that takes as long as it is asked to.
func page(format string) func(context.Context, *stack.Stack, string, time.Duration) error {
	return func(ctx context.Context, st *stack.Stack, _ string, d time.Duration) error {
		return fetch(ctx, st.Pprof+"/debug/pprof/"+fmt.Sprintf(format, d.Seconds()))
	}
}

func both(ctx context.Context, st *stack.Stack, folder string, d time.Duration) error {
	profiled := make(chan error, 1)
	go func() { profiled <- page("profile?seconds=%.0f")(ctx, st, folder, d) }()
	if err := page("trace?seconds=%g")(ctx, st, folder, d); err != nil {
		return err
	}
	return <-profiled
}

func goroutines(ctx context.Context, st *stack.Stack, _ string, d time.Duration) error {
	if err := fetch(ctx, st.Pprof+"/debug/pprof/goroutine"); err != nil {
		return err
	}
	wait(ctx, d)
	return fetch(ctx, st.Pprof+"/debug/pprof/goroutine")
}

// probeRate is how many probes a collection sends by default, each second.
const probeRate = int(collect.DefaultRate)

func probes(ctx context.Context, st *stack.Stack, _ string, d time.Duration) error {
	url := strings.Replace(st.Route(), "{vin}", vin.Numbers()[0], 1)
	for range int(d.Seconds() * float64(probeRate)) {
		next := time.Now().Add(time.Second / time.Duration(probeRate))
		if err := fetch(ctx, url); err != nil {
			return err
		}
		wait(ctx, time.Until(next))
	}
	return nil
}

// run takes a whole collection.
func run(cfg collect.Config, probed bool) func(context.Context, *stack.Stack, string, time.Duration) error {
	return func(ctx context.Context, st *stack.Stack, folder string, d time.Duration) (err error) {
		cfg := cfg
		cfg.Window = d
		if cfg.Target, err = collect.ParseTarget(st.Pprof); err != nil {
			return err
		}
		if probed {
			cfg.Probing = collect.Probing{URLs: []string{st.Route()}, Values: map[string][]string{"vin": {vin.Numbers()[0]}}, Baseline: -1}
		}
		path := filepath.Join(folder, "case.zip")
		defer os.Remove(path)
		_, err = collect.Run(ctx, cfg, path)
		return err
	}
}

func fetch(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
