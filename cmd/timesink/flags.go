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
	duration time.Duration
	maxBytes byteSize
	output   string

	urls        []string
	rate        float64
	method      string
	headers     []string
	body        string
	values      []string
	allowUnsafe bool
}

func (f *collectFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.DurationVarP(&f.duration, "duration", "d", collect.DefaultWindow, "observe for this long")
	flags.StringVarP(&f.output, "output", "o", "", "save to `FILE` (default timesink-HOST-TIME.zip)")
	flags.Var(&f.maxBytes, "max-bytes", "end the window when the trace reaches this `size`, such as 200MB (default no limit)")
	flags.StringArrayVar(&f.urls, "url", nil, "send probes to this `URL` while observing, or to unix:///socket:/path; --values fills in a {name} in it (repeatable)")
	flags.Float64Var(&f.rate, "rate", collect.DefaultRate, "send this many probes per second, over all URLs together")
	flags.StringVar(&f.method, "method", "", "use this method for the probes (default GET)")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "add this `header` to the probes: \"Name: value\" (repeatable)")
	flags.StringVar(&f.body, "body", "", "send this body with the probes, or the contents of `@FILE`")
	flags.StringArrayVar(&f.values, "values", nil, "fill in {name} in the URLs from a file, one value per line: `name=FILE` (repeatable)")
	flags.BoolVar(&f.allowUnsafe, "allow-unsafe", false, "allow probes that may change data: methods other than GET and HEAD")
	f.accessFlags.register(cmd)
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
	if f.duration <= 0 {
		return collect.Config{}, usagef("give a time such as 10s", "cannot observe for %s", f.duration)
	}
	return collect.Config{Target: t, Window: f.duration, Probing: probing, MaxBytes: int64(f.maxBytes)}, nil
}

func (f *collectFlags) probing() (collect.Probing, error) {
	if len(f.urls) == 0 {
		if f.method != "" || len(f.headers) > 0 || f.body != "" || len(f.values) > 0 {
			return collect.Probing{}, usage("there is no --url to send probes to", "--method, --header, --body and --values apply to probes only")
		}
		return collect.Probing{}, nil
	}
	if f.rate <= 0 {
		return collect.Probing{}, usagef("give a number such as 5", "cannot send %v probes per second", f.rate)
	}
	p := collect.Probing{
		URLs: f.urls, Rate: f.rate, Method: strings.ToUpper(f.method), AllowUnsafe: f.allowUnsafe,
		Header: collect.Header{}, Values: map[string][]string{}, TLS: f.tls, Body: []byte(f.body),
	}
	for _, line := range f.headers {
		if err := p.Header.Add(line); err != nil {
			return p, err
		}
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

// accessFlags holds the flags that give access to a guarded pprof port.
type accessFlags struct {
	bearer, bearerFile string
	user               string
	headers            []string
	tls                collect.TLS
}

func (f *accessFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.bearer, "bearer", "", "send this bearer `token` to the pprof port; visible in process listings")
	flags.StringVar(&f.bearerFile, "bearer-file", "", "read the bearer token from `FILE`")
	flags.StringVar(&f.user, "user", "", "send `name:password` to the pprof port")
	flags.StringArrayVar(&f.headers, "pprof-header", nil, "add this `header` to requests to the pprof port: \"Name: value\" (repeatable)")
	flags.StringVar(&f.tls.CertFile, "cert", "", "present the client certificate in this PEM `FILE`")
	flags.StringVar(&f.tls.KeyFile, "key", "", "read the certificate's key from this PEM `FILE` (default the certificate's file)")
	flags.StringVar(&f.tls.CAFile, "cacert", "", "also trust the authorities in this PEM `FILE`")
	flags.BoolVar(&f.tls.Insecure, "insecure", false, "trust any certificate")
}

// target returns the target with its credentials.
func (f *accessFlags) target(s string) (collect.Target, error) {
	t, err := collect.ParseTarget(s)
	if err != nil {
		return t, err
	}
	t.TLS = f.tls
	if err := f.authorize(&t.Access); err != nil {
		return t, err
	}
	if len(f.headers) > 0 {
		t.Access.Header = collect.Header{}
	}
	for _, line := range f.headers {
		if err := t.Access.Header.Add(line); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (f *accessFlags) authorize(a *collect.Access) error {
	if f.user != "" {
		name, password, _ := strings.Cut(f.user, ":")
		a.Username, a.Password = name, collect.Secret(password)
	}
	token := f.bearer
	if f.bearerFile != "" {
		data, err := readFile("the bearer token", f.bearerFile)
		if err != nil {
			return err
		}
		token = string(bytes.TrimSpace(data))
	}
	switch {
	case f.bearer != "" && f.bearerFile != "":
		return usage("there are two bearer tokens", "give either --bearer or --bearer-file")
	case token != "" && a.Username != "":
		return usage("there are both a bearer token and a user", "give the one that the port requires")
	case f.bearerFile != "" && token == "":
		return usagef("write the token on the first line", "there is no token in %s", f.bearerFile)
	}
	a.Bearer = collect.Secret(token)
	return nil
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
