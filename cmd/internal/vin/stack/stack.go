// Package stack starts the VIN service and what it needs, each in a process of
// its own: the upstreams, a stand-in for Postgres unless there is a real one, the
// service, and on demand the load.
//
// The demo and the tests stand on it. The processes run one executable, whose
// arguments after a prefix go to [vin.Main]: vinservice with
// none, or any command that keeps a hidden subcommand for the purpose. They end
// when their parent does.
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
	// Service's Postgres is the DSN of a real database; without one the stand-in
	// takes its place. Its Upstreams need not be set.
	Service vin.Config
}

// Default is the service in the state in which the demo finds it: four upstream
// calls one after another, a new connection for each, no database but the
// stand-in.
func Default() Config {
	return Config{
		Upstreams: vin.Default[vin.UpstreamsConfig](),
		StandIn:   vin.Default[vin.StandInConfig](),
		Service:   vin.Default[vin.Config](),
	}
}

// A Stack is the running processes.
type Stack struct {
	URL      string // base URL of the API
	Pprof    string // base URL of /debug/pprof/ and /truth
	Postgres string // DSN of the database
	StandIn  bool   // and whether that is the stand-in
	PID      int    // of the service

	exe       string
	prefix    []string
	processes []*child.Process // in the order of their start
	service   *child.Process
}

// Start starts the processes and waits until the service answers. The executable
// is run with prefix and then what vin.Main takes. The context bounds the wait
// only; when Start fails it leaves nothing behind.
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

// Route is the URL of the service's one route, with {vin} in it for the load and
// the probes to fill in.
func (s *Stack) Route() string { return s.URL + "/v1/vin/{vin}" }

// Ended is closed when the service has ended, by itself or by [Stack.Stop].
func (s *Stack) Ended() <-chan struct{} { return s.service.Ended() }

// Stop ends the processes, those first that use the others. The error tells which
// of them failed; none is left running either way. To stop twice does no harm.
func (s *Stack) Stop() error {
	var errs []error
	for _, p := range slices.Backward(s.processes) {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}

// Load sends requests from a process of its own, until what c sets as the limit
// or the end of the context. A configuration without URL is aimed at [Stack.Route];
// {vin} is filled with the VINs that the database knows.
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

// Truth asks the service what it measured since its start or the last reset.
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

// ResetTruth makes the service forget what it measured so far.
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
