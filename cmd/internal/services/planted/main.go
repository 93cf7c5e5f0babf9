package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"slices"

	"timesink/cmd/internal/services/cache"
	"timesink/cmd/internal/services/cores"
	"timesink/cmd/internal/services/db"
	"timesink/cmd/internal/services/local"
	"timesink/cmd/internal/services/queue"
	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/services/upstream"
)

// peers are the servers of this module that services need.
var peers = slices.Concat(db.Peers, queue.Peers, cache.Peers, upstream.Peers, local.Peers, cores.Peers, ownPeers)

func main() {
	scenario.Main("planted", "serve|peer --with NEED=ADDRESS… NAME", map[string]scenario.Command{"serve": serve, "peer": scenario.ServePeer(peers)})
}

// A serving is the output of serve: the address of pprof, and that for clients.
type serving struct {
	Pprof string `json:"pprof"`
	URL   string `json:"url"`
}

func serve(ctx context.Context, env scenario.Env, args []string, out *json.Encoder) error {
	var r *row
	if len(args) == 1 {
		r = find(args[0])
	}
	if r == nil {
		return fmt.Errorf("there is no such service")
	}
	handler, err := r.open(ctx, env)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	listen := r.listen
	if listen == nil {
		listen = func(ctx context.Context, h http.Handler) (string, error) {
			return scenario.ServeHTTP(ctx, &http.Server{Handler: h})
		}
	}
	var ready serving
	if ready.URL, err = listen(ctx, handler); err != nil {
		return fmt.Errorf("serving: %w", err)
	}
	if ready.Pprof, err = scenario.ServeHTTP(ctx, &http.Server{Handler: profiles()}); err != nil {
		return err
	}
	if err := out.Encode(ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// profiles serves net/http/pprof, as services do on a port of its own.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
