// Command falsealarms records the data on which false alarms of the comparison are
// measured, and how well changes are found: many short captures of one build of the VIN
// service, one after another, while the load drifts by a fifth up and down and a neighbor
// comes and goes; and then, under a steady load and without the neighbor, of builds that
// are slower, in turn with the first. Each capture is of a fresh process, as after a
// deployment. It keeps only the quantities that a comparison tests.
//
//	go run ./cmd/internal/falsealarms -o recorded.jsonl
//
// The result has one line for each capture. A later run continues the file, so that the
// recording can be made in pieces; -for ends a piece. The tests in this package use the
// result, compressed, or another:
//
//	gzip -9 <recorded.jsonl >cmd/internal/falsealarms/testdata/recorded.jsonl.gz
//	go test -v ./cmd/internal/falsealarms -long -recorded "$PWD/recorded.jsonl"
//
// With -live N the tests run ab on live services, up to N times for each build, some
// minutes each; they go on from a file of results as well:
//
//	go test -v -timeout 0 ./cmd/internal/falsealarms -run Live -live 20 -results "$PWD/ab.jsonl"
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
	"timesink/collect"
	"timesink/collect/capture"
)

// A Recorded is one capture, reduced to what a comparison reads of it.
type Recorded struct {
	Build   string            `json:"build"`   // a key of builds
	Round   int               `json:"round"`   // 0 for captures of one build alone
	Rate    float64           `json:"rate"`    // of requests sent, per second
	Took    time.Duration     `json:"took_ns"` // with the start of the service
	Source  breakdown.Source  `json:"source"`
	Capture breakdown.Capture `json:"capture"`
	Series  *breakdown.Series `json:"series"`
}

// The builds. The delays are in the database: of all queries, or of one in ten.
var builds = map[string]struct{ all, tail time.Duration }{
	"same":   {database, 0},
	"mean10": {database + 4*time.Millisecond, 0},
	"mean30": {database + 12*time.Millisecond, 0},
	"tail20": {database, 22 * time.Millisecond},
}

// turn is the order of builds after those of one build alone.
var turn = []string{"same", "mean10", "tail20", "mean30"}

// database is how long the database sleeps in each request of the usual build.
const database = 4 * time.Millisecond

// The load: its mean, in requests a second, and the number of captures in which it
// drifts up and down once.
const (
	meanRate = 80
	period   = 29
)

var endpoint = vin.Endpoint

// vinservice is the import path of the service's command.
var vinservice = strings.TrimSuffix(reflect.TypeFor[vin.API]().PkgPath(), "internal/vin") + "vinservice"

func main() {
	if len(os.Args) == 2 && os.Args[1] == neighborArg {
		compute()
	}
	r := recording{}
	flag.IntVar(&r.null, "null", 220, "number of captures of one build alone")
	flag.IntVar(&r.rounds, "rounds", 60, "number of rounds of captures of all builds in turn")
	flag.DurationVar(&r.window, "window", 2*time.Second, "length of each capture's window")
	flag.StringVar(&r.output, "o", "recorded.jsonl", "add the captures to this `file`")
	limit := flag.Duration("for", 0, "end after this time; a later run goes on (default: no limit)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *limit > 0 {
		r.until = time.Now().Add(*limit)
	}
	if err := r.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "falsealarms:", err)
		os.Exit(1)
	}
}

// A recording is what to record, and where.
type recording struct {
	null, rounds int
	window       time.Duration
	output       string
	until        time.Time // zero means no limit

	exe    string
	folder string
}

func (r *recording) run(ctx context.Context) (err error) {
	done, err := lines(r.output)
	if err != nil {
		return err
	}
	if r.folder, err = os.MkdirTemp("", "falsealarms-*"); err != nil {
		return err
	}
	defer os.RemoveAll(r.folder)
	r.exe = filepath.Join(r.folder, "vinservice")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", r.exe, vinservice).CombinedOutput(); err != nil {
		return fmt.Errorf("building the service: %w: %s", err, out)
	}
	file, err := os.OpenFile(r.output, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	leave := func() {}
	if done < r.null {
		leave = beside(ctx, uint64(done))
	}
	defer func() { leave() }()
	for i := done; i < r.null+r.rounds*len(turn) && ctx.Err() == nil; i++ {
		if !r.until.IsZero() && time.Now().After(r.until) {
			break
		}
		if i == r.null {
			leave()
			leave = func() {}
		}
		c, err := r.look(ctx, i)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(file).Encode(c); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d: %s at %.0f/s, %d requests, mean %.1f ms\n", i, c.Build, c.Rate, c.Series.Requests(), mean(c.Series)/1e6)
	}
	return nil
}

func mean(s *breakdown.Series) (sum float64) {
	for i := range s.Blocks {
		sum += float64(s.Blocks[i].Wall)
	}
	return sum / float64(max(s.Requests(), 1))
}

// lines returns the number of lines of a file, 0 if there is none.
func lines(name string) (n int, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		n++
	}
	return n, s.Err()
}

// planned returns what to record in the capture with this number.
func (r *recording) planned(i int) *Recorded {
	if i < r.null {
		return &Recorded{Build: "same", Rate: meanRate * (1 + 0.2*math.Sin(2*math.Pi*float64(i)/period))}
	}
	i -= r.null
	return &Recorded{Build: turn[i%len(turn)], Round: 1 + i/len(turn), Rate: meanRate}
}

// look takes the capture with this number.
func (r *recording) look(ctx context.Context, i int) (*Recorded, error) {
	out := r.planned(i)
	return out, r.take(ctx, out, uint64(i))
}

// take starts the service as a capture is planned, puts it under load, and takes the
// capture.
func (r *recording) take(ctx context.Context, out *Recorded, seed uint64) (err error) {
	began := time.Now()
	cfg := stack.Default()
	cfg.Service.Calls, cfg.Service.KeepAlive = vin.Concurrent, true
	cfg.Service.SlowDB, cfg.Service.TailDB = builds[out.Build].all, builds[out.Build].tail
	st, err := stack.Start(ctx, r.exe, nil, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Stop()) }()
	loaded, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		send(loaded, st.Route(), vin.Numbers(), out.Rate, seed)
	}()
	defer func() { stop(); <-ended }()
	wait(ctx, 300*time.Millisecond) // until the connections are there
	target, err := collect.ParseTarget(st.Pprof)
	if err != nil {
		return err
	}
	path := filepath.Join(r.folder, "case.zip")
	if _, err := collect.Run(ctx, collect.Config{Target: target, Window: r.window}, path); err != nil {
		return err
	}
	defer os.Remove(path)
	out.Took = time.Since(began)
	return out.read(ctx, path)
}

// read reduces a capture.
func (c *Recorded) read(ctx context.Context, path string) error {
	cp, err := capture.Open(path)
	if err != nil {
		return err
	}
	defer cp.Close()
	b, err := analyze.Captures(ctx, []*capture.Capture{cp}, analyze.Options{Series: true})
	if err != nil {
		return err
	}
	c.Source, c.Capture = b.Source, b.Captures[0]
	for i := range b.Endpoints {
		if e := &b.Endpoints[i]; e.Name == endpoint && e.Series[0] != nil {
			c.Series = e.Series[0]
			return nil
		}
	}
	return fmt.Errorf("%s has no request to %s", cmp.Or(path, "the capture"), endpoint)
}
