// Command service is a service whose requests take known steps, and time each. It
// builds with any Go from 1.19 on.
//
//	service PEER [SCALE]
//
// Its requests ask PEER, a URL that answers ?d=5ms&body=1ms after 5 ms and ends
// the answer after one more. All that waits takes SCALE times longer.
//
// It prints what it was built with and where it is, as a line of JSON, and ends
// with its standard input.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"steps/work"
)

func main() {
	scale := 1
	if len(os.Args) > 2 {
		scale, _ = strconv.Atoi(os.Args[2])
	}
	s := work.New(os.Args[1], scale)
	go s.Clock().Log()
	ready := map[string]string{"go": runtime.Version() + " " + runtime.GOARCH}
	for name, handler := range map[string]http.Handler{"work": routes(s), "admin": admin(s)} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go http.Serve(l, handler)
		ready[name] = "http://" + l.Addr().String()
	}
	json.NewEncoder(os.Stdout).Encode(ready)
	io.Copy(io.Discard, os.Stdin)
}

// routes serves the work behind a router and a middleware, as services do.
func routes(s *work.Service) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.NoCache)
	r.Get("/work/{name}", s.Work)
	return r
}

// admin serves pprof and what was measured.
func admin(s *work.Service) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/truth", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(s.Truth()) })
	addFlight(mux)
	return mux
}
