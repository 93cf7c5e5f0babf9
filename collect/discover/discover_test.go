package discover_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"timesink/collect/bounded"
	"timesink/collect/capture"
	"timesink/collect/discover"
)

func TestFilesOfTargets(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // name, target and labels
		err        string
	}{
		{"one", "a:6060", []string{"a:6060 a:6060 []"}, ""},
		{"comments and empty lines", "# all\n\n  a:6060 # one\n#b:6060\n", []string{"a:6060 a:6060 []"}, ""},
		{"labels", "http://a:6060/x zone=z version=1\n", []string{"a:6060 http://a:6060/x [{version 1} {zone z}]"}, ""},
		{"a name", "a:6060 name=pod-1", []string{"pod-1 a:6060 []"}, ""},
		{"a port of this machine", ":6060", []string{"localhost:6060 :6060 []"}, ""},
		{"a password", "http://u:secret@a:6060/", []string{"a:6060 http://u:secret@a:6060/ []"}, ""},
		{"a socket", "unix:///run/app.sock", []string{"run/app.sock unix:///run/app.sock []"}, ""},
		{"a value with =", "a:1 x=y=z", []string{"a:1 a:1 [{x y=z}]"}, ""},
		{"no label", "a:6060\nb:6060 zone", nil, `read the targets of list, line 2: "zone" is no label`},
		{"nothing", "# nothing\n", nil, "no instances"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f discover.Finder
			list, err := f.Lines(t.Context(), "list", strings.NewReader(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || capture.Hint(err) == "" {
					t.Errorf("%v, hint %q", err, capture.Hint(err))
				}
				return
			}
			if got := shown(list); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func shown(list []discover.Instance) (out []string) {
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s %s %v", i.Name, i.Target, i.Labels))
	}
	return out
}

func TestDocuments(t *testing.T) {
	const document = `[
	  {"targets": ["10.0.0.1:6060", "10.0.0.2:6060"], "labels": {"zone": "a", "__meta_whatever": "x", "job": "checkout"}},
	  {"targets": ["10.0.0.3:6060"], "labels": {"__scheme__": "https", "__pprof_path__": "/internal/pprof/", "__meta_kubernetes_pod_name": "pod-3", "__meta_kubernetes_pod_node_name": "n1"}},
	  {"targets": ["http://10.0.0.4:6060/debug/pprof/"]}
	]`
	want := []string{
		"10.0.0.1:6060 http://10.0.0.1:6060 [{job checkout} {zone a}]",
		"10.0.0.2:6060 http://10.0.0.2:6060 [{job checkout} {zone a}]",
		"pod-3 https://10.0.0.3:6060/internal/pprof/ [{node n1} {pod pod-3}]",
		"10.0.0.4:6060 http://10.0.0.4:6060/debug/pprof/ []",
	}
	file := filepath.Join(t.TempDir(), "targets.json")
	if err := os.WriteFile(file, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/sd":
			http.ServeFile(w, r, file)
		case "/endless":
			for err := error(nil); err == nil; {
				_, err = w.Write([]byte(strings.Repeat(" ", 1<<16)))
			}
		default:
			http.Error(w, "who are you?", http.StatusForbidden)
		}
	}))
	defer server.Close()
	for _, from := range []string{file, server.URL + "/sd"} {
		list, err := discover.Document(t.Context(), from)
		if got := shown(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", from, got, err)
		}
	}
	if _, err := discover.Document(t.Context(), server.URL+"/endless"); !errors.Is(err, bounded.ErrTooLarge) {
		t.Errorf("an endless document: %v", err)
	}
	_, err := discover.Document(t.Context(), strings.Replace(server.URL, "//", "//name:secret@", 1)+"/other?token=secret")
	if err == nil || !strings.Contains(err.Error(), "who are you?") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a document that is refused: %v", err)
	}
	for what, text := range map[string]string{"no JSON": "targets", "no list": `{"targets": []}`, "no targets": "[]", "an empty target": `[{"targets": [""]}]`} {
		if list, err := discover.Parse([]byte(text)); err == nil {
			t.Errorf("%s: %q", what, shown(list))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"targets": ["10.0.0.1:6060"], "labels": {"zone": "a"}}]`))
	f.Add([]byte(`[{"targets": ["//"], "labels": {"__scheme__": "%"}}]`))
	f.Fuzz(func(t *testing.T, document []byte) {
		list, err := discover.Parse(document)
		if err != nil {
			return
		}
		list = discover.Unique(list)
		names := discover.FileNames(list)
		seen := map[string]bool{}
		for i, name := range names {
			if name == "" || strings.ContainsAny(name, `/\: `) || seen[strings.ToLower(name)] {
				t.Fatalf("%q is called %q", list[i].Name, name)
			}
			seen[strings.ToLower(name)] = true
		}
	})
}

func TestNamesAreUnique(t *testing.T) {
	var list []discover.Instance
	for _, n := range []string{"pod", "pod", "pod-2", "Pod", "../../etc/passwd", "con.x", "..", "a b", "a:b", strings.Repeat("x", 300)} {
		list = append(list, discover.Instance{Name: n, Target: "t" + fmt.Sprint(len(list))})
	}
	list = append(list, discover.Instance{Name: "again", Target: "t0"})
	list = discover.Unique(list)
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	if want := []string{"pod", "pod-3", "pod-2", "Pod", "../../etc/passwd", "con.x", "..", "a b", "a:b", strings.Repeat("x", 300)}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	want := []string{"pod", "pod-3", "pod-2", "Pod-2", "etc-passwd", "instance-con.x", "instance", "a-b", "a-b-2", strings.Repeat("x", 120)}
	got := discover.FileNames(list)
	for i, name := range got {
		if strings.EqualFold(name, "pod-2") && name != want[i] {
			continue // either of the two may have it
		}
		if i != 3 && name != want[i] {
			t.Errorf("%q is called %q, want %q", list[i].Name, name, want[i])
		}
	}
	if again := discover.FileNames(list); !reflect.DeepEqual(got, again) {
		t.Errorf("%q, then %q", got, again)
	}
}

func TestLabels(t *testing.T) {
	zone := capture.Label{Name: "zone", Value: "a"}
	got := discover.With([]capture.Label{zone}, capture.Label{Name: "node", Value: "n"}, capture.Label{Name: "zone", Value: "b"})
	if want := "[{node n} {zone b}]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	for _, text := range []string{"zone", "=a", "zone=", "my zone=a"} {
		if l, err := discover.ParseLabel(text); err == nil {
			t.Errorf("%q is %v", text, l)
		}
	}
}
