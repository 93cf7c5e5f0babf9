package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"timesink/analyze/trace/tracetest"
)

var answersAnew = flag.Bool("answers", false, "record the current answers for later comparison")

// replacements are the deliberate changes of wording since the answers were recorded,
// in the order in which they apply to the recorded text, Markdown and HTML. After
// -answers records the answers again, none are needed.
var replacements = [][2]string{
	{"waiting for a database: for a free connection, for connecting, for the query, for its rows", "waiting for a database: for a free connection, to connect, for the query, for its rows"},
	{"waiting for other services that were called by HTTP or gRPC", "waiting for other services called over HTTP or gRPC"},
	{"held up by the garbage collector: helping it to mark, or stopped by it", "held up by the garbage collector: helping it mark, or stopped by it"},
	{"waiting for a mutex that somebody else held", "waiting for a mutex that another goroutine held"},
	{"handed to another goroutine that was busy with work that is not this request's: queueing", "handed to another goroutine that was busy with other work: queueing"},
	{"reading the request from the client or writing the response to it", "reading the request from the client, or writing the response to it"},
	{"what no rule explains; it is always shown and never guessed away", "time that no rule explains; always shown, never guessed away"},
	{"in none of the phases that are told apart", "in no particular phase"},
	{"until a connection of the pool was free", "until a connection in the pool was free"},
	{"looking the host's address up", "looking up the host's address"},
	{"until the connection stood", "until the connection was established"},
	{"until the batch was full, or old enough to be sent", "until the batch was full or old enough to send"},
	{"until messages came", "until messages arrived"},
	{"reading the response's body", "reading the response body"},
	{"waiting for a connection of the pool", "waiting for a connection from the pool"},
	{"The time is in upstream", "Most time is spent waiting for upstream"},
	{"The time is in the database", "Most time is spent waiting for the database"},
	{"The time is in the cache", "Most time is spent waiting for the cache"},
	{"The time is in the queue", "Most time is spent waiting for the queue"},
	{"The time is in ", "Most time is spent in "},
	{"The time is spent ", "Most time is spent "},
	{"and there it is in upstream", "and most time there is spent waiting for upstream"},
	{"and there it is in the database", "and most time there is spent waiting for the database"},
	{"and there it is in the cache", "and most time there is spent waiting for the cache"},
	{"and there it is in the queue", "and most time there is spent waiting for the queue"},
	{"and there it is in ", "and most time there is spent in "},
	{"and there it is spent ", "and most time there is spent "},
	{"and there it is spread", "and the time there is spread"},
	{"Beside this, ", "Another "},
	{") are in streams", ") is in streams"},
	{") are in long polls", ") is in long polls"},
	{", which last until there is something to tell.", ", which stay open until there is something to send."},
	{", which most request time goes to,", ", which has the most request time,"},
	{"with most of their time in what is not known.", "with most of their time in no known bucket."},
	{"A longer window would tell whether they end.", "A longer window would show whether they complete."},
	{": the samples cannot tell; it takes ", ": the samples cannot tell; that takes "},
	{"because the endpoints have other shares of the traffic, ", "because the mix of endpoints changed, "},
	{"within them.", "within the endpoints."},
	{"would fail now.", "would fail."},
	{"can look for ", "can observe "},
	{", not for ", ", not "},
	{": the server's write timeout forbids more.", ": the server's write timeout is shorter."},
	{", which was in ", ", busy in "},
	{"start them at once (errgroup) and wait for all", "start them together (errgroup) and wait for all"},
	{"before any query is sent", "before the first query is sent"},
	{"those that hold less than ", "frames with less than "},
	{"and their time stays with the frame below.", "and their time stays with their caller."},
	{"not drawn: not asked for, or not found in the capture again.", "not drawn: they were not requested, or not found again in the capture."},
	{" after its start only sums are known, not their order: there were too many steps", " after its start, only sums are known, not single steps: there were too many"},
	{" of CPU are its work", " of CPU is its work"},
	{"what the evidence is could not be told apart: ", "the evidence could not be identified: "},
	{"were too large to be read: what happened in them is left out, and", "were too large to read: what happened in them is missing, and"},
	{"a request waited for so long that what the others did meanwhile was too much to keep; ", "a request waited so long that the history of the other goroutines did not fit; "},
	{"had too many steps to keep them in order: their sums are exact, what ran beside the early ones is not known", "had too many steps to keep in order: their sums are exact, but what ran beside the early steps is not known"},
	{"than can be kept: those beyond are not counted", "than can be kept: the rest are not counted"},
	{"times one was let go until something happened to it, and", "times one was dropped until its next event, and"},
	{"there were too many distinct stacks: of some only the innermost frames and the call site are kept, and calls may be counted wrong", "there were too many distinct stacks: some keep only the innermost frames and the call site, and calls may be miscounted"},
	{"there was too much evidence to keep: of some attributions only the call site is known", "there was too much evidence to keep: some attributions keep only their call site"},
	{"to keep apart: the last to come are counted as ", "to keep apart: the latest are counted as "},
	{", or as other sites", ", or as other call sites"},
	{"the service runs a Go before 1.22: its traces rarely tell when a system call ended", "the service runs Go 1.21 or older: its traces rarely record when a system call ended"},
	{"of the requests' time in files ", "of the requests' time in files, "},
	{"of the requests&#39; time in files ", "of the requests&#39; time in files, "},
	{" is an estimate, the time from one call", " is an estimate: the time from one call"},
	{"of the requests' cpu up to ", "of the requests' cpu, up to "},
	{"of the requests&#39; cpu up to ", "of the requests&#39; cpu, up to "},
	{", which followed a call to a file, may be time in files", " followed a call to a file and may be time in files"},
	{"of their cpu up to ", "of their cpu, up to "},
	{", which followed a call, may be time in files", " followed a call and may be time in files"},
	{": arrived data is seen late, so", ": the service sees arrived data late, so"},
	{"the processor was taken away (a CPU limit, or neighbours)", "the kernel took the processor away (a CPU limit, or noisy neighbors)"},
	{"never block and are known by a CPU sample only;", "never block and are named only by a CPU sample;"},
	{" that the window's edges cut hold ", " cut by the window's edges hold "},
	{"may see more whole ones", "may complete more of them"},
	{" are few; percentiles of so few say little", ", too few for meaningful percentiles"},
	{"a side has no complete request, so", "one side has no complete request, so"},
	{" after are few; nothing but a large change can be told", " after: only a large change would be significant"},
	{"a service answers slower the busier it is", "a busier service answers more slowly"},
	{"the rate of the probes differs: ", "the probe rate differs: "},
	{"nothing changed by as much", "no change was that large"},
	{"from chance; it takes ", "from chance; that takes "},
	{"Left out, for want of room in one comment: ", "Left out to fit in one comment: "},
	{". The JSON holds all of it.", ". The JSON has all of it."},
	{"rules of the user's own", "rules added by the user"},
	{"Rules of the user's own: ", "Rules added by the user: "},
	{"Licences of the libraries in this page", "Licenses of the libraries in this page"},
	{"which let go at", "released at"},
	{"and meanwhile was in", "busy meanwhile in"},
	{"Requests one by one", "Individual requests"},
	{"the flame graph and the requests one by one are not in this page: the analysis did not keep what they are drawn from.", "the flame graph and the individual requests are not in this page: the analysis did not keep their data."},
	{"Percentiles of buckets include the requests that spent", "Percentiles of buckets include requests that spent"},
	{"the mean less the bucket's time", "the mean minus the bucket's time"},
	{"what is private in the capture was masked before", "private data in the capture was masked before"},
	{"Changes are after minus before: less is faster.", "Changes are after minus before: a negative change is faster."},
	{" stands where the samples cannot tell a change from chance.", " marks changes that the samples cannot tell from chance."},
	{"The parts of the bridge sum exactly to the change of the mean.", "The parts of the bridge sum to the change of the mean exactly."},
	{"for whom", "holder"},
	{"\nwhich is\n", "\nmeaning\n"},
	{"\nand what it called\n", "\ncalls\n"},
}

// reformatted matches figures whose digits or units have changed since then. They are
// removed from both answers.
var reformatted = regexp.MustCompile(`steps? of at most [0-9.]+ [nµ]s`)

// recorded holds the answers for one input, by format: text for people as it is, and a
// digest of output for tools.
type recorded map[string]string

// TestAnswersAreThoseRecorded compares the command's output for traces of all versions
// of Go, including cut and merged ones and with the least memory, with recorded output.
// JSON must be the same without its sentences; pprof, OTLP and Perfetto byte for byte;
// text, Markdown and the words of HTML after the replacements.
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
	if !tracetest.Long && !*answersAnew {
		inputs = slices.DeleteFunc(inputs, func(in unchangedInput) bool { return !slices.Contains(ofEachKind, in.name) })
		if len(inputs) != len(ofEachKind) {
			t.Fatalf("of %q there are only %d inputs", ofEachKind, len(inputs))
		}
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
					want, got := replaced(format, unwrapped(format, known[in.name][format])), reformatted.ReplaceAllString(unwrapped(format, got[i][format]), "")
					if got != want {
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

// An unchangedInput is the input of one answer.
type unchangedInput struct {
	name string
	args []string // files and flags
}

// ofEachKind lists the inputs of tests that are not long.
var ofEachKind = []string{
	"answers-go1.21", "go1.22", "go1.26", "go1.26-arm64", "http2-go1.27",
	"go1.27 cut", "go1.22 with the least memory", "go1.26 and go1.25",
}

// unchangedInputs returns the recorded traces, and cut and merged ones.
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
	data := tracetest.Unzipped(t, gzipped)
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

// reduced returns what is compared of an answer.
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

// unwrapped joins the lines of each paragraph of running text, since another wording
// wraps elsewhere. Tables stay as they are.
func unwrapped(format, answer string) string {
	if format != "text" {
		return answer
	}
	paragraphs := strings.Split(answer, "\n\n")
	for i, p := range paragraphs {
		if i == len(paragraphs)-1 || strings.HasPrefix(p, "warning: ") || strings.HasPrefix(p, "What to try\n") {
			paragraphs[i] = strings.Join(strings.Fields(p), " ")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// replaced applies the replacements to a recorded answer that people read.
func replaced(format, answer string) string {
	switch format {
	case "text", "markdown", "html":
		for _, r := range replacements {
			answer = strings.ReplaceAll(answer, r[0], r[1])
			if format == "html" {
				answer = strings.ReplaceAll(answer, html.EscapeString(r[0]), html.EscapeString(r[1]))
			}
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
