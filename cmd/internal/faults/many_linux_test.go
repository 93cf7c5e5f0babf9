package faults_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
)

var runs = flag.Int("runs", 200, "how many runs in a row -whole does")

// A footprint is what a service holds.
type footprint struct{ goroutines, descriptors, kB int }

var (
	residentNow    = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)
	goroutineTotal = regexp.MustCompile(`^goroutine profile: total (\d+)`)
)

func footprintOf(ctx context.Context, service *target, pid int) (f footprint, err error) {
	body, status, err := service.get(ctx, "goroutine?debug=1")
	if err != nil {
		return f, err
	}
	m := goroutineTotal.FindSubmatch(body)
	if m == nil {
		return f, fmt.Errorf("HTTP %d and no goroutine profile", status)
	}
	f.goroutines, _ = strconv.Atoi(string(m[1]))
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return f, err
	}
	f.descriptors = len(open)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return f, err
	}
	if m := residentNow.FindSubmatch(text); m != nil {
		f.kB, _ = strconv.Atoi(string(m[1]))
	}
	return f, nil
}

// Run after run, against the VIN service under load, no collection fails, and the service
// does not grow.
func TestManyRunsInARow(t *testing.T) {
	if !*all {
		t.Skip("only with -whole")
	}
	exe := testbin.Build(t, "cmd/timesink")
	s, err := stack.Start(t.Context(), testbin.Build(t, "cmd/vinservice"), nil, stack.Default())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	loading, unload := context.WithCancel(t.Context())
	defer unload()
	ended := make(chan error, 1)
	go func() {
		c := vin.Default[load.Config]()
		c.Duration, c.Connections, c.Keep = 0, 4, 1
		_, err := s.Load(loading, c)
		ended <- err
	}()
	service := &target{url: s.Pprof}
	var all []footprint
	for i := range *runs {
		folder := filepath.Join(t.TempDir(), strconv.Itoa(i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		o := perform(ctx, t, exe, folder, "collect", s.Pprof, "-d", "200ms", "-o", outputName)
		cancel()
		if o.code != 0 || !o.kept || len(o.left) > 0 {
			t.Fatalf("run %d: exit code %d, capture kept %v, left %v\n%s", i+1, o.code, o.kept, o.left, o.stderr)
		}
		os.RemoveAll(folder)
		f, err := footprintOf(t.Context(), service, s.PID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	unload()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	grown(t, all)
}

// grown checks that what a service holds in the last fifth of the runs is not more than in
// the second fifth; the first one fills its pools.
func grown(t *testing.T, all []footprint) {
	fifth := len(all) / 5
	if fifth == 0 {
		t.Fatal("too few runs to tell growth")
	}
	early, late := all[fifth:2*fifth], all[len(all)-fifth:]
	for _, of := range []struct {
		what string
		of   func(footprint) int
		most func(before int) int
	}{
		{"goroutines", func(f footprint) int { return f.goroutines }, func(n int) int { return n + 5 }},
		{"descriptors", func(f footprint) int { return f.descriptors }, func(n int) int { return n + 5 }},
		{"kB of memory", func(f footprint) int { return f.kB }, func(n int) int { return n + n/4 }},
	} {
		before, after := medianOf(early, of.of), medianOf(late, of.of)
		t.Logf("%s: %d in runs %d to %d, %d in the last %d of %d", of.what, before, fifth+1, 2*fifth, after, fifth, len(all))
		if after > of.most(before) {
			t.Errorf("the service grew from %d to %d %s", before, after, of.what)
		}
	}
}

func medianOf(list []footprint, of func(footprint) int) int {
	var values []int
	for _, f := range list {
		values = append(values, of(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
