package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"time"
)

// buildMain serves requests that take some time, with pprof, at an address: the builds
// that the script ab compares. It serves until it is killed.
//
//	build ADDRESS DURATION
func buildMain() {
	takes, err := time.ParseDuration(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(takes)
		io.WriteString(w, "done")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	fmt.Fprintln(os.Stderr, http.ListenAndServe(os.Args[1], mux))
	os.Exit(1)
}

// askMain sends requests to URLs, over two connections each, until it is killed. It does
// not mind that nobody answers.
//
//	ask URL…
func askMain() {
	for _, url := range os.Args[1:] {
		for range 2 {
			go func() {
				for {
					r, err := http.Get(url)
					if err != nil {
						time.Sleep(10 * time.Millisecond)
						continue
					}
					io.Copy(io.Discard, r.Body)
					r.Body.Close()
				}
			}()
		}
	}
	select {}
}
