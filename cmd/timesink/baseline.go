package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"timesink/collect/capture"
)

// baselineFlags choose among the captures of folders. Captures that are named one by one
// are not chosen among.
type baselineFlags struct {
	version string
	newer   age
}

func (f *baselineFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.version, "version", "", "of the captures in folders, use only those of this `version` of the service: the beginning of its build ID, or a version in the path of its executable or module")
	cmd.Flags().Var(&f.newer, "newer", "of the captures in folders, use only those newer than this `age`, such as 36h, 7d or 2w")
}

func (f *baselineFlags) chooses() bool { return f.version != "" || f.newer > 0 }

// An age is a flag's value: a duration, also in days and weeks.
type age time.Duration

func (a *age) Set(text string) error {
	for suffix, d := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil || !(n > 0) || n > 1e5 {
				return errors.New("give an age such as 36h, 7d or 2w")
			}
			*a = age(n * float64(d))
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("give an age such as 36h, 7d or 2w")
	}
	*a = age(d)
	return nil
}

func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

func (a *age) Type() string { return "age" }

// A side is the captures of one side of a comparison.
type side struct {
	files []string
	// chosen are the names of those chosen from folders, without the folder; nil if there
	// was nothing to choose.
	chosen []string
}

// sideOf returns the captures of one side: the names joined with commas, with each folder
// that is not itself a capture replaced by the captures in it that the flags choose.
func (t *tool) sideOf(arg string, flags *baselineFlags) (s side, err error) {
	for _, name := range strings.Split(arg, ",") {
		if name == "" {
			return s, usagef("give captures, joined with commas, or a folder of them", "%q names no file", arg)
		}
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() || isCapture(name) {
			s.files = append(s.files, name)
			continue
		}
		found, err := capturesIn(name)
		if err != nil {
			return s, err
		}
		if len(found) == 0 {
			return s, &capture.Error{Op: "find captures in " + name, Err: os.ErrNotExist, Hint: "names of captures end in .zip, .trace, .out or .gz"}
		}
		if flags.chooses() {
			if found, err = t.chosen(name, found, flags); err != nil {
				return s, err
			}
		}
		for _, f := range found {
			s.files, s.chosen = append(s.files, f), append(s.chosen, filepath.Base(f))
		}
	}
	return s, nil
}

// capturesIn returns the paths of what may be captures and traces in a folder, in the
// order of their names.
func capturesIn(folder string) (files []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, &capture.Error{Op: "read the folder " + folder, Err: cause(err), Hint: "check the path and its permissions"}
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		switch ext := filepath.Ext(e.Name()); {
		case strings.HasPrefix(e.Name(), "."), e.IsDir() && !isCapture(path):
		case e.IsDir(), ext == ".zip", ext == ".out", ext == ".trace", ext == ".gz":
			files = append(files, path)
		}
	}
	return files, nil
}

// isCapture reports whether name is the folder of an unfinished capture.
func isCapture(name string) bool {
	_, err := os.Stat(filepath.Join(name, capture.ManifestName))
	return err == nil
}

// chosen returns the captures of a folder that the flags choose. Those that cannot be read
// are left out with a warning: a folder of earlier captures must stay useful.
func (t *tool) chosen(folder string, files []string, flags *baselineFlags) (list []string, err error) {
	have, now := map[string]int{}, time.Now()
	for _, file := range files {
		c, err := capture.Open(file)
		if err != nil {
			fmt.Fprintf(t.stderr, "warning: left out: %s\n", oneLine(err.Error()))
			continue
		}
		m := c.Manifest() // nil for a bare trace, which has neither a version nor a time
		c.Close()
		recent := flags.newer == 0 || m != nil && !m.CapturedAt.IsZero() && now.Sub(m.CapturedAt) < time.Duration(flags.newer)
		if !recent {
			continue
		}
		if flags.version == "" || m != nil && isVersion(&m.Service, flags.version) {
			list = append(list, file)
			continue
		}
		have[versionOf(m)]++
	}
	if len(list) > 0 {
		return list, nil
	}
	return nil, usagef(versionsText(have), "none of the %d captures in %s is %s", len(files), folder, flags.wanted())
}

// wanted describes what the flags choose.
func (f *baselineFlags) wanted() string {
	var parts []string
	if f.version != "" {
		parts = append(parts, "of version "+f.version)
	}
	if f.newer > 0 {
		parts = append(parts, "newer than "+f.newer.String())
	}
	return strings.Join(parts, " and ")
}

// versionsText lists the versions that there are, those with the most captures first.
func versionsText(have map[string]int) string {
	if len(have) == 0 {
		return "the time of a capture is when its window opened; bare traces have none"
	}
	names := slices.SortedFunc(maps.Keys(have), func(a, b string) int {
		if have[a] != have[b] {
			return have[b] - have[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, have[name])
	}
	return "there are " + strings.Join(names[:min(len(names), 5)], ", ")
}

// isVersion reports whether text names a service's version.
func isVersion(s *capture.Service, text string) bool {
	if s.BuildID != "" && len(text) >= 4 && strings.HasPrefix(s.BuildID, text) {
		return true
	}
	return slices.Contains(versionsOf(s), strings.TrimPrefix(text, "v"))
}

// versionNumber is a version in the path of an executable or a module.
var versionNumber = regexp.MustCompile(`(?:^|[^0-9A-Za-z.])v?(\d+(?:\.\d+)+(?:-[0-9A-Za-z.]+)?)`)

// versionsOf returns the versions that a service's paths name: /srv/shop-1.4.2/shop,
// /go/pkg/mod/example.org/shop@v1.4.2/main.go.
func versionsOf(s *capture.Service) (list []string) {
	for _, text := range []string{s.Binary, path.Dir(s.MainFile)} {
		for _, m := range versionNumber.FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
		}
	}
	return list
}

// versionOf returns the name of the version of a capture's service.
func versionOf(m *capture.Manifest) string {
	if m == nil {
		return "bare traces"
	}
	if list := versionsOf(&m.Service); len(list) > 0 {
		return list[0]
	}
	if id := m.Service.BuildID; id != "" {
		return id[:min(len(id), 12)]
	}
	return "unknown versions"
}

// filesOf returns the files of one side without choosing among them.
func filesOf(arg string) ([]string, error) {
	s, err := new(tool).sideOf(arg, &baselineFlags{}) // which warns of what it leaves out only if it chooses
	return s.files, err
}
