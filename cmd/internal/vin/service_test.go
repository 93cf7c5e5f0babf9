package vin_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
	"timesink/cmd/internal/vin"
)

// service starts a service and its upstreams in this process, so that the race detector
// sees them, and stops them when the test ends.
func service(t *testing.T, c vin.Config) vin.Ready {
	t.Helper()
	upstreams := vin.Default[vin.UpstreamsConfig]()
	upstreams.Base, upstreams.Noise = 2*time.Millisecond, time.Millisecond
	if c.Upstreams == "" {
		c.Upstreams = running(t, func(ctx context.Context, ready func(vin.Ready)) error {
			return vin.ServeUpstreams(ctx, upstreams, ready)
		}).URL
	}
	return running(t, func(ctx context.Context, ready func(vin.Ready)) error { return vin.Serve(ctx, c, ready) })
}

func standIn(t *testing.T) string {
	t.Helper()
	return running(t, func(ctx context.Context, ready func(vin.Ready)) error {
		return vin.ServeStandIn(ctx, vin.StandInConfig{Listen: "127.0.0.1:0", Latency: time.Millisecond}, ready)
	}).Postgres
}

// running runs a server until the test ends and returns its Ready.
func running(t *testing.T, serve func(context.Context, func(vin.Ready)) error) vin.Ready {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan vin.Ready, 1), make(chan error, 1)
	go func() { ended <- serve(ctx, func(r vin.Ready) { ready <- r }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	select {
	case r := <-ready:
		return r
	case err := <-ended:
		ended <- nil
		t.Fatalf("starting: %v", err)
		return vin.Ready{}
	}
}

// startPostgres starts a real PostgreSQL. It is nil unless the tests are built with the
// tag servers.
var startPostgres func(testing.TB) string

// databases runs a test on the stand-in, and on a real PostgreSQL if there is one.
func databases(t *testing.T, test func(t *testing.T, dsn string)) {
	if startPostgres != nil {
		t.Run("postgresql", func(t *testing.T) { test(t, startPostgres(t)) })
	}
	t.Run("stand-in", func(t *testing.T) { test(t, standIn(t)) })
}

func get(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func measured(t *testing.T, s vin.Ready) truth.Truth {
	t.Helper()
	var measured truth.Truth
	_, body := get(t, s.Pprof+"/truth")
	if err := json.Unmarshal(body, &measured); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return measured
}

func TestAnswers(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		c := vin.Default[vin.Config]()
		c.Postgres = dsn
		s := service(t, c)
		for _, c := range []struct {
			name   string
			path   string
			status int
			body   string
		}{
			{"a known VIN", "/v1/vin/1HGCM82633A004352", 200, `"make":"Honda","model":"Accord","year":2003`},
			{"in lower case", "/v1/vin/1hgcm82633a004352", 200, `"vin":"1HGCM82633A004352"`},
			{"one that is too short", "/v1/vin/1HGCM8263", 400, "9 characters"},
			{"one with a wrong check digit", "/v1/vin/1HGCM82643A004352", 400, `check digit '4'`},
			{"one that nobody built", "/v1/vin/11111111111111111", 404, "no such vehicle"},
			{"health", "/healthz", 200, ""},
			{"another path", "/v1/", 404, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, body := get(t, s.URL+c.path)
				if status != c.status || !strings.Contains(string(body), c.body) {
					t.Errorf("%d %s", status, body)
				}
			})
		}
	})
}

func TestAnswerHoldsTheRowAndAllUpstreams(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		c := vin.Default[vin.Config]()
		c.Postgres, c.Calls = dsn, vin.Concurrent
		s := service(t, c)
		for _, want := range []vin.Vehicle{vin.Fleet()[0], vin.Fleet()[1234], vin.Fleet()[len(vin.Fleet())-1]} {
			_, body := get(t, s.URL+"/v1/vin/"+want.VIN)
			var answer vin.Answer
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Vehicle != want {
				t.Errorf("the row is %v, not %v", answer.Vehicle, want)
			}
			for name, upstream := range map[string]json.RawMessage{
				vin.Recalls: answer.Recalls, vin.Specs: answer.Specs, vin.Market: answer.Market, vin.History: answer.History,
			} {
				var says struct{ VIN, Source string }
				if err := json.Unmarshal(upstream, &says); err != nil || says.VIN != want.VIN || says.Source != name {
					t.Errorf("%s says %s", name, upstream)
				}
			}
			if len(answer.Signature) != 64 {
				t.Errorf("the signature is %q", answer.Signature)
			}
		}
	})
}

// In every mode the service must answer under load, and its measurements must add up
// and show the effect of the mode.
func TestTruth(t *testing.T) {
	const slow = 5 * time.Millisecond
	modes := []struct {
		name string
		set  func(*vin.Config)
		show func(t *testing.T, of truth.Truth, mean func(truth.Kind) time.Duration)
	}{
		{"sequential", func(c *vin.Config) {}, nil},
		{"concurrent", func(c *vin.Config) { c.Calls = vin.Concurrent }, func(t *testing.T, _ truth.Truth, mean func(truth.Kind) time.Duration) {
			if mean(truth.Upstream) <= mean(truth.Upstreams) {
				t.Errorf("the calls do not overlap: %v in all, %v around them", mean(truth.Upstream), mean(truth.Upstreams))
			}
		}},
		{"pooled", func(c *vin.Config) { c.KeepAlive = true }, nil},
		{"pool-starved", func(c *vin.Config) { c.Pool, c.SlowDB = 1, slow }, func(t *testing.T, of truth.Truth, mean func(truth.Kind) time.Duration) {
			if of.Totals.PoolWaits == 0 || of.Totals.PoolWait == 0 {
				t.Error("no request waited for the pool")
			}
			if mean(truth.DB) < slow {
				t.Errorf("the database takes %v", mean(truth.DB))
			}
		}},
		{"held lock", func(c *vin.Config) { c.HoldLock, c.SlowDB = true, slow }, func(t *testing.T, _ truth.Truth, mean func(truth.Kind) time.Duration) {
			if mean(truth.Lock) == 0 || mean(truth.DB) < slow {
				t.Errorf("the lock takes %v, the database %v", mean(truth.Lock), mean(truth.DB))
			}
		}},
		{"slow database", func(c *vin.Config) { c.SlowDB = slow }, func(t *testing.T, _ truth.Truth, mean func(truth.Kind) time.Duration) {
			if mean(truth.DB) < slow {
				t.Errorf("the database takes %v", mean(truth.DB))
			}
		}},
	}
	databases(t, func(t *testing.T, dsn string) {
		for _, mode := range modes {
			t.Run(mode.name, func(t *testing.T) {
				c := vin.Default[vin.Config]()
				c.Postgres = dsn
				mode.set(&c)
				s := service(t, c)
				clients := drive(t, s, 40)
				of := measured(t, s)
				checkTruth(t, of, clients)
				mean := func(kind truth.Kind) time.Duration {
					total := time.Duration(0)
					for _, r := range of.Requests {
						total += r.Spent(kind)
					}
					return total / time.Duration(len(of.Requests))
				}
				if mode.show != nil {
					mode.show(t, of, mean)
				}
				if lock := mean(truth.Lock); !c.HoldLock && lock != 0 {
					t.Errorf("%v of lock without one", lock)
				}
			})
		}
	})
}

func drive(t *testing.T, s vin.Ready, requests int) *load.Result {
	t.Helper()
	result, err := load.Run(t.Context(), load.Config{
		URL: s.URL + "/v1/vin/{vin}", Values: vin.Numbers(), Connections: 4, Requests: requests, Keep: requests,
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed > 0 || result.Statuses[http.StatusOK] != requests {
		t.Fatalf("%d of %d failed (%s), statuses %v", result.Failed, requests, result.Error, result.Statuses)
	}
	return result
}

// checkTruth checks that the service's measurements are consistent, and agree with what
// the clients saw.
func checkTruth(t *testing.T, of truth.Truth, clients *load.Result) {
	t.Helper()
	if len(of.Requests) != clients.Count || of.Dropped != 0 || of.InFlight != 0 {
		t.Fatalf("%d requests, %d dropped, %d in flight, where the clients saw %d", len(of.Requests), of.Dropped, of.InFlight, clients.Count)
	}
	inside := func(of, step truth.Step) bool { return of.Start <= step.Start && step.End <= of.End }
	server, client := time.Duration(0), time.Duration(0)
	for _, r := range of.Requests {
		server += r.Wall()
		var upstreams truth.Step
		at := r.Start
		for _, step := range r.Steps {
			if !inside(truth.Step{Start: r.Start, End: r.End}, step) || step.End < step.Start {
				t.Errorf("%s lies outside of its request: %+v in %+v", step.Kind, step, r)
			}
			if step.Kind == truth.Upstream {
				if !inside(upstreams, step) {
					t.Errorf("the call of %s lies outside of the step around all", step.Detail)
				}
				continue
			}
			if step.Start < at {
				t.Errorf("%s begins before the step before it ends", step.Kind)
			}
			if at = step.End; step.Kind == truth.Upstreams {
				upstreams = step
			}
		}
		details := []string{}
		for _, step := range r.Steps {
			if step.Kind == truth.Upstream {
				details = append(details, step.Detail)
			}
		}
		slices.Sort(details)
		if want := []string{vin.History, vin.Market, vin.Recalls, vin.Specs}; !slices.Equal(details, want) {
			t.Errorf("calls of %v, not %v", details, want)
		}
		for _, kind := range []truth.Kind{truth.DB, truth.CPU, truth.Encode, truth.Write} {
			if r.Spent(kind) <= 0 {
				t.Errorf("no time in %s", kind)
			}
		}
		if r.Endpoint != vin.Endpoint || r.Status != http.StatusOK || vin.Validate(r.VIN) != nil {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range clients.Requests {
		client += time.Duration(r.End - r.Start)
	}
	if server > client {
		t.Errorf("the service measured %v where the clients waited %v", server, client)
	}
	checkTotals(t, of.Totals)
}

func checkTotals(t *testing.T, of truth.Totals) {
	t.Helper()
	if of.Until <= of.Since {
		t.Errorf("from %d until %d", of.Since, of.Until)
	}
	if of.CPU != nil && of.CPU.User <= 0 {
		t.Errorf("CPU time of %+v", *of.CPU)
	}
	if of.SchedLatency.Low > of.SchedLatency.High || of.SchedLatency.Count <= 0 {
		t.Errorf("scheduling latency %+v", of.SchedLatency)
	}
}

func TestTruthKeepsTheNewestAndForgets(t *testing.T) {
	c := vin.Default[vin.Config]()
	c.Postgres, c.Truth, c.CPU = standIn(t), 10, 0
	s := service(t, c)
	drive(t, s, 25)
	of := measured(t, s)
	if len(of.Requests) != 10 || of.Bound != 10 || of.Dropped != 15 {
		t.Errorf("%d requests of %d, %d dropped", len(of.Requests), of.Bound, of.Dropped)
	}
	if !slices.IsSortedFunc(of.Requests, func(a, b truth.Request) int { return int(a.End - b.End) }) {
		t.Error("the requests are not in the order of their ends")
	}

	response, err := http.Post(s.Pprof+"/truth/reset", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if of := measured(t, s); len(of.Requests) != 0 || of.Dropped != 0 {
		t.Errorf("%d requests, %d dropped after the reset", len(of.Requests), of.Dropped)
	}
	drive(t, s, 3)
	if of := measured(t, s); len(of.Requests) != 3 || of.Dropped != 0 {
		t.Errorf("%d requests, %d dropped after three more", len(of.Requests), of.Dropped)
	}
}

// By default the service has the bad habit of a new connection for each call.
func TestKeepAliveReusesConnections(t *testing.T) {
	for _, c := range []struct {
		name      string
		keepalive bool
		conns     int
		most      int // connections of the upstreams
	}{
		{"a connection per call", false, 0, 4 * 20},
		{"kept alive", true, 0, 4 * 4},
		{"kept alive, and no more than two", true, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[string]bool{}
			upstreams := counting(t, func(remote string) {
				mu.Lock()
				defer mu.Unlock()
				seen[remote] = true
			})
			config := vin.Default[vin.Config]()
			config.Postgres, config.Upstreams, config.CPU = standIn(t), upstreams, 0
			config.KeepAlive, config.UpstreamConns, config.Calls = c.keepalive, c.conns, vin.Concurrent
			drive(t, service(t, config), 20)
			mu.Lock()
			defer mu.Unlock()
			if n := len(seen); n > c.most || !c.keepalive && n != c.most {
				t.Errorf("%d connections, expected %d", n, c.most)
			}
		})
	}
}
