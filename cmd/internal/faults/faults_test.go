// Package faults tries timesink against everything that can go wrong: a service or a proxy
// that misbehaves, and files that are damaged or hostile. Each row of its tables runs the
// real command, against a real service in a process of its own where it needs one.
//
// The test prints what came back: the exit code, how long it took, the peak of memory, and
// whether a capture was kept. It fails if a row takes longer or more memory than its bound,
// which a run without a fault sets; if it does not say what went wrong; or if it leaves
// anything behind: a temporary file, a trace that runs on, a goroutine in the service.
package faults_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"timesink/cmd/internal/testbin"
)

var all = flag.Bool("whole", false, "try every fault, not a sample")

// A row is one fault, what is asked, and what must come back.
type row struct {
	name  string
	spoil faults                          // of the proxy before the service
	file  func(testing.TB, *sound) []byte // a damaged file, instead of a service
	args  []string                        // the command and its flags; TARGET and FILE are replaced
	code  int                             // the exit code
	says  []string                        // each must be printed, wherever lines break
	never []string                        // none of them may be printed
	kept  bool                            // a capture with a trace must be there
	waits time.Duration                   // that the fault causes by the documented limits
	room  int64                           // memory beyond that of a run without a fault; 0 means usualRoom
	quick bool                            // in the sample
}

const (
	// usualRoom is the memory that a fault may cost, in bytes: the 32 MB below which the
	// command does not collect its heap, which a sound capture hardly touches, and what
	// it reads.
	usualRoom = 32_000_000 + 24<<20
	// patience is how many times longer than a run without a fault each row may take,
	// apart from its waits. Rows run in parallel.
	patience = 12
)

// What the collection waits for by its documented limits: the window, pages before it, what
// comes after it, and a trace that is overdue.
const (
	window    = time.Second
	headStart = 2 * time.Second
	sideGrace = 3 * time.Second
	maxLag    = 5 * time.Second

	doctorPatience = 5 * time.Second
)

// The page must not leave out what a row looks for.
var usualArgs = []string{"run", "TARGET", "-d", "1s", "-o", outputName, "-v"}

func TestFaults(t *testing.T) {
	exe := testbin.Build(t, "cmd/timesink")
	s := newSound(t)
	table := newTable(exe)
	if *all {
		gigabyte() // which takes long to compress
	}
	live, sane := table.reference(t, s)
	t.Run("rows", func(t *testing.T) {
		for _, r := range slices.Concat(liveRows, fileRows) {
			if !*all && !r.quick {
				continue
			}
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				usual := *live
				if r.file != nil {
					usual.peak = sane.peak // the time of a single analysis says little
				}
				table.try(t, s, r, &usual)
			})
		}
	})
	t.Log("\n" + table.String())
	if n := len(liveRows) + len(fileRows); n < 80 {
		t.Errorf("there are only %d faults", n)
	}
}

// A table collects the outcomes.
type table struct {
	exe string

	mu   sync.Mutex
	rows map[string]*outcome
}

func newTable(exe string) *table { return &table{exe: exe, rows: map[string]*outcome{}} }

// reference runs the command without a fault: against a service, and on a sound capture.
func (b *table) reference(t *testing.T, s *sound) (live, files *outcome) {
	t.Helper()
	live = b.try(t, s, row{name: "no fault", says: []string{"100.0% covered"}, never: []string{"no CPU profile", "no goroutine"}, kept: true}, nil)
	files = b.try(t, s, row{name: "no damage", file: with(change{}), never: []string{"damaged"}}, nil)
	return live, files
}

// try runs a row and checks what came back against a usual outcome, if there is one.
func (b *table) try(t *testing.T, s *sound, r row, usual *outcome) *outcome {
	t.Helper()
	folder := t.TempDir()
	var to *target
	replace := map[string]string{}
	args := r.args
	if r.file != nil {
		file := filepath.Join(folder, "in.zip")
		if err := os.WriteFile(file, r.file(t, s), 0o600); err != nil {
			t.Fatal(err)
		}
		replace["FILE"] = file
		if args == nil {
			args = []string{"analyze", "FILE", "-v"}
		}
	} else {
		to = newTarget(t)
		replace["SERVICE"] = to.url
		replace["TARGET"] = proxied(t, to.url, r.spoil)
		replace["HOST"] = strings.TrimPrefix(replace["TARGET"], "http://")
		if args == nil {
			args = usualArgs
		}
	}
	args = slices.Clone(args)
	for i := range args {
		for name, value := range replace {
			args[i] = strings.Replace(args[i], name, value, 1)
		}
	}
	deadline := time.Minute
	if usual != nil {
		deadline = r.waits + patience*usual.took
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	o := perform(ctx, t, b.exe, folder, args...)
	b.mu.Lock()
	b.rows[r.name] = o
	b.mu.Unlock()
	if ctx.Err() != nil {
		t.Errorf("it took longer than %s and was killed", deadline)
	}
	o.check(t, r, usual)
	if to != nil {
		to.check(t)
	}
	return o
}

// check checks an outcome.
func (o *outcome) check(t *testing.T, r row, usual *outcome) {
	t.Helper()
	said := o.said()
	says := r.says
	// Without a trace the answer is an estimate from the goroutines, if the service is fast
	// enough to list them. The reason comes first either way.
	estimated := r.code == 1 && r.file == nil && strings.Contains(said, "no execution trace")
	switch {
	case estimated:
		says = r.says[:1]
		if o.code != 0 && o.code != 1 {
			t.Errorf("exit code %d, want 0 or 1", o.code)
		}
	case o.code != r.code:
		t.Errorf("exit code %d, want %d", o.code, r.code)
	}
	for _, phrase := range says {
		if !strings.Contains(said, phrase) {
			t.Errorf("it does not say %q", phrase)
		}
	}
	never := append([]string{"panic", "goroutine 1 [", "%!", "292 years"}, r.never...)
	if r.code != 0 || r.file != nil || strings.HasPrefix(r.name, "trace: ") {
		never = append(never, "longer window") // of a whole trace it may complete more requests
	}
	for _, phrase := range never {
		if strings.Contains(said, phrase) {
			t.Errorf("it says %q", phrase)
		}
	}
	if len(said) > 20_000 {
		t.Errorf("it prints %d bytes", len(said))
	}
	if o.code == 1 && !strings.Contains(o.stderr, "hint: ") {
		t.Error("it fails without a hint")
	}
	if len(o.left) > 0 {
		t.Errorf("it leaves %v", o.left)
	}
	if o.kept != r.kept && !estimated {
		t.Errorf("a capture with a trace is kept: %v, want %v", o.kept, r.kept)
	}
	if usual != nil && o.peak > usual.peak+max(r.room, usualRoom) {
		t.Errorf("it takes %d MB, and %d MB without a fault", o.peak>>20, usual.peak>>20)
	}
	if t.Failed() {
		t.Logf("it took %s and printed\n%s\n%s", o.took, shortened(o.stderr, 4000), shortened(o.stdout, 4000))
	}
}

// String returns the table as text.
func (b *table) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\tasked\texit\ttime\tpeak\tkept\twhat came back")
	for _, r := range slices.Concat([]row{{name: "no fault"}, {name: "no damage", args: []string{"analyze"}}}, liveRows, fileRows) {
		o := b.rows[r.name]
		if o == nil {
			continue
		}
		asked := "run"
		switch {
		case r.args != nil:
			asked = r.args[0]
		case r.file != nil:
			asked = "analyze"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.1f s\t%d MB\t%v\t%s\n", r.name, asked, o.code, o.took.Seconds(), o.peak>>20, o.kept, o.gist())
	}
	w.Flush()
	return out.String()
}

// gist returns the sentence that matters most of what was printed: the error, or else the
// first warning, or the conclusion.
func (o *outcome) gist() string {
	all := o.stderr + "\n\n" + o.stdout
	for _, begin := range []string{"timesink: ", "warning: "} {
		if _, rest, ok := strings.Cut("\n"+all, "\n"+begin); ok {
			sentence, _, _ := strings.Cut(rest, "\nwarning: ")
			sentence, _, _ = strings.Cut(sentence, "\nhint: ")
			sentence, _, _ = strings.Cut(sentence, "\n\n")
			return shortened(strings.Join(strings.Fields(sentence), " "), 160)
		}
	}
	paragraphs := strings.Split(strings.TrimSpace(o.stdout), "\n\n")
	return shortened(strings.Join(strings.Fields(paragraphs[len(paragraphs)-1]), " "), 160)
}

// shortened returns at most that many runes of a text.
func shortened(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
