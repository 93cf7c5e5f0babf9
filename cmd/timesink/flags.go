package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"timesink/collect"
	"timesink/collect/capture"
)

// collectFlags holds the flags of the commands that observe a live service.
type collectFlags struct {
	accessFlags
	instancesFlags
	push      pushFlags
	duration  window
	endpoints []string
	maxBytes  byteSize
	noTrace   bool
	light     bool
	overhead  percentage
	output    string

	urls        []string
	urlFile     string
	rate        float64
	method      string
	headers     []string
	headerFile  string
	body        string
	values      []string
	allowUnsafe bool
}

// register adds the flags to a command that observes for usual unless it is told for how
// long.
func (f *collectFlags) register(cmd *cobra.Command, usual window) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.duration = usual
	flags.VarP(&f.duration, "duration", "d", "observe for this long; auto ends when the answer is known, after 2 to 30 s")
	flags.StringArrayVar(&f.endpoints, "endpoint", nil, "with -d auto, also wait until this endpoint is known: its `route` or function (repeatable)")
	completeFlag(cmd, "duration", cobra.FixedCompletions([]string{autoWindow, "10s", "30s"}, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVarP(&f.output, "output", "o", "", "save to `FILE` (default timesink-HOST-TIME.zip), or, of several instances, into this folder (default timesink-TIME)")
	flags.Var(&f.maxBytes, "max-bytes", "end the window when the trace reaches this `size`, such as 200MB (default no limit)")
	flags.BoolVar(&f.noTrace, "no-trace", false, "take no execution trace, but estimate from snapshots of the goroutines")
	flags.BoolVar(&f.light, "light", false, "cost the service less: trace a quarter of the time, in several short windows at random moments; needs 8s or more, or auto")
	flags.Var(&f.overhead, "max-overhead", "end the window when the probes, or the time that requests wait for a processor, say that observing costs more than this `share`, such as 5% (default no limit)")
	flags.StringArrayVar(&f.urls, "url", nil, "send probes to this `URL` while observing, or to unix:///socket:/path; of an answer the first 4 MB are read; --values fills in a {name} in it (repeatable)")
	flags.StringVar(&f.urlFile, "url-file", "", "read such URLs from `FILE`, one per line")
	flags.Float64Var(&f.rate, "rate", collect.DefaultRate, "send this many probes per second, over all URLs together")
	flags.StringVar(&f.method, "method", "", "use this method for the probes (default GET)")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "add this `header` to the probes: \"Name: value\" (repeatable); visible in process listings")
	flags.StringVar(&f.headerFile, "header-file", "", "read such headers from `FILE`, one per line")
	flags.StringVar(&f.body, "body", "", "send this body with the probes, or the contents of `@FILE`")
	flags.StringArrayVar(&f.values, "values", nil, "fill in {name} in the URLs from a file, one value per line: `name=FILE` (repeatable)")
	flags.BoolVar(&f.allowUnsafe, "allow-unsafe", false, "allow probes that may change data: methods other than GET and HEAD")
	f.accessFlags.register(cmd)
	f.instancesFlags.register(cmd)
	f.push.register(cmd, nil)
}

// config returns the configuration that the flags describe. It reads the files that
// they name.
func (f *collectFlags) config(target string) (collect.Config, error) {
	t, err := f.target(target)
	if err != nil {
		return collect.Config{}, err
	}
	probing, err := f.probing()
	if err != nil {
		return collect.Config{}, err
	}
	cfg := collect.Config{Target: t, Window: f.duration.length, Probing: probing, MaxBytes: int64(f.maxBytes), NoTrace: f.noTrace, MaxOverhead: float64(f.overhead)}
	if err := f.checkLight(); err != nil {
		return collect.Config{}, err
	}
	cfg.Light = f.light
	switch {
	case f.duration.auto && f.noTrace:
		cfg.Window = f.duration.fixed() // samples do not show while they come when they are enough
	case f.duration.auto:
		cfg.Window = mostAuto
		cfg.Auto = &capture.Auto{Least: int64(leastAuto), Endpoints: f.endpoints}
	case f.duration.length <= 0:
		return collect.Config{}, usagef("give a time such as 10s, or auto", "cannot observe for %s", f.duration.length)
	}
	if cfg.Labels, err = f.common(); err != nil {
		return collect.Config{}, err
	}
	if cfg.Auto == nil && len(f.endpoints) > 0 {
		return collect.Config{}, usage("--endpoint applies to -d auto only", "a window of fixed length does not wait for an endpoint")
	}
	return cfg, nil
}

// checkLight returns a usage error for what does not go with several short windows.
func (f *collectFlags) checkLight() error {
	switch {
	case !f.light:
	case f.noTrace:
		return usage("--light and --no-trace exclude each other", "snapshots of the goroutines cost at most 1% of the service's time, whatever the window: leave --light out")
	case !f.duration.auto && f.duration.length > 0 && f.duration.length < collect.LeastLight:
		return usagef(fmt.Sprintf("give -d %s or more, or auto", collect.LeastLight), "--light traces a second in every four: %s have no room for two windows", f.duration.length)
	}
	return nil
}

// A window is how long to observe, on the command line: 10s, or auto for until the answer is
// known.
type window struct {
	length time.Duration
	auto   bool
}

// autoWindow is the window that ends when the answer is known.
const autoWindow = "auto"

func (w *window) String() string {
	if w.auto {
		return autoWindow
	}
	return w.length.String()
}

// fixed returns the length of the window where it cannot depend on the answer.
func (w *window) fixed() time.Duration {
	if w.auto {
		return collect.DefaultWindow
	}
	return w.length
}

func (w *window) Type() string { return "duration" }

func (w *window) Set(s string) error {
	if s == autoWindow {
		*w = window{auto: true}
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is neither a time such as 10s nor auto", s)
	}
	*w = window{length: d}
	return nil
}

func (f *collectFlags) probing() (collect.Probing, error) {
	urls, err := linesOf(f.urls, "the URLs to probe", f.urlFile, "")
	if err != nil {
		return collect.Probing{}, err
	}
	if len(urls) == 0 {
		if f.method != "" || len(f.headers) > 0 || f.headerFile != "" || f.body != "" || len(f.values) > 0 {
			return collect.Probing{}, usage("there is no --url to send probes to", "--method, --header, --body and --values apply to probes only")
		}
		return collect.Probing{}, nil
	}
	if f.rate <= 0 {
		return collect.Probing{}, usagef("give a number such as 5", "cannot send %v probes per second", f.rate)
	}
	p := collect.Probing{
		URLs: urls, Rate: f.rate, Method: strings.ToUpper(f.method), AllowUnsafe: f.allowUnsafe,
		Values: map[string][]string{}, TLS: f.tls, Body: []byte(f.body),
	}
	if p.Header, err = headersOf(f.headers, "the headers of the probes", f.headerFile, headerEnv); err != nil {
		return p, err
	}
	if file, ok := strings.CutPrefix(f.body, "@"); ok {
		body, err := readFile("the body of the probes", file)
		if err != nil {
			return p, err
		}
		p.Body = body
	}
	for _, value := range f.values {
		if err := addValues(p.Values, value); err != nil {
			return p, err
		}
	}
	return p, nil
}

// addValues adds the values of one --values name=FILE.
func addValues(values map[string][]string, flag string) error {
	name, file, ok := strings.Cut(flag, "=")
	if !ok || name == "" || file == "" {
		return usagef("write it as name=FILE, with one value per line in the file", "--values %q names no file", flag)
	}
	data, err := readFile("the values for {"+name+"}", file)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		if value := string(bytes.TrimSpace(line)); value != "" {
			values[name] = append(values[name], value)
		}
	}
	if len(values[name]) == 0 {
		return usagef("write one value per line", "there are no values for {%s} in %s", name, file)
	}
	return nil
}

func readFile(what, file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{&capture.Error{Op: fmt.Sprintf("read %s from %s", what, file), Err: cause(err), Hint: "check the path"}}
	}
	return data, nil
}

// A byteSize is a number of bytes on the command line: 200MB, 1GB, 500000.
type byteSize int64

var byteUnits = []struct {
	suffix string
	bytes  float64
}{{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1}}

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return strings.Replace(collect.BytesText(int64(*b)), ".0 ", " ", 1)
}

func (b *byteSize) Type() string { return "size" }

func (b *byteSize) Set(s string) error {
	number := strings.ToUpper(strings.TrimSpace(s))
	for _, u := range byteUnits {
		text, ok := strings.CutSuffix(number, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(n > 0) || n*u.bytes > 1<<62 {
			break
		}
		*b = byteSize(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 200MB", s)
}

// A percentage is a share on the command line: 5%.
type percentage float64

func (p *percentage) String() string {
	if *p == 0 {
		return ""
	}
	return fmt.Sprintf("%g%%", 100*float64(*p))
}

func (p *percentage) Type() string { return "share" }

func (p *percentage) Set(s string) error {
	number, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || err != nil || !(n > 0) || n > 1000 {
		return fmt.Errorf("%q is not a share such as 5%%", s)
	}
	*p = percentage(n / 100)
	return nil
}
