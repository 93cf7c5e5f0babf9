package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"timesink/collect"
)

// Every option that takes a secret has a form that does not appear in process listings: a
// file, or an environment variable, which counts where no flag is given.
const (
	bearerEnv      = "TIMESINK_BEARER"
	userEnv        = "TIMESINK_USER"
	pprofHeaderEnv = "TIMESINK_PPROF_HEADER"
	headerEnv      = "TIMESINK_HEADER"
)

// accessFlags holds the flags that give access to a guarded pprof port.
type accessFlags struct {
	bearer, bearerFile string
	user, userFile     string
	headers            []string
	headerFile         string
	tls                collect.TLS
}

func (f *accessFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.bearer, "bearer", "", "send this bearer `token` to the pprof port; visible in process listings")
	flags.StringVar(&f.bearerFile, "bearer-file", "", "read the bearer token from `FILE` (default $"+bearerEnv+")")
	flags.StringVar(&f.user, "user", "", "send `name:password` to the pprof port; visible in process listings")
	flags.StringVar(&f.userFile, "user-file", "", "read name:password from `FILE` (default $"+userEnv+")")
	flags.StringArrayVar(&f.headers, "pprof-header", nil, "add this `header` to requests to the pprof port: \"Name: value\" (repeatable); visible in process listings")
	flags.StringVar(&f.headerFile, "pprof-header-file", "", "read such headers from `FILE`, one per line (default $"+pprofHeaderEnv+")")
	flags.StringVar(&f.tls.CertFile, "cert", "", "present the client certificate in this PEM `FILE`")
	flags.StringVar(&f.tls.KeyFile, "key", "", "read the certificate's key from this PEM `FILE` (default the certificate's file)")
	flags.StringVar(&f.tls.CAFile, "cacert", "", "also trust the authorities in this PEM `FILE`")
	flags.BoolVar(&f.tls.Insecure, "insecure", false, "trust any certificate")
}

// target returns the target with its credentials. A target @FILE is read from a file.
func (f *accessFlags) target(s string) (collect.Target, error) {
	if file, ok := strings.CutPrefix(s, "@"); ok {
		line, err := lineOf("the target", file)
		if err != nil {
			return collect.Target{}, err
		}
		s = line
	}
	t, err := collect.ParseTarget(s)
	if err != nil {
		return t, err
	}
	t.TLS = f.tls
	if err := f.authorize(&t.Access); err != nil {
		return t, err
	}
	t.Access.Header, err = headersOf(f.headers, "the headers for the pprof port", f.headerFile, pprofHeaderEnv)
	return t, err
}

func (f *accessFlags) authorize(a *collect.Access) error {
	switch {
	case f.bearer != "" && f.bearerFile != "":
		return usage("there are two bearer tokens", "give either --bearer or --bearer-file")
	case f.user != "" && f.userFile != "":
		return usage("there are two users", "give either --user or --user-file")
	}
	user, token := f.user, f.bearer
	var err error
	if f.userFile != "" {
		if user, err = lineOf("name:password", f.userFile); err != nil {
			return err
		}
	}
	if f.bearerFile != "" {
		if token, err = lineOf("the bearer token", f.bearerFile); err != nil {
			return err
		}
	}
	if user == "" && token == "" && a.Username == "" && a.Password == "" {
		user, token = os.Getenv(userEnv), os.Getenv(bearerEnv)
	}
	if user != "" {
		name, password, _ := strings.Cut(user, ":")
		a.Username, a.Password = name, collect.Secret(password)
	}
	if token != "" && a.Username != "" {
		return usage("there are both a bearer token and a user", "give the one that the port requires")
	}
	a.Bearer = collect.Secret(token)
	return nil
}

// lineOf returns the only line of a file.
func lineOf(what, file string) (string, error) {
	data, err := readFile(what, file)
	if err != nil {
		return "", err
	}
	line := string(bytes.TrimSpace(data))
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", usagef("write "+what+" on the first line, and nothing else", "%s is not the one line of %s", what, file)
	}
	return line, nil
}

// linesOf returns the values of a repeatable flag and the lines of a file. Without either
// it returns those of the environment variable env, unless that is "".
func linesOf(given []string, what, file, env string) ([]string, error) {
	lines := append([]string(nil), given...)
	text := ""
	switch {
	case file != "":
		data, err := readFile(what, file)
		if err != nil {
			return nil, err
		}
		text = string(data)
	case len(given) == 0 && env != "":
		text = os.Getenv(env)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func headersOf(given []string, what, file, env string) (collect.Header, error) {
	lines, err := linesOf(given, what, file, env)
	if err != nil {
		return nil, err
	}
	h := collect.Header{}
	for _, line := range lines {
		if err := h.Add(line); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// exposed returns a warning for each secret on the command line, where any user of the
// machine can read it.
func (f *accessFlags) exposed(targets ...string) []string {
	var list []string
	add := func(what, instead string) {
		list = append(list, fmt.Sprintf("%s is visible in process listings: use %s", what, instead))
	}
	if f.bearer != "" {
		add("the token of --bearer", "--bearer-file or $"+bearerEnv)
	}
	if f.user != "" {
		add("the password of --user", "--user-file or $"+userEnv)
	}
	if holdsSecret(f.headers) {
		add("the value of --pprof-header", "--pprof-header-file or $"+pprofHeaderEnv)
	}
	for _, target := range targets {
		if u := secretIn(target); u != "" {
			add(u+" of the target", "--user-file, or @FILE as the target")
			break
		}
	}
	return list
}

// exposed is accessFlags.exposed, with the flags of the probes.
func (f *collectFlags) exposed(targets ...string) []string {
	list := append(f.accessFlags.exposed(targets...), f.push.exposed()...)
	if holdsSecret(f.headers) {
		list = append(list, "the value of --header is visible in process listings: use --header-file or $"+headerEnv)
	}
	for _, s := range f.urls {
		what := secretIn(s)
		if u, err := url.Parse(s); what == "the path" && (err != nil || !collect.HoldsToken(u)) {
			continue
		}
		if what != "" {
			return append(list, what+" of --url is visible in process listings: use --url-file")
		}
	}
	return list
}

// holdsSecret reports whether one of the headers is of those that carry credentials.
func holdsSecret(headers []string) bool {
	for _, line := range headers {
		if name, _, _ := strings.Cut(line, ":"); collect.NamesSecret(name) {
			return true
		}
	}
	return false
}

// secretIn says which part of a URL is a secret, "" if none is.
func secretIn(s string) string {
	switch {
	case strings.HasPrefix(s, "@"): // a file
		return ""
	case !strings.Contains(s, "://"):
		s = "http://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return ""
	case u.User != nil:
		return "the user"
	case collect.HidesPath(u):
		return "the path"
	}
	for name := range u.Query() {
		if holdsSecret([]string{name + ":"}) {
			return "the query"
		}
	}
	return ""
}
