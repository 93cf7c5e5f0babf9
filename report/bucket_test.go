package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// TestEveryBucketIsInEveryOutput spends a request's time in each bucket in turn, and
// looks for the bucket's row of the table in all outputs.
func TestEveryBucketIsInEveryOutput(t *testing.T) {
	for bucket := range breakdown.NumBuckets {
		info := bucket.Info()
		t.Run(info.Name, func(t *testing.T) {
			written := written(t, bucket)
			for format, texts := range map[string][]string{
				"text":          {info.Label},
				"markdown":      {info.Label},
				"json":          {fmt.Sprintf("%q: %q", "bucket", info.Name)},
				"html":          {info.Label, bucketClass(info.Name), "--" + info.Name + ":" + info.Light, "--" + info.Name + ":" + info.Dark, "b-" + info.Name + `"`, fmt.Sprintf(`{"name":%q,"label":%q}`, info.Name, info.Label)},
				"compare text":  {info.Label},
				"compare html":  {info.Label, bucketClass(info.Name)},
				"pprof":         {"[" + info.Name},
				"otlp":          {"timesink.bucket." + info.Name + "_ns"},
				"perfetto":      {info.Name},
				"bench":         {info.Name + "-ns/op"},
				"schema":        {fmt.Sprintf("%q", info.Name), info.Name + " (" + info.Meaning + ")"},
				"compareSchema": {fmt.Sprintf("%q", info.Name), info.Name + " (" + info.Meaning + ")"},
			} {
				for _, want := range texts {
					if !strings.Contains(written[format], want) {
						t.Errorf("%s does not hold %q:\n%s", format, want, written[format])
					}
				}
			}
			if drawn := strings.Contains(written["html"], `id="p-`+info.Name+`"`); drawn != (info.Pattern.Shape != breakdown.Plain) {
				t.Errorf("its pattern is in the page: %v", drawn)
			}
			for _, p := range info.Phases {
				for format, want := range map[string]string{"text": p.String(), "html": p.Info().Meaning, "schema": fmt.Sprintf("%q", p)} {
					if !strings.Contains(strings.ReplaceAll(written[format], "&#39;", "'"), want) {
						t.Errorf("%s does not hold %q", format, want)
					}
				}
			}
		})
	}
}

func bucketClass(name string) string { return ".b-" + name + "{fill:" }

// written returns every format's output for a request that spent its time in a bucket,
// in each of its phases.
func written(t *testing.T, bucket breakdown.Bucket) map[string]string {
	t.Helper()
	steps := bucket.Info().Phases
	if len(steps) == 0 {
		steps = []breakdown.Phase{breakdown.NoPhase}
	}
	sp := breakdown.Specimen{ID: breakdown.RequestID{Goroutine: 1, Start: s}, Request: breakdown.Request{Goroutine: 1, Endpoint: "main.get", Kind: "http/1", Start: s, End: s}}
	p := part{bucket: bucket}
	for _, phase := range steps {
		r := &sp.Request
		r.Path = append(r.Path, breakdown.Segment{Start: r.End, End: r.End + 10*ms, Goroutine: 1, Bucket: bucket, Phase: phase, Cause: &breakdown.Cause{State: "waiting"}})
		r.End += 10 * ms
		p.mean += 10 * ms
		if phase != breakdown.NoPhase {
			p.phases = append(p.phases, breakdown.PhaseTime{Phase: phase, Mean: 10 * ms})
		}
	}
	b, after := of(source(), endpoint("main.get", 1, p)), of(source(), endpoint("main.get", 1))
	f := folded{}
	f.add(&sp)
	detail := f.endpoint().Detail
	b.Endpoints[0].Detail = detail
	series := &breakdown.Series{}
	var spent [breakdown.NumBuckets]int64
	spent[bucket] = p.mean
	series.Add(sp.Request.End, p.mean, &spent)
	b.Endpoints[0].Series = map[int]*breakdown.Series{0: series}
	c := comparison(t, b, after)
	specimens := []breakdown.Specimen{sp}
	out := map[string]string{}
	for format, write := range map[string]func(w io.Writer) error{
		"text":     func(w io.Writer) error { return report.Text(w, b, report.TextOptions{Verbose: true}) },
		"markdown": func(w io.Writer) error { return report.Markdown(w, b, report.MarkdownOptions{}) },
		"json":     func(w io.Writer) error { return report.JSON(w, b) },
		"html":     func(w io.Writer) error { return report.HTML(w, b, specimens, report.HTMLOptions{}) },
		"compare text": func(w io.Writer) error {
			return report.CompareText(w, c, report.TextOptions{})
		},
		"compare html":  func(w io.Writer) error { return report.CompareHTML(w, c, b, after) },
		"otlp":          func(w io.Writer) error { return report.OTLP(w, b, specimens, report.OTLPOptions{}) },
		"perfetto":      func(w io.Writer) error { return report.Perfetto(w, b, &specimens[0]) },
		"bench":         func(w io.Writer) error { return report.CompareBench(w, b, after) },
		"schema":        func(w io.Writer) error { return writeSchema(w, breakdown.Schema) },
		"compareSchema": func(w io.Writer) error { return writeSchema(w, breakdown.CompareSchema) },
	} {
		var buf bytes.Buffer
		if err := write(&buf); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		out[format] = buf.String()
	}
	var wall bytes.Buffer
	if err := report.WallProfile(&wall, b); err != nil {
		t.Fatal(err)
	}
	out["pprof"] = strings.Join(texts(parsed(t, wall.Bytes())), "\n")
	return out
}

func writeSchema(w io.Writer, name string) error {
	text, err := report.Schema(name)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// tables lists the files that may list buckets and phases.
var tables = []string{"analyze/breakdown/bucket.go", "analyze/breakdown/phase.go"}

// TestBucketsAreListedInOneTable reads the sources. Code elsewhere that lists buckets
// or phases, or compares them by order, would compile with a new one and yet be wrong.
func TestBucketsAreListedInOneTable(t *testing.T) {
	read := 0
	for path, text := range sources(t) {
		read++
		if strings.HasSuffix(path, ".go") {
			checkGo(t, path, text)
		} else {
			checkOther(t, path, text)
		}
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
}

// sources returns the project's files that could contain such lists, by path. It
// excludes tests, generated files, and the programs that test and demonstrate the tool,
// which know their buckets.
func sources(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	root := os.DirFS("..")
	for _, folder := range []string{"analyze", "collect", "report", "cmd/timesink"} {
		err := fs.WalkDir(root, folder, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() {
				if slices.Contains([]string{"testdata", "node_modules", "dist"}, e.Name()) {
					return fs.SkipDir
				}
				return nil
			}
			if !slices.Contains([]string{".go", ".ts", ".css", ".html", ".json"}, filepath.Ext(path)) || strings.HasSuffix(path, "_test.go") || slices.Contains(tables, path) {
				return nil
			}
			text, err := fs.ReadFile(root, path)
			list[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// most is how many buckets or phases may be together without counting as a list.
const most = 2

func checkGo(t *testing.T, path, text string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	constants := constants(t)
	isConstant := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		return ok && constants[s.Sel.Name] && fmt.Sprint(s.X) == "breakdown"
	}
	complain := func(at token.Pos, what string) { t.Errorf("%s: %s", files.Position(at), what) }
	listed := func(of []ast.Expr) bool {
		n := 0
		for _, e := range of {
			if kv, ok := e.(*ast.KeyValueExpr); ok && (isConstant(kv.Key) || isConstant(kv.Value) && !isField(kv.Key)) || isConstant(e) {
				n++
			}
		}
		return n > most
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op != token.EQL && n.Op != token.NEQ && (isConstant(n.X) || isConstant(n.Y)) {
				complain(n.Pos(), "uses a bucket or a phase as a number")
			}
			if n.Op == token.LAND || n.Op == token.LOR {
				if compared(n, isConstant) > most {
					complain(n.Pos(), "lists buckets or phases")
				}
			}
		case *ast.CompositeLit:
			if listed(n.Elts) {
				complain(n.Pos(), "lists buckets or phases")
			}
		case *ast.CaseClause:
			if listed(n.List) {
				complain(n.Pos(), "lists buckets or phases")
			}
		case *ast.CallExpr:
			if listed(n.Args) {
				complain(n.Pos(), "lists buckets or phases")
			}
		}
		return true
	})
}

// isField reports whether a key is a struct's field, as in a row of a table.
func isField(key ast.Expr) bool {
	id, ok := key.(*ast.Ident)
	return ok && id.IsExported()
}

// compared counts the constants that a condition compares with.
func compared(e ast.Expr, isConstant func(ast.Expr) bool) int {
	b, ok := e.(*ast.BinaryExpr)
	switch {
	case !ok:
		return 0
	case b.Op == token.LAND || b.Op == token.LOR:
		return compared(b.X, isConstant) + compared(b.Y, isConstant)
	case isConstant(b.X) || isConstant(b.Y):
		return 1
	}
	return 0
}

// constants returns the names of the constants for buckets and phases.
func constants(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, path := range tables {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, s := range d.Specs {
					for _, n := range s.(*ast.ValueSpec).Names {
						names[n.Name] = true
					}
				}
			}
		}
	}
	// Constants that are neither buckets nor phases, or that mean none or all of them.
	for _, other := range []string{"NumBuckets", "NumPhases", "NoPhase", "External", "Processor", "Blocked", "Unexplained", "Plain", "Lines", "Grid", "Dots",
		"NoStage", "Pooling", "Dialing", "Batching", "Asking", "Locked", "Deprived", "Apart"} {
		delete(names, other)
	}
	if len(names) != int(breakdown.NumBuckets)+int(breakdown.NumPhases)-1 {
		t.Fatalf("the constants are %v", slices.Sorted(maps.Keys(names)))
	}
	return names
}

func checkOther(t *testing.T, path, text string) {
	t.Helper()
	seen := map[string]bool{}
	text = strings.ReplaceAll(text, "no-lock", "") // a change of the replay
	for b := range breakdown.NumBuckets {
		if regexp.MustCompile(`["'.#(-]` + b.String() + `["') {:]`).MatchString(text) {
			seen[b.String()] = true
		}
	}
	if len(seen) > most {
		t.Errorf("%s names the buckets %v", path, slices.Sorted(maps.Keys(seen)))
	}
}

// TestABucketIsAddedInOneTable really adds a bucket with a new phase, in copies of the
// tables that it gives the compiler as an overlay, and looks for the bucket in every
// output.
func TestABucketIsAddedInOneTable(t *testing.T) {
	dir := t.TempDir()
	replaced := map[string]string{}
	add := func(table string, lines ...string) {
		path, err := filepath.Abs(filepath.Join("..", table))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		grown := string(text)
		for i := 0; i < len(lines); i += 2 {
			before := "\n" + lines[i]
			if strings.Count(grown, before) != 1 {
				t.Fatalf("%q is %d times in %s", lines[i], strings.Count(grown, before), table)
			}
			grown = strings.Replace(grown, before, "\n"+lines[i+1]+before, 1)
		}
		replaced[path] = filepath.Join(dir, filepath.Base(table))
		if err := os.WriteFile(replaced[path], []byte(grown), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	add(tables[0], "\tCPU\n", "\tExtra", "\tCPU: {\n", `	Extra: {
		Name: "extra", Kind: External, Label: "extra index", Spoken: "the extra index", Noun: "extra index",
		Meaning: "waiting for an extra index", Phases: []Phase{Connect, ExtraStep}, Usual: ExtraStep,
		Light: "#8a3ffc", Dark: "#be95ff", Pattern: Pattern{Dots, 8, 2, 45},
	},`)
	add(tables[1], "\tNumPhases\n", "\tExtraStep", "}\n\n// Info describes a phase", `	ExtraStep: {Name: "extra_step", Stage: Asking, Meaning: "until the extra index answered"},`)
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-vet=off", "-v", "-overlay", file, "-run",
		"^(TestEveryBucketIs|TestEveryPhaseIs|TestBucketsAreListedByTheirKind|TestNamesRoundTrip|TestBucketsCanBeSeen|TestTheSchema|TestJSONHolds)", ".", "../analyze/breakdown")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestEveryBucketIsInEveryOutput/extra")) {
		t.Errorf("with another bucket: %v\n%s", err, out)
	}
}
