package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/child"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/backing"
	"timesink/cmd/internal/testbin"
	"timesink/collect"
	"timesink/collect/capture"
)

var (
	autoRuns  = flag.Int("auto-runs", 0, "take this many captures with -d auto of each service under each load, and compare them with a long one")
	autoTool  = flag.String("auto-tool", "", "the timesink `executable` that takes them")
	autoLong  = flag.Duration("auto-long", time.Minute, "how long the long capture lasts")
	autoLoads = flag.Int("auto-loads", 3, "the number of loads: each has twice the clients of the one before")
	autoOnly  = flag.String("auto-only", "", "only the service with this `name`")
)

// autoServices are of different families: with queues and without, with one call and with
// several, quick and slow.
var autoServices = []string{
	"pgxpool starved", "pgx database/sql transaction", "redigo starved", "net/http's client, new connections",
	"fasthttp's client starved", "grpc-go's client, new connections", "back-off with jitter", "mutex over a query",
	"pipeline of three", "singleflight", "workers one after another", "net/http HTTP/2 over TLS",
}

// An autoRow is one capture with -d auto, beside a long one of the same service and load.
type autoRow struct {
	service        string
	clients        int
	rate, cv       float64 // of the long capture
	window         time.Duration
	known          breakdown.Knowledge
	mean, shares   float64 // how far the intervals reach
	inside, of     int     // buckets of 2 to 98%
	meanIn         bool
	cause, inTruth string
}

func (r *autoRow) String() string {
	cause := "the same cause"
	if r.cause != r.inTruth {
		cause = fmt.Sprintf("cause %q, not %q", r.cause, r.inTruth)
	}
	return fmt.Sprintf("%-36s %3d clients %6.1f/s cv %4.2f  %5.1f s %-10s mean ±%5.1f%% %-5v shares ±%4.1f points, %d of %d inside, %s",
		r.service, r.clients, r.rate, r.cv, r.window.Seconds(), r.known, 100*r.mean, r.meanIn, 100*r.shares, r.inside, r.of, cause)
}

// TestAutoWindowsKnowTheAnswer takes captures that end when the answer is known, and holds
// their intervals against a long capture of the same service under the same load.
func TestAutoWindowsKnowTheAnswer(t *testing.T) {
	if *autoRuns == 0 {
		t.Skip("takes an hour: see .ci/auto")
	}
	exe := testbin.BuildWith(t, *toolchain, "cmd/internal/services", tags...)
	env := backing.NewEnvironment(t, exe, peers)
	var rows []autoRow
	for _, name := range autoServices {
		if *autoOnly != "" && name != *autoOnly {
			continue
		}
		for i := range *autoLoads {
			t.Run(fmt.Sprintf("%s/%d", name, 1<<i), func(t *testing.T) {
				for _, r := range autoMeasure(t, exe, env, name, 1<<i) {
					fmt.Println(r.String())
					rows = append(rows, r)
				}
			})
		}
	}
	autoJudge(t, rows)
}

// autoMeasure takes captures of a service under that many times its usual load.
func autoMeasure(t *testing.T, exe string, env *backing.Environment, name string, times int) (rows []autoRow) {
	s, err := find(name)
	if err != nil {
		t.Fatal(err)
	}
	with := env.Arguments(s.Needs)
	var serving Serving
	testbin.Start(t, exe, slices.Concat([]string{"serve"}, with, []string{name}), &serving)
	args := slices.Concat([]string{"load"}, with)
	for range times {
		args = append(args, name+"="+serving.Addresses[name])
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loaded := make(chan error, 1)
	go func() {
		var clients map[string]*load.Result
		loaded <- child.Output(ctx, exe, args, &clients)
	}()
	for len(truths(t, serving)[name].Requests) < 5*times {
		select {
		case err := <-loaded:
			t.Fatalf("the load ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	folder := t.TempDir()
	target, err := collect.ParseTarget(serving.Pprof)
	if err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(folder, "long.zip")
	if _, err := collect.Run(t.Context(), collect.Config{Target: target, Window: *autoLong}, long); err != nil {
		t.Fatal(err)
	}
	truth, cv := autoAnswer(t, long)
	for i := range *autoRuns {
		path := filepath.Join(folder, fmt.Sprintf("auto-%d.zip", i))
		if out, err := exec.CommandContext(t.Context(), *autoTool, "run", serving.Pprof, "-d", "auto", "-o", path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		said, _ := autoAnswer(t, path)
		row, err := autoCompare(said, truth)
		if err != nil {
			t.Error(err)
			continue
		}
		row.service, row.clients, row.cv = name, s.Clients*times, cv
		rows = append(rows, row)
	}
	stop()
	if err := <-loaded; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return rows
}

// autoAnswer analyzes a capture, and returns the coefficient of variation of the wall times of
// its busiest endpoint as well.
func autoAnswer(t *testing.T, path string) (b *breakdown.Breakdown, cv float64) {
	t.Helper()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	type sums struct{ n, wall, squares float64 }
	of := map[string]*sums{}
	b, err = analyze.Captures(t.Context(), []*capture.Capture{c}, analyze.Options{Each: func(r *breakdown.Request) {
		if of[r.Endpoint] == nil {
			of[r.Endpoint] = &sums{}
		}
		if x, s := float64(r.Wall()), of[r.Endpoint]; !r.Incomplete {
			s.n, s.wall, s.squares = s.n+1, s.wall+x, s.squares+x*x
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var most *sums
	for _, s := range of {
		if most == nil || s.wall > most.wall {
			most = s
		}
	}
	if most == nil || most.n == 0 {
		t.Fatalf("%s holds no request", path)
	}
	mean := most.wall / most.n
	return b, math.Sqrt(max(most.squares/most.n-mean*mean, 0)) / mean
}

func autoCompare(said, truth *breakdown.Breakdown) (r autoRow, err error) {
	e, of := said.Busiest(), truth.Busiest()
	if e == nil || of == nil || e.Name != of.Name || said.Source.Auto == nil {
		return r, fmt.Errorf("no answer about the same endpoint: %+v, %+v", e, of)
	}
	r.rate = float64(of.Requests) / time.Duration(truth.Source.Covered).Seconds()
	r.window, r.known = time.Duration(said.Source.Covered), said.Source.Auto.Known
	r.mean = e.MeanError()
	r.shares, _ = e.ShareError()
	r.cause, r.inTruth = said.Conclusion.Cause, truth.Conclusion.Cause
	if e.Precision == nil {
		return r, nil
	}
	in := e.Precision.MeanCI95
	r.meanIn = in[0] <= of.Wall.Mean && of.Wall.Mean <= in[1]
	for b := range of.Buckets {
		share := of.Buckets[b].Share
		if share < 0.02 || share > 0.98 {
			continue
		}
		r.of++
		if in := e.Precision.SharesCI95[b]; in[0] <= share && share <= in[1] {
			r.inside++
		}
	}
	return r, nil
}

// autoJudge prints what all rows amount to, and checks what is promised.
func autoJudge(t *testing.T, rows []autoRow) {
	if len(rows) == 0 {
		t.Fatal("nothing was measured")
	}
	inside, of, means, same, conclusive := 0, 0, 0, 0, 0
	var brisk []time.Duration // at 100 requests a second and more, that vary little
	count := map[breakdown.Knowledge]int{}
	for _, r := range rows {
		count[r.known]++
		inside, of = inside+r.inside, of+r.of
		if r.meanIn {
			means++
		}
		if r.known == breakdown.Precise && (r.mean > 0.03 || r.shares > 0.01) || r.known == breakdown.Undetermined && r.window < 29*time.Second {
			t.Errorf("ended early: %s", r.String())
		}
		if r.known == breakdown.Conclusive {
			conclusive++
			if r.cause == r.inTruth {
				same++
			}
		}
		if r.rate >= 95 && r.cv <= 0.3 {
			brisk = append(brisk, r.window)
		}
	}
	fmt.Printf("%d captures: %v; %d of %d buckets and %d of %d means lie inside; %d of %d conclusive ones have the same cause\n",
		len(rows), count, inside, of, means, len(rows), same, conclusive)
	if slices.Sort(brisk); len(brisk) > 0 {
		median := brisk[len(brisk)/2]
		fmt.Printf("at 95 requests a second and more with a coefficient of variation of at most 0.3: median window %.1f s of %d\n", median.Seconds(), len(brisk))
		if median > 4*time.Second {
			t.Errorf("the median window is %s", median)
		}
	}
	if 10*inside < 9*of {
		t.Errorf("only %d of %d buckets lie inside", inside, of)
	}
	if 10*same < 9*conclusive {
		t.Errorf("only %d of %d conclusive windows have the cause of the long one", same, conclusive)
	}
	var windows []string
	for _, name := range autoServices {
		var list []time.Duration
		for _, r := range rows {
			if r.service == name {
				list = append(list, r.window)
			}
		}
		if slices.Sort(list); len(list) > 0 {
			windows = append(windows, fmt.Sprintf("%s %.1f s", name, list[len(list)/2].Seconds()))
		}
	}
	fmt.Fprintln(os.Stdout, "median windows: "+cmp.Or(strings.Join(windows, ", "), "none"))
}
