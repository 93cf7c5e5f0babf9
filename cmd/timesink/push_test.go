package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"

	"timesink/collect/capture"
)

// pushed runs report with these flags and returns the exit code and standard error.
func pushed(t *testing.T, flags ...string) (code int, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := append([]string{"report", filepath.Join("testdata", "recorded", "four-calls.zip"), "-f", "json", "--push-patience", "1ms"}, flags...)
	code = run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	if code == exitAnswered && !strings.HasPrefix(stdout.String(), "{") {
		t.Errorf("the answer is %.100q", stdout.String())
	}
	return code, stderr.String()
}

// pyroscope checks that a request is as Pyroscope's ingest API requires: what it does not
// say is what a server would drop or misread without an error.
func pyroscope(r *http.Request) (name string, p *profile.Profile, err error) {
	q := r.URL.Query()
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return "", nil, err
	case r.Method != http.MethodPost || r.URL.Path != "/ingest":
		return "", nil, fmt.Errorf("%s %s", r.Method, r.URL.Path)
	case media != "multipart/form-data" || q.Has("format"): // with format=pprof the form would be read as the profile
		return "", nil, fmt.Errorf("format %q and a body of %s", q.Get("format"), media)
	case r.Header.Get("Content-Encoding") != "":
		return "", nil, errors.New("the API does not unpack bodies")
	}
	for name := range q {
		if !slices.Contains([]string{"name", "from", "until", "spyName", "sampleRate", "units", "aggregationType"}, name) {
			return "", nil, fmt.Errorf("the API has no parameter %q", name)
		}
	}
	from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
	until, err2 := strconv.ParseInt(q.Get("until"), 10, 64)
	if err1 != nil || err2 != nil || until <= from || len(q.Get("from")) != len("1764370800000000000") {
		return "", nil, fmt.Errorf("from %q until %q", q.Get("from"), q.Get("until"))
	}
	application, labels, ok := strings.Cut(strings.TrimSuffix(q.Get("name"), "}"), "{")
	if application == "" || strings.ContainsAny(application, " ,=") || ok != strings.HasSuffix(q.Get("name"), "}") {
		return "", nil, fmt.Errorf("the name %q", q.Get("name"))
	}
	for pair := range strings.SplitSeq(labels, ",") {
		if key, value, ok := strings.Cut(pair, "="); labels != "" && (!ok || key == "" || value == "" || strings.ContainsAny(pair, "{}")) {
			return "", nil, fmt.Errorf("the label %q", pair)
		}
	}
	form, err := multipart.NewReader(r.Body, params["boundary"]).ReadForm(32 << 20)
	if err != nil {
		return "", nil, err
	}
	defer form.RemoveAll()
	if len(form.File["profile"]) != 1 || len(form.File["sample_type_config"]) != 1 || len(form.File) != 2 || len(form.Value) > 0 {
		return "", nil, fmt.Errorf("the form has the files %v and the values %v", form.File, form.Value)
	}
	config, err := form.File["sample_type_config"][0].Open()
	if err != nil {
		return "", nil, err
	}
	defer config.Close()
	var types map[string]struct {
		Units       string `json:"units"`
		DisplayName string `json:"display-name"`
		Aggregation string `json:"aggregation"`
		Cumulative  bool   `json:"cumulative"`
		Sampled     bool   `json:"sampled"`
	}
	dec := json.NewDecoder(config)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&types); err != nil {
		return "", nil, err
	}
	f, err := form.File["profile"][0].Open()
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if p, err = profile.Parse(f); err != nil {
		return "", nil, err
	}
	err = p.CheckValid()
	shown := false
	for _, t := range p.SampleType {
		known, ok := types[t.Type]
		if shown = shown || ok; ok && known.Units != t.Unit && !(known.Units == "samples" && t.Unit == "count") {
			return "", nil, fmt.Errorf("the type %s is in %s, and described in %s", t.Type, t.Unit, known.Units)
		}
	}
	if !shown {
		return "", nil, errors.New("no sample type is described, so that the server would drop all")
	}
	return q.Get("name"), p, err
}

// Pyroscope is sent the wall time and the CPU time, under the service's name.
func TestPushingToPyroscope(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]*profile.Profile{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, p, err := pyroscope(r)
		if err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got[name+" "+p.SampleType[len(p.SampleType)-1].Type] = p
	}))
	defer server.Close()
	if code, said := pushed(t, "--push", "pyroscope="+server.URL, "--spool", t.TempDir()); code != 0 || said != "pushed 2\n" {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if len(got) != 2 {
		t.Fatalf("the server took %d profiles", len(got))
	}
	for name, p := range got {
		if !strings.HasPrefix(name, "planted{timesink_target=http://") {
			t.Errorf("the service is %s", name)
		}
		sum, labeled := int64(0), false
		for _, s := range p.Sample {
			sum += s.Value[len(s.Value)-1]
			labeled = labeled || len(s.Label["endpoint"]) > 0
		}
		want := reported(t, filepath.Join("testdata", "recorded", "four-calls.zip")).wall
		if wall := strings.HasSuffix(name, " wall"); !labeled || wall && sum != want || sum == 0 {
			t.Errorf("%s: %d ns, with endpoints: %v; the report says %d", name, sum, labeled, want)
		}
	}
}

// A capture goes to a folder redacted, unless private data is to be kept.
func TestPushingCaptures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		if code, said := pushed(t, "--push", "file="+dir, "--spool", t.TempDir()); code != 0 {
			t.Fatalf("exit code %d: %s", code, said)
		}
	}
	if code, said := pushed(t, "--push", "file="+dir, "--spool", t.TempDir(), "--no-redact"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	original, err := os.ReadFile(filepath.Join("testdata", "recorded", "four-calls.zip"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("the folder has %v: %v", files, err)
	}
	for _, file := range files {
		c, err := capture.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		id, err := c.Case()
		redacted := strings.HasSuffix(file, "-redacted.zip")
		if err != nil || !strings.HasPrefix(filepath.Base(file), id) || redacted != (c.Manifest().Redacted != nil) {
			t.Errorf("%s is the case %s, %v", file, id, err)
		}
		if copied, err := os.ReadFile(file); err != nil || !redacted && !bytes.Equal(copied, original) {
			t.Errorf("%s is not the capture: %v", file, err)
		}
	}
}

// The exit code says whether somebody has to do something: what is kept until a server is
// back needs nobody. No message shows a credential.
func TestPushingExitCodes(t *testing.T) {
	t.Parallel()
	const token = "s3cret-t0ken"
	answers := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, r.Header.Get("Authorization"))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	notFolder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notFolder, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, to, spool string
		code            int
		says            []string
	}{
		{"taken", "otlp=" + answers(200), "", 0, []string{"pushed "}},
		{"down", "otlp=" + gone.URL, "", 0, []string{"warning: push to otlp=" + gone.URL, "it cannot be reached now", "kept "}},
		{"busy", "otlp=" + answers(503), "", 0, []string{"warning: ", "503", "kept "}},
		{"credentials", "otlp=" + answers(401), "", 1, []string{"timesink: push to otlp=", "does not accept the credentials", "kept ", "hint: give the credentials in $TIMESINK_PUSH_HEADER"}},
		{"path", "pyroscope=" + answers(404), "", 1, []string{"there is no such place", "kept 2 "}},
		{"refused", "otlp=" + answers(400), "", 1, []string{"it refuses what was sent"}},
		{"no spool", "otlp=" + gone.URL, filepath.Join(notFolder, "spool"), 1, []string{"it cannot be reached now", "keep it in "}},
		{"no kind", "tempo=http://localhost", "", 2, []string{"there is no kind", "hint: write it as otlp=URL"}},
		{"no URL", "otlp=localhost:4318", "", 2, []string{"hint: write it as otlp=http://host:port"}},
	} {
		spool := c.spool
		if spool == "" {
			spool = t.TempDir()
		}
		headers := filepath.Join(t.TempDir(), "headers")
		if err := os.WriteFile(headers, []byte("Authorization: Bearer "+token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, said := pushed(t, "--push", c.to, "--spool", spool, "--push-header-file", headers)
		if code != c.code || strings.Contains(said, token) {
			t.Errorf("%s: exit code %d: %s", c.name, code, said)
		}
		for _, text := range c.says {
			if !strings.Contains(said, text) {
				t.Errorf("%s: it does not say %q: %s", c.name, text, said)
			}
		}
	}
	if code, said := pushed(t, "--push", "otlp=http://mary:"+token+"@"+strings.TrimPrefix(answers(401), "http://"), "--spool", t.TempDir()); code != 1 || strings.Contains(said, token) || !strings.Contains(said, "visible in process listings") {
		t.Errorf("exit code %d: %s", code, said)
	}
}
