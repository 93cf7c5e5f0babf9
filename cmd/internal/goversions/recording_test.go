package goversions_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/exp/trace"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
	"timesink/cmd/internal/accuracy"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
	"timesink/collect/capture"
)

// A recording is a trace with the measurements taken at the same time.
type recording struct {
	trace []byte
	facts facts
	// beside is an endpoint in the trace that does not belong to the service.
	beside string
}

// Facts holds the measurements of the service and its clients, in Unix nanoseconds.
type facts struct {
	Go       string          `json:"go"`
	Requests []truth.Request `json:"requests"`
	Clients  []load.Request  `json:"clients"`
	// Machine is the cost of the processors for the service during the recording.
	Machine accuracy.Machine `json:"machine"`
}

// mostBytes is the maximum size of a recorded trace.
const mostBytes = 300 << 10

// files returns the paths of a recording.
func files(name string) (trace, facts string) {
	base := filepath.Join("testdata", name)
	return base + ".trace.gz", base + ".json.gz"
}

func (r *recording) save(t *testing.T, name string) {
	told, err := json.Marshal(r.facts)
	if err != nil {
		t.Fatal(err)
	}
	traceFile, factsFile := files(name)
	for path, data := range map[string][]byte{traceFile: r.trace, factsFile: told} {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		w.Write(data)
		w.Close()
		if packed.Len() > mostBytes {
			t.Fatalf("%s would have %d bytes", path, packed.Len())
		}
		if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, name string) *recording {
	traceFile, factsFile := files(name)
	r := &recording{trace: tracetest.Unzipped(t, traceFile)}
	if err := json.Unmarshal(tracetest.Unzipped(t, factsFile), &r.facts); err != nil {
		t.Fatal(err)
	}
	return r
}

// endpoint is the handler, behind a middleware and a router.
const endpoint = "steps/work.(*Service).Work"

// calls is the number of calls per request.
const calls = 3

// judge compares timesink's answer about the trace with the facts.
func (r *recording) judge(t *testing.T, name string) (accuracy.Row, []error) {
	cp, err := capture.Read(name, bytes.NewReader(r.trace))
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Close()
	said, clock, err := accuracy.OnTraceClock(t.Context(), cp, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	offset, broken := r.offset()
	if clock != nil {
		if apart := clock.Wall.UnixNano() - clock.Trace - offset; math.Abs(float64(apart)) > drift {
			broken = append(broken, fmt.Errorf("the trace's own relation of its clock to the wall's is %d ns off", apart))
		}
	}
	said.Shift(offset)
	said.Requests = slices.DeleteFunc(said.Requests, func(q accuracy.Request) bool { return q.Endpoint != "" && q.Endpoint == r.beside })
	row := accuracy.Compare(name, said.Requests, r.facts.Requests, accuracy.Named, r.facts.Clients, said.Start, said.End)
	if row.Machine, err = r.machine(row.Requests); err != nil {
		t.Fatal(err)
	}
	broken = append(broken, r.check(&row)...)
	if math.Abs(row.Calls-calls) > 0.005*calls {
		broken = append(broken, fmt.Errorf("%.3f calls a request, not %d", row.Calls, calls))
	}
	broken = append(broken, compute(&row, r.facts.Requests)...)
	return row, append(broken, r.right(said.Breakdown)...)
}

// check checks the bounds. A trace of Go before 1.22 contains the end of a system
// call only if the runtime took its processor away meanwhile: its file time is a
// lower bound, two thirds if one call follows another, and the rest counts as cpu.
func (r *recording) check(row *accuracy.Row) []error {
	files := row.Measured[breakdown.File]
	if r.trace[len("go 1.")] == '2' && r.trace[len("go 1.2")] >= '2' || files.Tool > files.Service || 3*files.Tool < 2*files.Service || files.Service-files.Tool > row.Buckets[breakdown.CPU] {
		return row.Check()
	}
	rest := *row
	rest.Measured[breakdown.File] = accuracy.Pair{}
	return rest.Check()
}

// drift is the largest allowed drift between the clocks during a trace, in ns.
const drift = 20_000

// offset returns the offset from the trace's times to Unix times, which the service
// logs. Each event follows the clock reading in it, so the largest difference is the
// best one.
func (r *recording) offset() (int64, []error) {
	in, err := trace.NewReader(bytes.NewReader(r.trace))
	if err != nil {
		return 0, []error{err}
	}
	var offsets []int64
	for {
		ev, err := in.ReadEvent()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, []error{err}
		}
		if ev.Kind() != trace.EventLog || ev.Log().Category != "clock" {
			continue
		}
		at, err := strconv.ParseInt(ev.Log().Message, 10, 64)
		if err != nil {
			return 0, []error{err}
		}
		offsets = append(offsets, at-int64(ev.Time()))
	}
	if len(offsets) < 20 {
		return 0, []error{errors.New("the trace logs the time too rarely")}
	}
	best := func(of []int64) int64 {
		largest := of[0]
		for _, o := range of {
			largest = max(largest, o)
		}
		return largest
	}
	first, second := best(offsets[:len(offsets)/2]), best(offsets[len(offsets)/2:])
	if math.Abs(float64(first-second)) > drift {
		return 0, []error{fmt.Errorf("the clocks drift by %d ns", second-first)}
	}
	return max(first, second), nil
}

// machine returns the cost of the processors per request: what was measured outside
// the trace, and how long goroutines were ready to run.
func (r *recording) machine(requests int) (accuracy.Machine, error) {
	ready, err := r.ready()
	m := r.facts.Machine
	m.Ran += ready / int64(max(requests, 1))
	return m, err
}

// processors returns how long the live threads of a process have run, and how long
// they were ready to run, as reported by Linux; 0 on other systems.
func processors(pid int) (m accuracy.Machine) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, t := range threads {
		var ran, delayed int64
		if text, err := os.ReadFile(t); err == nil { // otherwise it has exited
			fmt.Sscan(string(text), &ran, &delayed)
		}
		m.Ran, m.Delayed = m.Ran+ran, m.Delayed+delayed
	}
	return m
}

// ready returns how long goroutines were ready to run but not running, in total.
func (r *recording) ready() (sum int64, err error) {
	in, err := trace.NewReader(bytes.NewReader(r.trace))
	if err != nil {
		return 0, err
	}
	since := map[trace.GoID]trace.Time{}
	for {
		ev, err := in.ReadEvent()
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return 0, err
		}
		if ev.Kind() != trace.EventStateTransition || ev.StateTransition().Resource.Kind != trace.ResourceGoroutine {
			continue
		}
		st := ev.StateTransition()
		id := st.Resource.Goroutine()
		from, to := st.Goroutine()
		if at, ok := since[id]; ok && from == trace.GoRunnable {
			sum += int64(ev.Time() - at)
		}
		delete(since, id)
		if to == trace.GoRunnable {
			since[id] = ev.Time()
		}
	}
}

// compute compares the processor's buckets with the step that only runs.
func compute(row *accuracy.Row, requests []truth.Request) []error {
	spent := int64(0)
	for i := range requests {
		spent += int64(requests[i].Spent("compute"))
	}
	spent /= int64(max(len(requests), 1))
	if own := row.Buckets[breakdown.CPU] + row.Buckets[breakdown.GC] + row.Buckets[breakdown.Scheduler]; own < spent {
		return []error{fmt.Errorf("cpu, gc and scheduler are %d ns, what only runs takes %d", own, spent)}
	}
	return nil
}

// sites maps buckets to the functions of the service that wait in them. Time in other
// buckets is spent in the server.
var sites = map[breakdown.Bucket][]string{
	breakdown.Upstream: {"steps/work.(*Service).ask", "steps/work.(*Service).dial", "steps/work.(*Service).fetch"},
	breakdown.Lock:     {"steps/work.(*Service).inTurn"},
	breakdown.Sleep:    {"steps/work.(*Service).pause"},
	breakdown.File:     {"steps/work.(*Service).save"},
}

// right checks the names of the requests and where they wait. The server and the
// runtime's pools have locks too, for which a request may wait if the holder is off
// its core: allow a hundredth of the wait for the service's own lock.
func (r *recording) right(b *breakdown.Breakdown) (broken []error) {
	fail := func(format string, a ...any) { broken = append(broken, fmt.Errorf(format, a...)) }
	for _, e := range b.Endpoints {
		if e.Name != endpoint && e.Name != r.beside && e.Requests > 0 {
			fail("%d requests to %q", e.Requests, e.Name)
		}
		for bucket, names := range sites {
			for _, s := range e.Buckets[bucket].Sites {
				if bucket == breakdown.Lock && !strings.HasPrefix(s.Function, "steps/") && 100*s.Total < e.Buckets[bucket].Total {
					continue
				}
				if e.Name == endpoint && !slices.Contains(names, s.Function) && s.Total > 0 {
					fail("%s: %d ns at %s, %s:%d", bucket, s.Total, s.Function, s.File, s.Line)
				}
			}
		}
	}
	return broken
}
