package analyze

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"timesink/analyze/breakdown"
)

// A madeUp instance has requests to two endpoints.
type madeUp struct {
	requests int
	connect  int64 // ns in which the first endpoint's requests dial the database, 0 if they do not
	slower   int64 // ns that its upstream calls take longer
	in       breakdown.Instance
}

// instancesOf analyzes made-up instances.
func instancesOf(t *testing.T, seed uint64, memory int64, list ...madeUp) *breakdown.Breakdown {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	f := newFold(memory)
	f.keepParts = true
	dial := &breakdown.Cause{System: "postgres", Site: breakdown.Frame{Function: "main.(*Store).Get", File: "store.go", Line: 7}}
	call := &breakdown.Cause{System: "http", Site: breakdown.Frame{Function: "main.fetch", File: "api.go", Line: 9}}
	work := &breakdown.Cause{State: "running", Site: breakdown.Frame{Function: "main.work", File: "api.go", Line: 12}}
	instances, requests := []breakdown.Instance(nil), int64(0)
	for i, m := range list {
		f.capture, f.instance = i, i
		for k := range m.requests {
			at := int64(k) * 10_000_000
			req := &breakdown.Request{Endpoint: "main.a", Kind: "http/1", Start: at, Goroutine: 1}
			add := func(b breakdown.Bucket, p breakdown.Phase, c *breakdown.Cause, ns int64) {
				req.Path = append(req.Path, breakdown.Segment{Start: at, End: at + ns, Goroutine: 1, Bucket: b, Phase: p, Cause: c})
				at += ns
			}
			noise := func(mean int64) int64 { return int64(float64(mean) * (0.9 + 0.2*r.Float64())) }
			if k%3 == 2 {
				req.Endpoint = "main.b"
			} else if m.connect > 0 {
				begin := at
				add(breakdown.DB, breakdown.Connect, dial, noise(m.connect))
				req.Calls = append(req.Calls, breakdown.Call{Start: begin, End: at, Goroutine: 1, Bucket: breakdown.DB, System: "postgres", Site: dial.Site, Dialed: true, OnPath: at - begin})
			}
			begin := at
			add(breakdown.Upstream, breakdown.ResponseWait, call, noise(2_000_000+m.slower))
			req.Calls = append(req.Calls, breakdown.Call{Start: begin, End: at, Goroutine: 1, Bucket: breakdown.Upstream, System: "http", Site: call.Site, OnPath: at - begin})
			add(breakdown.CPU, breakdown.NoPhase, work, noise(500_000))
			req.End = at
			f.add(req)
			requests++
		}
		m.in.Covered = int64(m.requests) * 10_000_000
		if m.in.Labels == nil {
			m.in.Labels = []breakdown.Label{}
		}
		instances = append(instances, m.in)
	}
	s := settle(f)
	b := &breakdown.Breakdown{Schema: breakdown.Schema, Endpoints: render(s, defaultPeriod, nil)}
	compareInstances(b, s, instances, nil, nil)
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	sum := int64(0)
	for i := range b.Instances {
		sum += b.Instances[i].Requests
	}
	if sum != requests {
		t.Errorf("the instances have %d requests of %d", sum, requests)
	}
	return b
}

func healthy(n int) (list []madeUp) {
	for range n {
		list = append(list, madeUp{requests: 300})
	}
	return list
}

func TestAnOddInstanceIsNamedWithItsCause(t *testing.T) {
	list := healthy(5)
	list[3].connect = 3_000_000
	for i := range list {
		list[i].in.GoVersion, list[i].in.Name = "go1.26.8", "pod-"+string(rune('a'+i))
	}
	list[3].in.GoVersion = "go1.22.3"
	b := instancesOf(t, 1, 0, list...)
	if len(b.Odd) != 1 {
		t.Fatalf("%+v", b.Odd)
	}
	o := b.Odd[0]
	if o.Instance != 3 || o.Name != "pod-d" || o.Endpoint != "main.a" || o.P > SpreadAlpha || o.Requests != 200 {
		t.Errorf("%+v", o)
	}
	d := o.Buckets[0]
	if d.Bucket != breakdown.DB || !d.Odd || d.Others != 0 || float64(d.Delta) < 0.99*float64(o.Delta) {
		t.Errorf("%+v", d)
	}
	if len(d.Phases) != 1 || d.Phases[0].Phase != breakdown.Connect || d.Phases[0].Delta != d.Delta {
		t.Errorf("%+v", d.Phases)
	}
	if len(d.Sites) != 1 || d.Sites[0].Function != "main.(*Store).Get" {
		t.Errorf("%+v", d.Sites)
	}
	if len(o.Differs) != 1 || o.Differs[0] != (breakdown.Distinction{What: "go", Value: "go1.22.3", Others: "go1.26.8"}) {
		t.Errorf("%+v", o.Differs)
	}
	for _, e := range b.Spread.Endpoints {
		if len(e.Parts) != 5 || e.Wall.Least > e.Wall.Median || e.Wall.Median > e.Wall.Most || e.Wall.Noise <= 0 {
			t.Errorf("%s: %+v", e.Name, e.Wall)
		}
	}
}

func TestHealthyInstancesOfRequestsAreNotOdd(t *testing.T) {
	for seed := range uint64(20) {
		list := healthy(8)
		list[2].requests = 32 // few requests do not make it odd
		if b := instancesOf(t, seed, 0, list...); len(b.Odd) > 0 {
			t.Errorf("seed %d: %+v", seed, b.Odd)
		}
	}
}

func TestSeveralOddInstancesDoNotHideEachOther(t *testing.T) {
	list := healthy(12)
	list[1].connect, list[7].slower = 3_000_000, 2_000_000
	b := instancesOf(t, 3, 0, list...)
	where := map[int]string{}
	for _, o := range b.Odd {
		where[o.Instance] += o.Endpoint + " " + o.Buckets[0].Bucket.String() + " "
	}
	if len(where) != 2 || where[1] != "main.a db " || !strings.Contains(where[7], "main.a upstream") || !strings.Contains(where[7], "main.b upstream") {
		t.Errorf("%v", where)
	}
}

// A canary is compared with its baseline by the label that tells them apart.
func TestLabelsMakeGroups(t *testing.T) {
	list := healthy(9)
	for i := range list {
		version := "1.4"
		if i < 3 {
			version, list[i].slower = "1.5", 1_000_000
		}
		list[i].in.Labels = []breakdown.Label{{Name: "pod", Value: string(rune('a' + i))}, {Name: "version", Value: version}, {Name: "zone", Value: []string{"x", "y", "z"}[i%3]}}
	}
	b := instancesOf(t, 4, 0, list...)
	significant := 0
	for _, g := range b.Spread.Groups {
		if g.Label == "pod" {
			t.Errorf("each instance is a group: %+v", g)
		}
		if g.Significant {
			significant++
			if g.Label != "version" || g.Value != "1.5" || g.Instances != 3 || g.Against != 6 || g.Low <= 0 || g.High <= g.Low || g.Buckets[0].Bucket != breakdown.Upstream {
				t.Errorf("%+v", g)
			}
		}
	}
	if significant != 2 { // in both endpoints
		t.Errorf("%d groups are significant: %+v", significant, b.Spread.Groups)
	}
}

// Where memory does not suffice for the parts, they are not made up.
func TestPartsThatDoNotFitAreLeftOut(t *testing.T) {
	list := healthy(400)
	for i := range list {
		list[i].requests = 3
	}
	b := instancesOf(t, 5, MinMemory/4, list...)
	if n := len(b.Spread.Endpoints); n == 2 {
		t.Error("400 instances with two endpoints fit into a MB")
	}
}

func TestInstancesAreNamed(t *testing.T) {
	list := []breakdown.Instance{{Name: "a"}, {}, {Name: "a"}, {Name: "a"}}
	named(list)
	got := ""
	for _, in := range list {
		got += in.Name + ", "
	}
	if got != "a, instance 2, a (2), a (3), " {
		t.Error(got)
	}
	for target, want := range map[string]string{"http://10.0.0.1:6060": "10.0.0.1:6060", "unix:///run/app.sock": "unix:///run/app.sock", "": ""} {
		if got := hostOf(target); got != want {
			t.Errorf("%q is at %q", target, got)
		}
	}
}

// Blocks keep all requests, whichever order they come in and however they are merged.
func TestBlocksOfPartsKeepEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 200 {
		var all, other partBlocks
		var requests, wall int64
		for range 1 + r.IntN(200) {
			b := &all
			if r.IntN(3) == 0 {
				b = &other
			}
			end, w := r.Int64N(int64(time.Duration(1+r.IntN(100))*time.Second))-int64(5*time.Second), r.Int64N(1e6)
			b.add(end, w, &[breakdown.NumBuckets]int64{})
			requests, wall = requests+1, wall+w
		}
		all.merge(&other)
		if len(all.list) > mostPartBlocks {
			t.Fatalf("%d blocks", len(all.list))
		}
		for _, b := range all.list {
			requests, wall = requests-b.requests, wall-b.wall
		}
		if requests != 0 || wall != 0 {
			t.Fatalf("%d requests and %d ns are missing", requests, wall)
		}
	}
}

func TestWarningsOfInstancesAreGathered(t *testing.T) {
	w := warnings{}
	for range 3 {
		w.add("cores-saturated", breakdown.Doubt{Processors: 2})
	}
	w.list = append(w.list, breakdown.Warning{Code: "max-bytes", Message: "cut"}, breakdown.Warning{Code: "max-bytes", Message: "cut"})
	w.add("no-requests", breakdown.Doubt{})
	w.gather([]int{0, 1, 1, 0, 2}, []breakdown.Instance{{Name: "a"}, {Name: "b"}, {Name: "c"}})
	if len(w.list) != 3 || strings.Join(w.list[0].Facts.Instances, " ") != "a b" || w.list[2].Code != "no-requests" || w.list[2].Facts.Instances != nil {
		t.Errorf("%+v", w.list)
	}
	at := time.Unix(1000, 0)
	later := at.Add(time.Hour)
	w = warnings{}
	w.instances([]breakdown.Instance{{CapturedAt: &at, Covered: 1e10}, {CapturedAt: &later, Covered: 1e10}, {}}, []string{"d: gone"}, 3)
	if len(w.list) != 2 || w.list[0].Code != "instances-missing" || w.list[0].Facts.Of != 4 || w.list[1].Code != "instances-apart" {
		t.Errorf("%+v", w.list)
	}
}
