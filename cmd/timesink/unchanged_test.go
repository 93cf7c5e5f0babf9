package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var answersAnew = flag.Bool("answers", false, "record the answers of today as those that later ones are held against")

// replacements are the words that were changed on purpose since the answers were
// recorded, in the order in which they are applied to the recorded text, Markdown and
// HTML. After the answers are recorded again (-answers), none are needed.
var replacements = [][2]string{}

// reformatted are figures that are written with other digits or units since then. They
// are left out of both answers.
var reformatted = regexp.MustCompile(`steps? of at most [0-9.]+ [nµ]s`)

// recorded are the answers about one input, by format: what people read as it is, and
// a digest of what tools read.
type recorded map[string]string

// TestAnswersAreThoseRecorded holds what the command writes about recorded traces of
// all versions of Go, cut, merged, and read with the least memory, against what it wrote
// when they were recorded: JSON without the words in it, pprof, OTLP and Perfetto byte
// by byte, and text, Markdown and the words of HTML apart from replacements.
func TestAnswersAreThoseRecorded(t *testing.T) {
	const file = "testdata/answers.json.gz"
	var known map[string]recorded
	if !*answersAnew {
		known = readAnswers(t, file)
	}
	inputs := unchangedInputs(t)
	if len(inputs) < 20 {
		t.Fatalf("%d inputs are too few", len(inputs))
	}
	got := make([]recorded, len(inputs))
	t.Run("inputs", func(t *testing.T) {
		for i, in := range inputs {
			t.Run(in.name, func(t *testing.T) {
				t.Parallel()
				got[i] = in.answers(t)
				if *answersAnew {
					return
				}
				if known[in.name] == nil {
					t.Fatal("no answer is recorded: record them with -answers")
				}
				for _, format := range slices.Sorted(maps.Keys(got[i])) {
					if want, got := replaced(format, known[in.name][format]), reformatted.ReplaceAllString(got[i][format], ""); got != want {
						t.Errorf("%s differs:\n%s", format, difference(want, got))
					}
				}
			})
		}
	})
	if *answersAnew && !t.Failed() {
		all := map[string]recorded{}
		for i, in := range inputs {
			all[in.name] = got[i]
		}
		writeAnswers(t, file, all)
	}
}

// An unchangedInput is what one answer is about.
type unchangedInput struct {
	name string
	args []string // files and flags
}

// unchangedInputs are the recorded traces of services, and what may become of them.
func unchangedInputs(t *testing.T) (out []unchangedInput) {
	files, err := filepath.Glob("../internal/goversions/testdata/*.trace.gz")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	named := map[string]string{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".trace.gz")
		named[name] = f
		out = append(out, unchangedInput{name, []string{f}})
	}
	for _, name := range []string{"go1.22", "go1.26", "go1.27", "http2-go1.24"} {
		out = append(out,
			unchangedInput{name + " cut", []string{cutInTwo(t, named[name])}},
			unchangedInput{name + " with the least memory", []string{"--memory", "64MiB", named[name]}})
	}
	return append(out,
		unchangedInput{"go1.26 and go1.25", []string{named["go1.26"], named["go1.25"]}},
		unchangedInput{"go1.19, go1.21 and http2-go1.27", []string{named["go1.19"], named["go1.21"], named["http2-go1.27"]}})
}

// cutInTwo returns a file with the first half of a gzipped trace.
func cutInTwo(t *testing.T, gzipped string) string {
	f, err := os.Open(gzipped)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.trace")
	if err := os.WriteFile(cut, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	return cut
}

// answers runs the command once for each format.
func (in unchangedInput) answers(t *testing.T) recorded {
	out := recorded{}
	for _, format := range []string{"text", "markdown", "html", "json", "pprof", "cpu", "otlp", "perfetto"} {
		file := filepath.Join(t.TempDir(), "answer")
		var stdout, stderr bytes.Buffer
		args := append([]string{"report", "-f", format, "-o", file}, in.args...)
		switch format {
		case "text", "json":
			args = append([]string{"analyze", "-f", format}, in.args...)
		}
		code := run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
		answer := stdout.Bytes()
		if data, err := os.ReadFile(file); err == nil {
			answer = data
		}
		out[format] = reduced(t, format, code, answer)
	}
	return out
}

// reduced returns what is held of an answer.
func reduced(t *testing.T, format string, code int, answer []byte) string {
	switch {
	case code != 0:
		return fmt.Sprint("exit code ", code)
	case format == "text", format == "markdown":
		return string(answer)
	case format == "html":
		return visible(string(answer))
	case format == "json":
		var v any
		if err := json.Unmarshal(answer, &v); err != nil {
			t.Fatal(err)
		}
		answer, _ = json.Marshal(wordless(v))
	case format == "pprof", format == "cpu":
		z, err := gzip.NewReader(bytes.NewReader(answer))
		if err != nil {
			t.Fatal(err)
		}
		if answer, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%d bytes, SHA-256 %x", len(answer), sha256.Sum256(answer))
}

// wordless returns JSON without the sentences in it.
func wordless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			switch key {
			case "title", "evidence", "try", "message", "why":
				delete(v, key)
			default:
				v[key] = wordless(v[key])
			}
		}
	case []any:
		for i := range v {
			v[i] = wordless(v[i])
		}
	}
	return v
}

var (
	unseen = regexp.MustCompile(`(?s)<style.*?</style>|<script(?: type="module")?>.*?</script>|<svg.*?</svg>`)
	markup = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces = regexp.MustCompile(`\s*\n\s*`)
)

// visible returns the words of a page, and the data that its charts are drawn from.
func visible(page string) string {
	return spaces.ReplaceAllString(markup.ReplaceAllString(unseen.ReplaceAllString(page, "\n"), "\n"), "\n")
}

// replaced applies the replacements to a recorded answer that people read.
func replaced(format, answer string) string {
	switch format {
	case "text", "markdown", "html":
		for _, r := range replacements {
			answer = strings.ReplaceAll(answer, r[0], r[1])
		}
		answer = reformatted.ReplaceAllString(answer, "")
	}
	return answer
}

// difference shows the first lines in which two answers differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			from := max(0, i-1)
			return fmt.Sprintf("line %d, recorded:\n%s\nnow:\n%s", i+1, strings.Join(w[min(from, len(w)):min(i+4, len(w))], "\n"), strings.Join(g[min(from, len(g)):min(i+4, len(g))], "\n"))
		}
	}
	return "nowhere"
}

func readAnswers(t *testing.T, file string) (known map[string]recorded) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&known); err != nil {
		t.Fatal(err)
	}
	return known
}

func writeAnswers(t *testing.T, file string, all map[string]recorded) {
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err := json.NewEncoder(z).Encode(all); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
