package timeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/trace/tracetest"
)

// toldWithin returns the result of reading within shares, as text.
func toldWithin(t *testing.T, data []byte, workers int, sh shares) (string, *Summary, error) {
	t.Helper()
	var all bytes.Buffer
	out := json.NewEncoder(&all)
	sum, err := (&Reader{Table: rulesTable(), Workers: workers}).read(t.Context(), bytes.NewReader(data), sh, func(r *breakdown.Request) {
		if err := errors.Join(r.Check(), out.Encode(r)); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(err, out.Encode(sum)); err != nil {
		return "", nil, err
	}
	return all.String(), sum, nil
}

// Each share, if too small for the recorded traces, costs what its counter says and
// nothing else, and the same for any number of workers.
func TestLossIsReportedForAnyNumberOfWorkers(t *testing.T) {
	plenty := sharesOf(DefaultMemory)
	for _, test := range []struct {
		name  string
		short func(*shares)
		loss  func(*Summary) int64 // nil if nothing is lost, and there is only more work
	}{
		{"one generation at a time, in pieces", func(s *shares) { s.decoding = 1 << 20 }, nil},
		{"no buffer to spare", func(s *shares) { s.spare = 0 }, nil},
		{"no generation may be that large", func(s *shares) { s.decoding = 150_000 }, func(s *Summary) int64 { return s.SkippedBytes }},
		{"few intervals", func(s *shares) { s.history = 2 * intervalSize }, func(s *Summary) int64 { return int64(s.Forgotten) }},
		{"few goroutines", func(s *shares) { s.open = 20 * goroutineSize }, func(s *Summary) int64 { return s.Evicted }},
		{"few stacks", func(s *shares) { s.stacks = 20 * classSize }, func(s *Summary) int64 { return s.StacksCut }},
		{"few causes", func(s *shares) { s.evidence = 10 * causeSize }, func(s *Summary) int64 { return s.CausesCut }},
		{"little of all", func(s *shares) {
			*s = shares{decoding: 1 << 20, history: 2000, open: 8000, stacks: 20000, evidence: 4000}
		}, func(s *Summary) int64 { return s.Evicted }},
	} {
		t.Run(test.name, func(t *testing.T) {
			lost := int64(0)
			for name, data := range tracetest.Recorded(t) {
				whole, wholeSum, err := toldWithin(t, data, 2, plenty)
				if err != nil {
					t.Fatal(name, err)
				}
				sh := plenty
				test.short(&sh)
				one, sum, err := toldWithin(t, data, 1, sh)
				if errors.Is(err, ErrMemory) {
					lost++
					continue
				}
				if err != nil {
					t.Fatal(name, err)
				}
				for _, workers := range []int{2, 5} {
					if more, _, _ := toldWithin(t, data, workers, sh); more != one {
						t.Errorf("%s: %d workers differ from one", name, workers)
					}
				}
				if test.loss == nil && one != whole {
					t.Errorf("%s: the result differs from that with plenty of memory", name)
				}
				if test.loss != nil {
					lost += test.loss(sum)
				}
				if test.loss != nil && test.loss(wholeSum) != 0 {
					t.Errorf("%s: a loss of %d is reported with plenty of memory", name, test.loss(wholeSum))
				}
			}
			if test.loss != nil && lost == 0 {
				t.Error("nothing was lost, so nothing was tested")
			}
		})
	}
}

// A path that is condensed keeps the sums of each kind and what holders did.
func TestCondensedPathKeepsSums(t *testing.T) {
	lock, cpu := &breakdown.Cause{State: "waiting"}, &breakdown.Cause{State: "running"}
	var path []breakdown.Segment
	for at := int64(1000); at < 1000+200*30; at += 30 {
		path = append(path,
			breakdown.Segment{Start: at, End: at + 20, Bucket: breakdown.CPU, Cause: cpu},
			breakdown.Segment{Start: at + 20, End: at + 30, Bucket: breakdown.Lock, Cause: lock,
				Behind: []breakdown.Behind{{Release: cpu, Bucket: breakdown.DB, Time: 3}}})
	}
	m := newMachine(rules.New(), nil)
	r := &request{Request: breakdown.Request{Start: 1000, End: path[len(path)-1].End, Path: slices.Clone(path)}}
	r.Calls = []breakdown.Call{{Start: 1020, End: 1050}} // on the path twice: at 1020, and not at all beside it
	r.Calls[0].Bucket = breakdown.Lock
	m.condense(r)
	once := r.Condensed
	r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + 5, Bucket: breakdown.CPU, Cause: cpu})
	r.End += 5
	m.condense(r)
	m.placeCalls(r)
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	spent := map[breakdown.Bucket]int64{}
	behind := int64(0)
	for _, s := range r.Path {
		spent[s.Bucket] += s.End - s.Start
		for _, b := range s.Behind {
			behind += b.Time
		}
	}
	if spent[breakdown.CPU] != 200*20+5 || spent[breakdown.Lock] != 200*10 || behind != 200*3 {
		t.Errorf("cpu %d, lock %d, %d behind holders", spent[breakdown.CPU], spent[breakdown.Lock], behind)
	}
	if len(r.Path) > 2+keptSegments+1 || once == 0 || m.sum.Condensed != 1 {
		t.Errorf("%d segments left, condensed until %d, in %d requests", len(r.Path), once, m.sum.Condensed)
	}
	if r.Calls[0].OnPath != 10 {
		t.Errorf("%d ns of the call are on the path, want 10", r.Calls[0].OnPath)
	}
}

// Stacks that share an outline must have the same meaning in every respect.
func TestOutlineKeepsMeaningOfStack(t *testing.T) {
	m := newMachine(rules.New(), func(*breakdown.Request) {})
	plain := &class{Class: &rules.Class{}}
	fields := reflect.TypeFor[rules.Class]()
	for i := range fields.NumField() {
		switch fields.Field(i).Name {
		case "Dispatched", "Unrouted":
			continue // the chain holds them
		case "Origin":
			continue // it is seen before stacks are cut
		}
		other := &class{Class: &rules.Class{}}
		switch f := reflect.ValueOf(other.Class).Elem().Field(i); f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.String:
			f.SetString("x")
		case reflect.Int:
			f.SetInt(1)
		case reflect.Uint8:
			f.SetUint(1)
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Struct:
			f.Set(reflect.ValueOf(breakdown.Frame{Function: "x"}))
		case reflect.Slice:
			continue // Stack is the part that is cut, and Below points into it
		}
		if m.outline(plain) == m.outline(other) {
			t.Errorf("stacks that differ only in %s share an outline", fields.Field(i).Name)
		}
	}
}
