package collect

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"timesink/collect/capture"
)

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct{ in, shown, index string }{
		{"localhost:6060", "http://localhost:6060", "http://localhost:6060/debug/pprof/"},
		{":6060", "http://localhost:6060", "http://localhost:6060/debug/pprof/"},
		{"10.0.0.7:6060", "http://10.0.0.7:6060", "http://10.0.0.7:6060/debug/pprof/"},
		{"[::1]:6060", "http://[::1]:6060", "http://[::1]:6060/debug/pprof/"},
		{"http://host", "http://host", "http://host/debug/pprof/"},
		{"https://host:6060/", "https://host:6060", "https://host:6060/debug/pprof/"},
		{"http://host/debug/pprof", "http://host", "http://host/debug/pprof/"},
		{"http://host/debug/pprof/", "http://host", "http://host/debug/pprof/"},
		{"http://host/debug/pprof/trace?seconds=5", "http://host", "http://host/debug/pprof/"},
		{"http://host/debug/pprof/heap?gc=1&token=a%26b&debug=1", "http://host", "http://host/debug/pprof/?token=a%26b"},
		{"http://host/internal/pprof/", "http://host/internal/pprof/", "http://host/internal/pprof/"},
		{"http://host/internal/pprof", "http://host/internal/pprof/", "http://host/internal/pprof/"},
		{"host:80/x/pprof/profile", "http://host:80/x/pprof/", "http://host:80/x/pprof/"},
		{"http://u:p@host:1/?token=x", "http://host:1", "http://host:1/debug/pprof/?token=x"},
	} {
		target, err := ParseTarget(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if target.String() != tt.shown || target.url("") != tt.index {
			t.Errorf("%s: shown as %s, asked at %s; want %s, %s", tt.in, target, target.url(""), tt.shown, tt.index)
		}
	}
	target, err := ParseTarget("http://h/?token=x")
	if err != nil {
		t.Fatal(err)
	}
	if got := target.url("trace?seconds=5"); got != "http://h/debug/pprof/trace?token=x&seconds=5" {
		t.Error(got)
	}
}

func TestParseTargetAcceptsSockets(t *testing.T) {
	for _, tt := range []struct{ in, shown, socket, path, file string }{
		{"unix:///run/app.sock", "unix:///run/app.sock", "/run/app.sock", "/debug/pprof/", "app"},
		{"unix:/run/app.sock", "unix:///run/app.sock", "/run/app.sock", "/debug/pprof/", "app"},
		{"unix:///run/app.sock:/", "unix:///run/app.sock", "/run/app.sock", "/debug/pprof/", "app"},
		{"unix:///run/app.sock:/debug/pprof/heap", "unix:///run/app.sock", "/run/app.sock", "/debug/pprof/", "app"},
		{"unix:///run/app.sock:/x/pprof", "unix:///run/app.sock:/x/pprof/", "/run/app.sock", "/x/pprof/", "app"},
		{"unix://u:p@/run/app?token=x", "unix:///run/app", "/run/app", "/debug/pprof/?token=x", "app"},
		{"unix:///run/my%20app.sock", "unix:///run/my%20app.sock", "/run/my app.sock", "/debug/pprof/", "my-app"},
		{"unix:///run/a:b.sock", "unix:///run/a:b.sock", "/run/a:b.sock", "/debug/pprof/", "a-b"},
		{"unix:///run/a%3A/b.sock:/x/", "unix:///run/a%3A/b.sock:/x/", "/run/a:/b.sock", "/x/", "b"},
		{"unix:///C:/app/app.sock", "unix:///C:/app/app.sock", "C:/app/app.sock", "/debug/pprof/", "app"},
		{`unix:///C:\app\app.sock:/x/`, "unix:///C:%5Capp%5Capp.sock:/x/", `C:\app\app.sock`, "/x/", "app"},
	} {
		target, err := ParseTarget(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		again, err := ParseTarget(target.String())
		if err != nil || again.base != target.base {
			t.Errorf("%s: shown as %s, which is %s, %v", tt.in, target, again, err)
		}
		socket, ok := socketPath(target.base.Host)
		if target.String() != tt.shown || !ok || socket != tt.socket || target.url("") != "http://"+target.base.Host+tt.path {
			t.Errorf("%s: shown as %s, asked at %s of %q; want %+v", tt.in, target, target.url(""), socket, tt)
		}
		if got := target.FileName(time.Unix(0, 0)); got != "timesink-"+tt.file+"-19700101T000000Z.zip" {
			t.Errorf("%s: file %s", tt.in, got)
		}
	}
}

func TestParseTargetErrorsHaveHints(t *testing.T) {
	for _, in := range []string{"", "http://", "ftp://host/", "http://%zz", "://x", "file:///etc/passwd", "http://host:port/",
		"unix:", "unix://", "unix:///", "unix:app.sock", "unix://run/app.sock", "unix:///run/%zz", "unix:///:/debug/pprof/"} {
		_, err := ParseTarget(in)
		if err == nil || capture.Hint(err) == "" || !strings.HasPrefix(err.Error(), "parse the target") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestGoVersionsComeFromPathsThatAgreeWithTheTrace(t *testing.T) {
	for _, tt := range []struct{ path, format, want string }{
		{"/usr/local/go/src/runtime/proc.go", "go 1.26", "go1.26 or newer"},
		{"/usr/local/go/src/runtime/proc.go", "go 1.23", "go1.23–go1.24"},
		{"/usr/local/go/src/runtime/proc.go", "go 1.11", "go1.11–go1.18"},
		{"/usr/local/go/src/runtime/proc.go", "", ""},
		{"runtime/proc.go", "go 1.22", "go1.22"}, // -trimpath
		{"/root/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.22.12.linux-amd64/src/runtime/proc.go", "go 1.22", "go1.22.12"},
		{"/usr/lib/go-1.22/src/runtime/proc.go", "go 1.22", "go1.22"},
		{"/opt/hostedtoolcache/go/1.24.5/x64/src/runtime/proc.go", "go 1.23", "go1.24.5"},
		{"/opt/homebrew/Cellar/go@1.21/1.21.5/libexec/src/runtime/proc.go", "go 1.21", "go1.21.5"},
		{"/home/u/sdk/go1.27rc1/src/runtime/proc.go", "go 1.26", "go1.27rc1"},
		{`C:\Users\u\sdk\go1.25.3\src\runtime\proc.go`, "go 1.25", "go1.25.3"},
		{"/nix/store/0abc-go-1.22.3/share/go/src/runtime/proc.go", "go 1.22", "go1.22.3"},
		{"/home/u/.asdf/installs/golang/1.24.1/go/src/runtime/proc.go", "", "go1.24.1"},
		{"/opt/app-1.2/go/src/runtime/proc.go", "go 1.26", "go1.26 or newer"},
		{"/opt/go1.19/src/runtime/proc.go", "go 1.26", "go1.26 or newer"}, // disagrees: ignored
	} {
		s := survey{log: func(string, string, time.Duration, int64, error) {}}
		s.goroutines(profileWith(t, tt.path))
		s.resolve(tt.format)
		if s.service.GoVersion != tt.want {
			t.Errorf("%s, %q: %q, want %q", tt.path, tt.format, s.service.GoVersion, tt.want)
		}
		if s.service.MainFile != "/src/app/main.go" || s.service.Binary != "/app" {
			t.Errorf("%+v", s.service)
		}
	}
}

// profileWith returns a goroutine profile whose runtime is at path.
func profileWith(t *testing.T, path string) []byte {
	t.Helper()
	m := &profile.Mapping{ID: 1, File: "/app", BuildID: "abc"}
	functions := []*profile.Function{{ID: 1, Name: "runtime.gopark", Filename: path}, {ID: 2, Name: "main.main", Filename: "/src/app/main.go"}}
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "goroutine", Unit: "count"}}, Mapping: []*profile.Mapping{m}, Function: functions}
	for i, f := range functions {
		p.Location = append(p.Location, &profile.Location{ID: uint64(i + 1), Mapping: m, Line: []profile.Line{{Function: f}}})
	}
	p.Sample = []*profile.Sample{{Location: p.Location, Value: []int64{1}}}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestIndexPagesOfAllVersionsMatch(t *testing.T) {
	for version, row := range map[string]string{
		"go1.26": "<tr><td>3</td><td><a href='goroutine?debug=1'>goroutine</a></td></tr>",
		"go1.19": "<tr><td>3</td><td><a href='goroutine?debug=1'>goroutine</a></td></tr>",
		"go1.11": "<td>3</td><td><a href=goroutine?debug=1>goroutine</a></td>",
	} {
		m := indexRow.FindStringSubmatch(row)
		if m == nil || m[1] != "3" || m[2] != "goroutine" {
			t.Errorf("%s: %q", version, m)
		}
	}
}

func TestHeadersAreParsedAndNotPrinted(t *testing.T) {
	h := Header{}
	for _, line := range []string{"x-token: abc", "X-Token:def", "Accept: a, b: c"} {
		if err := h.Add(line); err != nil {
			t.Error(err)
		}
	}
	if len(h["X-Token"]) != 2 || h["X-Token"][1] != "def" || h["Accept"][0] != "a, b: c" {
		t.Error("unexpected fields")
	}
	for _, line := range []string{"", "no colon", ": x", "a b: x", "X-A: b\nc"} {
		if err := h.Add(line); err == nil || capture.Hint(err) == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "header", h, "one", h["Accept"][0])
	if text := fmt.Sprint(h) + out.String(); strings.Contains(text, "abc") || strings.Contains(text, "a, b") {
		t.Error(text)
	}
}

func TestAnswersAreQuotedInOneShortLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n":                               "plain",
		" a\r\n\tb\x00c\xff d ":                 "a b c d",
		"<html><title> Log\nin </title><p>x":    "Log in",
		"<!doctype html><style>p{}</style><p>A": "A",
		strings.Repeat("é", 500):                strings.Repeat("é", 159) + "…",
		"":                                      "",
	} {
		if got := quote([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
