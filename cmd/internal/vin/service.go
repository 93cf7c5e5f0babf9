package vin

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"timesink/cmd/internal/meter"
)

// Calls is how the service calls its upstreams.
type Calls string

const (
	Sequential Calls = "sequential"
	Concurrent Calls = "concurrent"
)

// String and Set implement [flag.Value].
func (c *Calls) String() string { return string(*c) }

func (c *Calls) Set(s string) error {
	if s != string(Sequential) && s != string(Concurrent) {
		return fmt.Errorf("neither %s nor %s", Sequential, Concurrent)
	}
	*c = Calls(s)
	return nil
}

// Config configures the service. [Config.Flags] sets the defaults, which are
// those of a service that was never optimized: sequential calls, and a new
// connection for each.
type Config struct {
	Listen string // address of the API; port 0 chooses a free one
	Pprof  string // address of pprof and the truth
	HTTP2  bool   // serve HTTP/2 as well: h2 over TLS, h2c without
	TLS    bool   // serve the API over HTTPS, with a generated certificate

	Postgres string        // DSN of the database
	NoIdle   bool          // keep no idle connection, so that each query dials
	Pool     int           // open and idle connections; 0 keeps the limits of database/sql
	SlowDB   time.Duration // how long the database sleeps in each query
	TailDB   time.Duration // how much longer in one query of ten
	HoldLock bool          // hold a mutex of the service during the query

	Upstreams        string        // base URL of the upstreams
	UpstreamInsecure bool          // accept any certificate from them
	UpstreamConns    int           // maximum connections to them; 0 means no limit
	Calls            Calls         // sequential or concurrent
	KeepAlive        bool          // reuse connections
	Timeout          time.Duration // of the HTTP client; 0 means none

	CPU   time.Duration // CPU time for the signature in each request
	Procs int           // GOMAXPROCS; 0 keeps the default
	Truth int           // number of requests whose times to keep

	WriteTimeout  time.Duration // of the pprof server; 0 means none
	WrapPprof     bool          // serve pprof behind a ResponseWriter that hides the deadline
	BlockRate     int           // runtime.SetBlockProfileRate
	MutexFraction int           // runtime.SetMutexProfileFraction
}

// Flags declares a flag for each field, with its default.
func (c *Config) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:0", "`address` of the API; port 0 chooses a free one")
	fs.StringVar(&c.Pprof, "pprof", "127.0.0.1:0", "`address` of /debug/pprof/ and /truth")
	fs.BoolVar(&c.HTTP2, "http2", false, "serve HTTP/2 as well: h2 with --tls, h2c without")
	fs.BoolVar(&c.TLS, "tls", false, "serve the API over HTTPS, with a generated certificate")

	fs.StringVar(&c.Postgres, "postgres", "", "`DSN` of the database; the table vehicles is created and filled if missing")
	fs.IntVar(&c.Pool, "pool", 16, "open and idle database connections; 0 keeps the limits of database/sql")
	fs.BoolVar(&c.NoIdle, "no-idle", false, "keep no idle database connection, so that each query dials")
	fs.DurationVar(&c.SlowDB, "slow-db", 0, "let the database sleep this long in each query")
	fs.DurationVar(&c.TailDB, "tail-db", 0, "let the database sleep this much longer in one query of ten")
	fs.BoolVar(&c.HoldLock, "hold-lock", false, "hold a mutex of the service during the database query")

	fs.StringVar(&c.Upstreams, "upstreams", "", "base `URL` of the upstreams")
	fs.BoolVar(&c.UpstreamInsecure, "upstream-insecure", false, "accept any certificate from the upstreams")
	fs.IntVar(&c.UpstreamConns, "upstream-conns", 0, "maximum connections to the upstreams; 0 means no limit")
	c.Calls = Sequential
	fs.Var(&c.Calls, "calls", "make upstream calls `sequential` or concurrent")
	fs.BoolVar(&c.KeepAlive, "keepalive", false, "reuse connections for upstream calls")
	fs.DurationVar(&c.Timeout, "timeout", 0, "time limit of an upstream call; 0 means none")

	fs.DurationVar(&c.CPU, "cpu", 3*time.Millisecond, "processor time that each request uses")
	fs.IntVar(&c.Procs, "procs", 0, "GOMAXPROCS; 0 keeps the default")
	fs.IntVar(&c.Truth, "truth", 1<<14, "number of requests whose times to keep, 300 bytes each")

	fs.DurationVar(&c.WriteTimeout, "write-timeout", 0, "write timeout of the pprof server; 0 means none")
	fs.BoolVar(&c.WrapPprof, "wrap-pprof", false, "serve pprof through a ResponseWriter that hides the write deadline, as some middleware does")
	fs.IntVar(&c.BlockRate, "block-rate", 0, "runtime.SetBlockProfileRate")
	fs.IntVar(&c.MutexFraction, "mutex-fraction", 0, "runtime.SetMutexProfileFraction")
}

// Serve runs the service until the context ends. It calls ready once, when the
// database is filled and both ports are listening.
func Serve(ctx context.Context, c Config, ready func(Ready)) error {
	if c.Postgres == "" || c.Upstreams == "" {
		return fmt.Errorf("the service needs a database and upstreams: see --postgres and --upstreams")
	}
	runtime.GOMAXPROCS(c.Procs)
	runtime.SetBlockProfileRate(c.BlockRate)
	runtime.SetMutexProfileFraction(c.MutexFraction)

	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer store.db.Close()
	recorder := newRecorder(c.Truth, meter.NewClock(), meter.Meter{DB: store.db})

	server := &http.Server{Handler: newAPI(c, store, recorder).mux(), Protocols: protocols(c)}
	api, err := listen(c.Listen, server, c.TLS)
	if err != nil {
		return fmt.Errorf("the API's port: %w", err)
	}
	admin, err := listen(c.Pprof, &http.Server{Handler: adminMux(c, recorder), WriteTimeout: c.WriteTimeout}, false)
	if err != nil {
		api.listener.Close()
		return fmt.Errorf("the port of pprof: %w", err)
	}
	ready(Ready{Role: "service", URL: api.url, Pprof: admin.url, PID: pid()})
	return serveAll(ctx, api, admin)
}

func protocols(c Config) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(c.HTTP2)
	p.SetUnencryptedHTTP2(c.HTTP2)
	return p
}

// adminMux serves what is not for the service's clients. It registers pprof's
// handlers one by one, like a service that keeps them off its public port.
func adminMux(c Config, r *recorder) *http.ServeMux {
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"/debug/pprof/":        pprof.Index,
		"/debug/pprof/cmdline": pprof.Cmdline,
		"/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol":  pprof.Symbol,
		"/debug/pprof/trace":   pprof.Trace,
	} {
		if c.WrapPprof {
			handler = wrapped(handler)
		}
		mux.HandleFunc(path, handler)
	}
	mux.HandleFunc("GET /truth", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(r.truth())
	})
	mux.HandleFunc("POST /truth/reset", func(w http.ResponseWriter, _ *http.Request) {
		r.reset()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// wrapped hides everything of a ResponseWriter except its three methods. pprof
// then cannot extend the server's write timeout, and a longer window is cut
// short.
func wrapped(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h(struct{ http.ResponseWriter }{w}, r) }
}
