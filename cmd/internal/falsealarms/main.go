// Command falsealarms records the data on which false alarms of the comparison are
// measured: many captures of one build of the VIN service under the same load, and as
// many of one whose median is a tenth longer. It restarts the service for each capture,
// as a deployment does, and keeps only the quantities that a comparison tests.
//
//	go run ./cmd/internal/falsealarms -o cmd/internal/falsealarms/testdata/recorded.json.gz
//
// The test in this package uses the result.
package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect"
	"timesink/collect/capture"
)

// Recorded is the data kept from all captures.
type Recorded struct {
	Same   []Capture `json:"same"`
	Slower []Capture `json:"slower"`
}

// A Capture is one capture, reduced to the quantities of the service's endpoint that a
// comparison tests.
type Capture struct {
	Series *breakdown.Series `json:"series"`
}

var endpoint = vin.Endpoint

// vinservice is the import path of the service's command.
var vinservice = strings.TrimSuffix(reflect.TypeFor[vin.API]().PkgPath(), "internal/vin") + "vinservice"

func main() {
	captures := flag.Int("captures", 20, "number of captures of each build")
	window := flag.Duration("window", 3*time.Second, "length of each capture's window")
	output := flag.String("o", "recorded.json.gz", "write the result to this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := record(ctx, *captures, *window, *output); err != nil {
		fmt.Fprintln(os.Stderr, "falsealarms:", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, captures int, window time.Duration, output string) error {
	folder, err := os.MkdirTemp("", "falsealarms-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	exe := filepath.Join(folder, "vinservice")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", exe, vinservice).CombinedOutput(); err != nil {
		return fmt.Errorf("building the service: %w: %s", err, out)
	}
	var all Recorded
	for i := range captures { // alternate, so that drift affects both alike
		for _, side := range []struct {
			to    *[]Capture
			extra time.Duration
		}{{&all.Same, 0}, {&all.Slower, planted}} {
			c, err := look(ctx, exe, filepath.Join(folder, "case.zip"), window, side.extra)
			if err != nil {
				return err
			}
			*side.to = append(*side.to, *c)
		}
		fmt.Fprintf(os.Stderr, "%d of %d\n", i+1, captures)
	}
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	return errors.Join(json.NewEncoder(z).Encode(all), z.Close(), f.Close())
}

// database is how long the database sleeps in each request, and planted how much longer
// in the slower build: a tenth of the median, which is about 40 ms.
const (
	database = 4 * time.Millisecond
	planted  = 4 * time.Millisecond
)

// look starts the service, puts it under load, and takes one capture.
func look(ctx context.Context, exe, path string, window, extra time.Duration) (_ *Capture, err error) {
	cfg := stack.Default()
	cfg.Service.Calls, cfg.Service.KeepAlive, cfg.Service.SlowDB = vin.Concurrent, true, database+extra
	st, err := stack.Start(ctx, exe, nil, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Stop()) }()
	loadCtx, stop := context.WithCancel(ctx)
	loaded := make(chan error, 1)
	go func() {
		_, err := st.Load(loadCtx, load.Config{Connections: 4})
		loaded <- err
	}()
	defer func() { stop(); err = errors.Join(err, <-loaded) }()
	target, err := collect.ParseTarget(st.Pprof)
	if err != nil {
		return nil, err
	}
	if _, err := collect.Run(ctx, collect.Config{Target: target, Window: window}, path); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	cp, err := capture.Open(path)
	if err != nil {
		return nil, err
	}
	defer cp.Close()
	b, err := analyze.Captures(ctx, []*capture.Capture{cp}, analyze.Options{Series: true})
	if err != nil {
		return nil, err
	}
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; e.Name == endpoint && e.Series[0] != nil {
			return &Capture{Series: e.Series[0]}, nil
		}
	}
	return nil, fmt.Errorf("the capture has no request to %s", endpoint)
}
