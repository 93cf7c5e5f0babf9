// Package stack starts the VIN service and what it needs, each in a separate
// process: the upstreams, a stand-in for Postgres unless there is a real one, the
// service, and on demand the load.
//
// The demo and the tests use it. All processes run one executable, which passes its
// arguments after a prefix to [vin.Main]: vinservice, without a prefix, or any
// command with a hidden subcommand for it. They exit with their parent.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"timesink/cmd/internal/child"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
	"timesink/cmd/internal/vin"
)

// Config configures the processes.
type Config struct {
	Upstreams vin.UpstreamsConfig
	StandIn   vin.StandInConfig
	// Service.Postgres is the DSN of a real database; if it is empty, the stand-in
	// takes its place. Service.Upstreams need not be set.
	Service vin.Config
}

// Default returns the configuration with which the demo begins: four sequential
// upstream calls, a new connection for each, and the stand-in as the database.
func Default() Config {
	return Config{
		Upstreams: vin.Default[vin.UpstreamsConfig](),
		StandIn:   vin.Default[vin.StandInConfig](),
		Service:   vin.Default[vin.Config](),
	}
}

// A Stack is a set of running processes.
type Stack struct {
	URL      string // base URL of the API
	Pprof    string // base URL of /debug/pprof/ and /truth
	Postgres string // DSN of the database
	StandIn  bool   // whether the database is the stand-in
	PID      int    // of the service

	exe       string
	prefix    []string
	processes []*child.Process // in start order
	service   *child.Process
}

// Start starts the processes and waits until the service answers. It runs the
// executable with prefix followed by the arguments of vin.Main. The context limits
// only the wait. If Start fails, it leaves no processes behind.
func Start(ctx context.Context, exe string, prefix []string, c Config) (*Stack, error) {
	s := &Stack{exe: exe, prefix: prefix}
	if err := s.start(ctx, c); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, c Config) error {
	upstreams, err := s.add(ctx, "upstreams", vin.Args(c.Upstreams))
	if err != nil {
		return err
	}
	c.Service.Upstreams = upstreams.URL
	c.Service.UpstreamInsecure = c.Upstreams.TLS

	if c.Service.Postgres == "" {
		database, err := s.add(ctx, "standin", vin.Args(c.StandIn))
		if err != nil {
			return err
		}
		c.Service.Postgres, s.StandIn = database.Postgres, true
	}
	service, err := s.add(ctx, "serve", vin.Args(c.Service))
	if err != nil {
		return err
	}
	s.URL, s.Pprof, s.Postgres, s.PID = service.URL, service.Pprof, c.Service.Postgres, service.PID
	s.service = s.processes[len(s.processes)-1]
	return nil
}

func (s *Stack) add(ctx context.Context, command string, flags []string) (vin.Ready, error) {
	var ready vin.Ready
	p, err := child.Start(ctx, s.exe, s.args(command, flags), &ready)
	if err != nil {
		return ready, err
	}
	s.processes = append(s.processes, p)
	return ready, nil
}

func (s *Stack) args(command string, flags []string) []string {
	return slices.Concat(s.prefix, []string{command, "--leash"}, flags)
}

// Route returns the URL of the service's only route, with {vin} as a placeholder
// for the load and the probes.
func (s *Stack) Route() string { return s.URL + "/v1/vin/{vin}" }

// Ended returns a channel that is closed when the service has exited, by itself or
// by [Stack.Stop].
func (s *Stack) Ended() <-chan struct{} { return s.service.Ended() }

// Stop stops the processes in reverse start order. The error names those that
// failed; none is left running in any case. Stop may be called more than once.
func (s *Stack) Stop() error {
	var errs []error
	for _, p := range slices.Backward(s.processes) {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}

// Load sends requests from a separate process, until a limit in c is reached or the
// context ends. If c.URL is empty, it uses [Stack.Route]. It replaces {vin} with
// the VINs in the database.
func (s *Stack) Load(ctx context.Context, c load.Config) (*load.Result, error) {
	if c.URL == "" {
		c.URL, c.Insecure = s.Route(), true // the certificate, if any, is our own
	}
	result := new(load.Result)
	if err := child.Output(ctx, s.exe, s.args("load", vin.Args(c)), result); err != nil {
		return nil, err
	}
	return result, nil
}

// Truth returns the service's measurements since its start or the last reset.
func (s *Stack) Truth(ctx context.Context) (*truth.Truth, error) {
	t := new(truth.Truth)
	err := s.ask(ctx, http.MethodGet, "/truth", func(r *http.Response) error {
		return json.NewDecoder(r.Body).Decode(t)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// ResetTruth makes the service discard its measurements.
func (s *Stack) ResetTruth(ctx context.Context) error {
	return s.ask(ctx, http.MethodPost, "/truth/reset", func(*http.Response) error { return nil })
}

func (s *Stack) ask(ctx context.Context, method, path string, read func(*http.Response) error) error {
	request, err := http.NewRequestWithContext(ctx, method, s.Pprof+path, nil)
	if err != nil {
		return fmt.Errorf("asking the service for %s: %w", path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking the service for %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("asking the service for %s: it answers %s", path, response.Status)
	}
	if err := read(response); err != nil {
		return fmt.Errorf("reading the service's answer to %s: %w", path, err)
	}
	return nil
}
