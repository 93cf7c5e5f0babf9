package stack_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/testbin"
	"timesink/cmd/internal/truth"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
)

func TestMain(m *testing.M) { testbin.Main(m) }

func start(t *testing.T, c stack.Config) *stack.Stack {
	t.Helper()
	s, err := stack.Start(t.Context(), testbin.Build(t, "cmd/vinservice"), nil, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A setting is a way to start the stack.
type setting struct {
	name string
	set  func(*testing.T, *stack.Config)
}

// settings lists the settings that need no server. The build tag servers adds one
// with PostgreSQL.
var settings = []setting{
	{"with the stand-in", func(*testing.T, *stack.Config) {}},
	{"concurrent, kept alive", func(_ *testing.T, c *stack.Config) {
		c.Service.Calls, c.Service.KeepAlive = vin.Concurrent, true
	}},
	{"over TLS everywhere", func(_ *testing.T, c *stack.Config) { c.Service.TLS, c.Upstreams.TLS = true, true }},
}

func TestTheWholeStack(t *testing.T) {
	for _, c := range settings {
		t.Run(c.name, func(t *testing.T) {
			config := stack.Default()
			config.Upstreams.Base, config.Upstreams.Noise = time.Millisecond, 0
			c.set(t, &config)
			s := start(t, config)
			if s.StandIn != (config.Service.Postgres == "") || s.Postgres == "" || s.PID == 0 {
				t.Errorf("%+v", s)
			}
			for range 2 { // the second time after a reset
				if err := s.ResetTruth(t.Context()); err != nil {
					t.Fatal(err)
				}
				result, err := s.Load(t.Context(), load.Config{Connections: 4, Requests: 20, Keep: 20})
				if err != nil {
					t.Fatal(err)
				}
				if result.Statuses[http.StatusOK] != 20 || len(result.Requests) != 20 {
					t.Errorf("statuses %v, %d failed: %s", result.Statuses, result.Failed, result.Error)
				}
				of, err := s.Truth(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(of.Requests) != 20 {
					t.Errorf("the service knows of %d requests", len(of.Requests))
				}
				for _, r := range of.Requests {
					if seen := result.Start <= r.Start && r.End <= result.End; !seen || r.Spent(truth.Upstream) < 4*time.Millisecond {
						t.Errorf("%+v between %d and %d", r, result.Start, result.End)
					}
				}
			}
		})
	}
}

// A load without limits ends with its context and returns its result.
func TestLoadUntilStopped(t *testing.T) {
	config := stack.Default()
	config.Upstreams.Base, config.Upstreams.Noise = time.Millisecond, 0
	s := start(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for t.Context().Err() == nil {
			if of, err := s.Truth(t.Context()); err != nil || len(of.Requests) > 0 {
				return
			}
		}
	}()
	result, err := s.Load(ctx, load.Config{Connections: 2})
	if err != nil || result.Count == 0 || result.Failed != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestStartLeavesNothingBehindWhenItFails(t *testing.T) {
	config := stack.Default()
	config.Service.Postgres = "postgres://127.0.0.1:1/nowhere?sslmode=disable"
	_, err := stack.Start(t.Context(), testbin.Build(t, "cmd/vinservice"), nil, config)
	if err == nil || !strings.Contains(err.Error(), "vinservice serve ended before it was ready") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

func TestStopEndsTheService(t *testing.T) {
	s := start(t, stack.Default())
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	<-s.Ended()
	if response, err := http.Get(s.URL + "/healthz"); err == nil {
		response.Body.Close()
		t.Error("the service answers")
	}
}
