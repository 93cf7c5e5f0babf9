// Command services runs the services of the accuracy table: each does something known
// with one of the libraries that timesink has rules for, and times every step. It is a
// separate module, so that the tool's module does not require those libraries.
//
//	services serve --with NEED=ADDRESS… SCENARIO…       the scenarios, in one process
//	services load --with NEED=ADDRESS… SCENARIO=ADDRESS…  requests for them, in a closed loop
//	services peer --with NEED=ADDRESS… NAME               a server that scenarios need
//
// Each prints one line of JSON when it is ready (load: when it ends), and exits with
// its standard input.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/truth"
)

func main() {
	scenario.Main("services", "serve|load|peer …", map[string]scenario.Command{"serve": serve, "load": send, "peer": scenario.ServePeer(peers)})
}

// A Serving is the output of serve: the address of pprof and the truth, and the
// addresses for the scenarios' clients.
type Serving struct {
	Pprof     string            `json:"pprof"`
	Addresses map[string]string `json:"addresses"`
}

// A Measured is the answer of /truth for a scenario.
type Measured struct {
	truth.Truth
	Error string `json:"error,omitempty"` // the first error of its work
}

func serve(ctx context.Context, env scenario.Env, names []string, out *json.Encoder) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	clock := meter.NewClock()
	ready, recorders := Serving{Addresses: map[string]string{}}, map[string]*scenario.Recorder{}
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			return err
		}
		work, err := s.Open(ctx, env)
		if err != nil {
			return fmt.Errorf("%s: opening: %w", name, err)
		}
		recorders[name] = scenario.NewRecorder(clock, work)
		if ready.Addresses[name], err = s.Server.Listen(ctx, env, recorders[name].Do); err != nil {
			return fmt.Errorf("%s: serving: %w", name, err)
		}
	}
	var err error
	if ready.Pprof, err = scenario.ServeHTTP(ctx, &http.Server{Handler: admin(recorders)}); err != nil {
		return err
	}
	if err := out.Encode(ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// admin serves pprof and the measurements.
func admin(recorders map[string]*scenario.Recorder) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /truth", func(w http.ResponseWriter, _ *http.Request) {
		all := map[string]Measured{}
		for name, r := range recorders {
			t, err := r.Truth()
			m := Measured{Truth: t}
			if err != nil {
				m.Error = err.Error()
			}
			all[name] = m
		}
		json.NewEncoder(w).Encode(all)
	})
	return mux
}

// send sends requests to scenarios until its standard input ends, and prints the
// clients' results.
func send(ctx context.Context, env scenario.Env, targets []string, out *json.Encoder) error {
	results, failed := map[string]*load.Result{}, error(nil)
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, target := range targets {
		name, address, _ := strings.Cut(target, "=")
		s, err := find(name)
		if err != nil {
			return err
		}
		all.Go(func() {
			result, err := load.Run(ctx, load.Config{Connections: s.Clients, Keep: 1 << 16,
				Open: func() load.Session { return s.Server.Dial(env, address) }})
			mu.Lock()
			defer mu.Unlock()
			results[name] = result
			if err != nil && failed == nil {
				failed = fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	all.Wait()
	if failed != nil {
		return failed
	}
	return out.Encode(results)
}
