package report_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"timesink/analyze/breakdown"
	"timesink/report"
)

func wallProfile(t *testing.T, c aCase) *profile.Profile {
	t.Helper()
	return parsed(t, twice(t, c.name, func(buf *bytes.Buffer) error { return report.WallProfile(buf, c.b) }))
}

func parsed(t *testing.T, data []byte) *profile.Profile {
	t.Helper()
	p, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	for _, text := range texts(p) {
		if !safe(text) {
			t.Errorf("the profile holds %q", text)
		}
	}
	return p
}

// texts returns all strings that a viewer may show.
func texts(p *profile.Profile) []string {
	list := slices.Clone(p.Comments)
	for _, f := range p.Function {
		list = append(list, f.Name, f.SystemName, f.Filename)
	}
	for _, m := range p.Mapping {
		list = append(list, m.File, m.BuildID)
	}
	for _, s := range p.Sample {
		for key, values := range s.Label {
			list = append(append(list, key), values...)
		}
	}
	return list
}

// sums returns a profile's values by a label, and the total under "".
func sums(p *profile.Profile, label string, value int) map[string]int64 {
	by := map[string]int64{}
	for _, s := range p.Sample {
		by[""] += s.Value[value]
		for _, v := range s.Label[label] {
			by[v] += s.Value[value]
		}
	}
	return by
}

func TestTheWallProfileSumsToTheWallTime(t *testing.T) {
	list := cases(t)
	for name, fixture := range fixtures { // which have no detail
		if b := fixture(); len(b.Roots) == 0 {
			list = append(list, aCase{name: name, b: b})
		}
	}
	for _, c := range list {
		checkWallProfile(t, c)
	}
}

// checkWallProfile checks that both labels and stacks account for all time of each
// bucket.
func checkWallProfile(t *testing.T, c aCase) {
	t.Helper()
	p := wallProfile(t, c)
	wall, buckets := int64(0), map[string]int64{}
	for _, e := range c.b.Endpoints {
		wall += e.Wall.Total
		for _, b := range e.Buckets {
			buckets[b.Bucket.String()] += b.Total
		}
	}
	byBucket, frames := sums(p, "bucket", 1), map[string]int64{}
	for _, s := range p.Sample {
		n := len(s.Location)
		if root := s.Location[n-1].Line[0].Function.Name; !strings.HasPrefix(root, "endpoint: ") {
			t.Fatalf("%s: a stack starts with %q", c.name, root)
		}
		leaf, _, _ := strings.Cut(strings.Trim(s.Location[0].Line[0].Function.Name, "[]"), " ")
		frames[leaf] += s.Value[1]
	}
	if byBucket[""] != wall {
		t.Errorf("%s: the samples sum to %d ns of %d", c.name, byBucket[""], wall)
	}
	for b, want := range buckets {
		if byBucket[b] != want || frames[b] != want {
			t.Errorf("%s: %d ns of %s are %d by the labels and %d by the leaves", c.name, want, b, byBucket[b], frames[b])
		}
	}
}

func TestWithoutARequestTheWallProfileIsTheGoroutines(t *testing.T) {
	c := aCase{name: "no request", b: noRequests()}
	p := wallProfile(t, c)
	want := map[string]int64{"": 0, "db": 31 * s, "cpu": 9*s + 100*ms, "sleep": 5*s + 4900*ms, "wait": 5 * s}
	for _, r := range c.b.Roots {
		want[""] += r.Wall
	}
	if got := sums(p, "bucket", 1); !maps.Equal(got, want) || !strings.Contains(p.Comments[0], "goroutines") {
		t.Errorf("%q: %v, not %v", p.Comments, got, want)
	}
}

func TestTheWallProfileDescribesItself(t *testing.T) {
	c := checkout()
	c.b.Source.Redacted = true
	p := wallProfile(t, c)
	want := []string{"wall time of 1 complete request, by timesink", "case: ts-0123456789ab", "target: http://shop:6060", "redacted"}
	if !slices.Equal(p.Comments, want) {
		t.Errorf("the comments are %q", p.Comments)
	}
	if p.TimeNanos != c.b.Source.CapturedAt.UnixNano() || p.DurationNanos != 5*s || p.DefaultSampleType != "wall" {
		t.Errorf("it is of %d, %d ns long, and shows %s", p.TimeNanos, p.DurationNanos, p.DefaultSampleType)
	}
	var stacks []string
	for _, s := range p.Sample {
		var names []string
		for _, loc := range slices.Backward(s.Location) {
			names = append(names, loc.Line[0].Function.Name)
		}
		stacks = append(stacks, fmt.Sprint(strings.Join(names, " > "), " ", s.Value[0], " ", time.Duration(s.Value[1])))
	}
	wantStacks := []string{
		"endpoint: POST /checkout > [cpu] 1 1ms",
		"endpoint: POST /checkout > main.(*API).Checkout > example.com/shop/store.(*Store).Cart > [db pool_wait] 1 50µs",
		"endpoint: POST /checkout > main.(*API).Checkout > example.com/shop/store.(*Store).Cart > [db query] 1 8.95ms",
		"endpoint: POST /checkout > [scheduler] 1 20µs",
		"endpoint: POST /checkout > main.(*API).price > [upstream response_wait] 1 37.98ms",
		"endpoint: POST /checkout > [cpu] 1 2ms",
	}
	if !slices.Equal(stacks, wantStacks) {
		t.Errorf("the stacks are\n%s", strings.Join(stacks, "\n"))
	}
}

// pprof runs the tool that people have.
func toolPprof(t *testing.T, p *profile.Profile, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "profile.pb.gz")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append(append([]string{"tool", "pprof"}, args...), file)...)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go tool pprof %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestGoToolPprofReadsTheWallProfile(t *testing.T) {
	c := recorded(t, filepath.Join("..", "cmd", "internal", "goversions", "testdata", "go1.26.trace.gz"))
	p := wallProfile(t, c)
	wall, upstream, answer := int64(0), int64(0), int64(0)
	for _, e := range c.b.Endpoints {
		wall += e.Wall.Total
		upstream += e.Buckets[breakdown.Upstream].Total
		for _, p := range e.Buckets[breakdown.Upstream].Phases {
			if p.Phase == breakdown.ResponseWait {
				answer += p.Total
			}
		}
	}
	all := []string{"-unit=ns", "-nodefraction=0", "-nodecount=100000"}
	top := toolPprof(t, p, append([]string{"-top"}, all...)...)
	for _, want := range []string{"case: " + c.b.Source.Case, fmt.Sprintf("of %dns total", wall), " endpoint: "} {
		if !strings.Contains(top, want) {
			t.Errorf("-top does not show %q:\n%s", want, top)
		}
	}
	_, list, _ := strings.Cut(top, "cum%\n")
	if line := regexp.MustCompile(`(?m)^ *(\d+)ns .* \[upstream response_wait\]$`).FindStringSubmatch(list); line == nil || line[1] != fmt.Sprint(answer) {
		t.Errorf("-top does not list the %d ns of answers from upstream:\n%s", answer, list)
	}
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); f[0] != "0" && !strings.HasSuffix(line, "]\n") {
			t.Errorf("-top gives %s", line)
		}
	}
	if peek := toolPprof(t, p, append(all, `-peek=\[upstream response_wait\]$`)...); !regexp.MustCompile(`\| +`+regexp.QuoteMeta(ownFunction(t, p, "[upstream response_wait]"))+`\n`).MatchString(peek) || strings.Contains(peek, "net/http.") {
		t.Errorf("-peek does not lead from the leaf to the service's own code:\n%s", peek)
	}
	if only := toolPprof(t, p, append(all, "-top", "-tagfocus=bucket=upstream")...); !strings.Contains(only, fmt.Sprintf("of %dns total", wall)) || !strings.Contains(only, fmt.Sprintf("for %dns,", upstream)) {
		t.Errorf("the upstream's %d ns of %d are not those in focus:\n%s", upstream, wall, only)
	}
	if tags := toolPprof(t, p, "-tags"); !strings.Contains(tags, ": upstream\n") || !strings.Contains(tags, " endpoint: Total") || !strings.Contains(tags, ": golang.org/x/net/context/ctxhttp.Do\n") {
		t.Errorf("-tags shows\n%s", tags)
	}
}

// ownFunction returns the function below which a profile has most of a leaf.
func ownFunction(t *testing.T, p *profile.Profile, leaf string) string {
	t.Helper()
	sum, most := map[string]int64{}, ""
	for _, s := range p.Sample {
		if s.Location[0].Line[0].Function.Name == leaf {
			name := s.Location[1].Line[0].Function.Name
			if sum[name] += s.Value[1]; sum[name] >= sum[most] {
				most = name
			}
		}
	}
	if !strings.HasPrefix(most, "steps/work.") { // the package of the recorded service
		t.Fatalf("%s is called by %q", leaf, most)
	}
	return most
}

func TestProfilesReturnWriteErrors(t *testing.T) {
	c := checkout()
	checkWriteErrors(t, func(w brokenWriter) error { return report.WallProfile(w, c.b) })
	checkWriteErrors(t, func(w brokenWriter) error { return report.CPUProfile(w, c.b) })
}
