package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/trace/tracetest"
	"timesink/collect"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/report"
)

// secrets maps the private data in privateCapture's capture to the part that holds it.
var secrets = map[string]string{
	"jane.doe":                           capture.TracePart,
	"Mary Miller":                        capture.TracePart,
	"mary@acme.example":                  capture.TracePart,
	"12 Main Street":                     capture.TracePart,
	"marymiller":                         capture.CPUPart,
	"/home/jane.doe/src/shop/main.go":    capture.CPUPart,
	`C:\Users\Mary Miller`:               capture.GoroutineBeforePart,
	"/home/jane.doe/bin/shop":            capture.CPUPart,
	"pprof.acme.example":                 capture.ManifestName,
	"shop-7.acme.example":                capture.ProbesPart,
	"10.20.30.40":                        capture.ManifestName,
	"/home/jane.doe/bin":                 capture.ManifestName,
	"seconds=1":                          capture.ManifestName,
	"orders/4711":                        capture.ProbesPart,
	"10.20.30.41":                        capture.ProbesPart,
	"s3cret":                             capture.ManifestName,
	"X-Customer: Mary":                   capture.ProbesPart,
	"/Users/jane.doe/go/pkg/mod/x@v1.0.": capture.ManifestName,
}

// privateCapture records the service in testdata/private, and returns the capture as it
// would be if the service ran at Acme.
func privateCapture(t *testing.T) string {
	dir := t.TempDir()
	exe := filepath.Join(dir, "shop.exe")
	if out, err := exec.Command("go", "build", "-o", exe, "./testdata/private").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	service := exec.Command(exe)
	leash, err := service.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := service.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		leash.Close()
		service.Wait()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(line)
	target, err := collect.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	recorded := ""
	for window := time.Second; ; window *= 2 {
		recorded = filepath.Join(dir, fmt.Sprint("recorded-", window, ".zip"))
		_, err = collect.Run(t.Context(), collect.Config{Target: target, Window: window, Probing: collect.Probing{
			URLs: []string{url + "/v1/orders/{id}", url + "/v1/orders/open"}, Rate: 100, Values: map[string][]string{"id": {"4711"}}, Header: collect.Header{}}}, recorded)
		if err != nil {
			t.Fatalf("%v (%s)", err, capture.Hint(err))
		}
		// On a slow machine no request may begin and end in a short window.
		if _, requests := answered(t, openCapture(t, recorded)); len(requests) > 0 || window > 10*time.Second {
			break
		}
	}
	return atAcme(t, recorded, filepath.Join(dir, "timesink-pprof.acme.example-8443-20261122T020304Z.zip"), url)
}

// atAcme copies a capture with the names that its manifest, probes and profiles would
// have at Acme. The trace is unchanged.
func atAcme(t *testing.T, from, to, url string) string {
	c := openCapture(t, from)
	w, err := capture.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Parts() {
		data := part(t, c, name)
		kind, _ := capture.KindOf(name)
		switch kind.Content {
		case capture.ProfileContent:
			p, err := profile.ParseData(data)
			if err != nil {
				t.Fatal(err)
			}
			p.Mapping[0].File = "/home/jane.doe/bin/shop"
			p.Comments = append(p.Comments, "taken by jane@acme.example")
			var out bytes.Buffer
			if err := p.Write(&out); err != nil {
				t.Fatal(err)
			}
			data = out.Bytes()
		case capture.ProbesContent:
			data = bytes.ReplaceAll(data, []byte(url), []byte("http://shop-7.acme.example:8080"))
			data = bytes.ReplaceAll(data, []byte(`"remote":"127.0.0.1`), []byte(`"error":"malformed header \"X-Customer: Mary\"","remote":"10.20.30.41`))
		}
		f, err := w.CreatePart(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	m := *c.Manifest()
	m.Target = "https://pprof.acme.example:8443"
	for i := range m.Asked.URLs {
		m.Asked.URLs[i].Host = "http://shop-7.acme.example:8080"
	}
	m.Service.Binary, m.Service.MainFile = "/home/jane.doe/bin/shop", "/home/jane.doe/src/shop/main.go"
	m.Warn("probes-failed", "1 of 9 probes got no answer: dial tcp 10.20.30.40:8080: connect: no route to shop-7.acme.example")
	m.Log = append(m.Log, capture.Event{Source: "trace", What: "read /Users/jane.doe/go/pkg/mod/x@v1.0.0/x.go", Error: "postgres://jane:s3cret@10.20.30.40/x?a=b"})
	w.Manifest = m
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return to
}

func openCapture(t *testing.T, path string) *capture.Capture {
	t.Helper()
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// part returns a part as stored in the capture.
func part(t *testing.T, c *capture.Capture, name string) []byte {
	t.Helper()
	r, err := c.Part(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// contents returns the bytes of all parts, uncompressed, and of the manifest.
func contents(t *testing.T, c *capture.Capture) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range c.Parts() {
		data := part(t, c, name)
		if strings.HasSuffix(name, ".gz") {
			zr, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if data, err = io.ReadAll(zr); err != nil {
				t.Fatal(err)
			}
		}
		all[name] = string(data)
	}
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.Manifest()); err != nil {
		t.Fatal(err)
	}
	all[capture.ManifestName] = plain.String()
	return all
}

// redacted runs the command and opens its output.
func redacted(t *testing.T, path string) *capture.Capture {
	t.Helper()
	public := filepath.Join(t.TempDir(), "public.zip")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"redact", path, "-o", public}, nil, &stdout, &stderr); code != exitAnswered {
		t.Fatalf("exit code %d: %s", code, stderr.Bytes())
	}
	if stdout.Len() > 0 || !strings.Contains(stderr.String(), "masked ") {
		t.Errorf("said %q and %q", stdout.Bytes(), stderr.Bytes())
	}
	if info, err := os.Stat(public); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	return openCapture(t, public)
}

func TestARedactedCaptureHoldsNothingPrivate(t *testing.T) {
	t.Parallel()
	path := privateCapture(t)
	original := openCapture(t, path)
	public := redacted(t, path)
	before, after := contents(t, original), contents(t, public)
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for secret, in := range secrets {
		if !strings.Contains(before[in], secret) && !strings.Contains(before[in], escaped.Replace(secret)) {
			t.Errorf("%s of the original does not hold %q, so the test shows nothing", in, secret)
		}
		for name, data := range after {
			if strings.Contains(data, secret) || strings.Contains(data, escaped.Replace(secret)) {
				t.Errorf("%s still holds %q", name, secret)
			}
		}
	}
	for _, word := range []string{"jane", "Mary", "mary", "acme", "s3cret"} {
		for name, data := range after {
			if i := strings.Index(data, word); i >= 0 {
				t.Errorf("%s still holds %q: …%q…", name, word, data[max(i-40, 0):min(i+40, len(data))])
			}
		}
	}
	if !reflect.DeepEqual(original.Parts(), public.Parts()) {
		t.Errorf("of the parts %v only %v are left", original.Parts(), public.Parts())
	}
	sameAnswer(t, original, public)
	theListIsWhatIsMasked(t, original, public)
	reportsTellNothingPrivate(t, path)

	// Redacting again changes nothing, to the byte.
	again := redacted(t, public.Path())
	one, err := os.ReadFile(public.Path())
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(again.Path()); err != nil || !bytes.Equal(one, two) {
		t.Errorf("redacted again it differs: %d bytes, then %d (%v)", len(one), len(two), err)
	}
}

// theListIsWhatIsMasked checks that the list for the original has every secret, and the
// list for the copy none.
func theListIsWhatIsMasked(t *testing.T, original, public *capture.Capture) {
	t.Helper()
	items, err := redact.Private(t.Context(), original)
	if err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	if err := redact.WriteList(&list, items); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pprof.acme.example", "shop-7.acme.example", "/home/jane.doe", `Mary Miller`, "marymiller", "10.20.30.40", "jane:s3cret", "import paths"} {
		if !strings.Contains(list.String(), want) {
			t.Errorf("the list lacks %q:\n%s", want, list.Bytes())
		}
	}
	if items, err = redact.Private(t.Context(), public); err != nil || len(items) > 0 {
		t.Errorf("the list for the copy is %v, %v", items, err)
	}
}

// reportsTellNothingPrivate checks that no report of the original contains a secret, in
// any format, and that each does with --no-redact.
func reportsTellNothingPrivate(t *testing.T, path string) {
	t.Helper()
	written := func(args ...string) string {
		file := filepath.Join(t.TempDir(), "report")
		var stderr bytes.Buffer
		if code := run(t.Context(), append([]string{"report", path, "-o", file}, args...), nil, io.Discard, &stderr); code != exitAnswered {
			t.Fatalf("%v: exit code %d: %s", args, code, stderr.Bytes())
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if zr, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
			if data, err = io.ReadAll(zr); err != nil {
				t.Fatal(err)
			}
		}
		return string(data)
	}
	for _, name := range formatsThat((*format).reports) {
		text := written("-f", name)
		for _, word := range []string{"jane", "Mary", "mary@", "marymiller", "acme.example", "s3cret", "10.20.30", "seconds=1"} {
			if i := strings.Index(text, word); i >= 0 {
				t.Errorf("the report in %s contains %q: …%q…", name, word, text[max(i-60, 0):min(i+60, len(text))])
			}
		}
		if plain := written("-f", name, "--no-redact"); !strings.Contains(plain, "jane") && !strings.Contains(plain, "acme.example") {
			t.Errorf("the report in %s with --no-redact contains no secret either", name)
		}
	}
}

// sameAnswer checks that the analysis of both captures gives the same answer apart from
// masked data: endpoints and sums as JSON, and each request.
func sameAnswer(t *testing.T, original, public *capture.Capture) {
	t.Helper()
	mask := redact.New(original.Manifest()).Text
	want, wantRequests := answered(t, original)
	want, _ = report.Redacted(want, nil, mask)
	got, gotRequests := answered(t, public)
	for i := range want.Source.Evidence { // the evidence itself differs
		if w, g := &want.Source.Evidence[i], &got.Source.Evidence[i]; len(w.Parts) == len(g.Parts) {
			w.Parts, g.Parts = nil, nil
		}
	}
	if a, b := asJSON(t, want), asJSON(t, got); a != b {
		t.Errorf("%s: %s", original.Path(), firstDifference(a, b))
	}
	if len(wantRequests) == 0 || len(wantRequests) != len(gotRequests) {
		t.Fatalf("%s: %d requests, redacted %d", original.Path(), len(wantRequests), len(gotRequests))
	}
	_, shown := report.Redacted(&breakdown.Breakdown{}, wantRequests, mask)
	for i := range shown {
		if a, b := asJSON(t, shown[i]), asJSON(t, gotRequests[i]); a != b {
			t.Errorf("%s: request %d: %s", original.Path(), i, firstDifference(a, b))
		}
	}
}

// answered returns the answer, and all its requests.
func answered(t *testing.T, c *capture.Capture) (*breakdown.Breakdown, []breakdown.Specimen) {
	t.Helper()
	var ids []breakdown.RequestID
	opts := analyze.Options{Detail: true}
	opts.Each = func(r *breakdown.Request) {
		if !r.Incomplete {
			ids = append(ids, breakdown.RequestID{Goroutine: r.Goroutine, Start: r.Start})
		}
	}
	b, err := analyze.Captures(t.Context(), []*capture.Capture{c}, opts)
	if err != nil {
		t.Fatal(err)
	}
	specimens, err := analyze.Requests(t.Context(), []*capture.Capture{c}, analyze.Options{Detail: true}, b, ids)
	if err != nil {
		t.Fatal(err)
	}
	return b, specimens
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func firstDifference(a, b string) string {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] {
			return "line " + la[i] + "\nof the redacted one is " + lb[i]
		}
	}
	return "one is longer"
}

// TestARedactedTraceGivesTheSameAnswer checks the recorded traces of all versions,
// whole and cut.
func TestARedactedTraceGivesTheSameAnswer(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../internal/goversions/testdata/*.trace.gz")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d traces, %v", len(files), err)
	}
	if !tracetest.Long { // skip those of services under load
		files = slices.DeleteFunc(files, func(file string) bool { return !strings.HasPrefix(filepath.Base(file), "go1.2") })[:2]
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			original := openCapture(t, file)
			sameAnswer(t, original, redacted(t, file))
			if strings.HasPrefix(name, "go1.19") || strings.HasPrefix(name, "go1.21") {
				return // if cut, they cannot be read at all
			}
			sameCut(t, original, 3)
		})
	}
}

// sameCut keeps only that many quarters of a trace, and checks that the rest gives the
// same answer once redacted.
func sameCut(t *testing.T, c *capture.Capture, quarters int) {
	t.Helper()
	r, err := c.Trace()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cut.trace")
	if err := os.WriteFile(file, data[:len(data)*quarters/4], 0o600); err != nil {
		t.Fatal(err)
	}
	whole, cut := openCapture(t, file), redacted(t, file)
	want, err1 := analyze.Captures(context.Background(), []*capture.Capture{whole}, analyze.Options{})
	got, err2 := analyze.Captures(context.Background(), []*capture.Capture{cut}, analyze.Options{})
	switch {
	case (err1 == nil) != (err2 == nil):
		t.Errorf("the cut trace: %v, redacted: %v", err1, err2)
	case err1 == nil:
		want, _ = report.Redacted(want, nil, redact.New().Text)
		got.Source.Redacted = true
		if a, b := asJSON(t, want.Endpoints), asJSON(t, got.Endpoints); a != b {
			t.Errorf("the cut trace: %s", firstDifference(a, b))
		}
		if len(want.Warnings) != len(got.Warnings) {
			t.Errorf("the cut trace: warnings %v\nare redacted %v", want.Warnings, got.Warnings)
		}
	}
}
