//go:build go1.25

package main

import (
	"net/http"
	"runtime/trace"
	"time"
)

// addFlight serves what a flight recorder holds. It records while it is on.
func addFlight(mux *http.ServeMux) {
	var recorder *trace.FlightRecorder
	mux.HandleFunc("/flight/start", func(w http.ResponseWriter, r *http.Request) {
		recorder = trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: time.Second})
		if err := recorder.Start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/flight/dump", func(w http.ResponseWriter, r *http.Request) {
		if _, err := recorder.WriteTo(w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		recorder.Stop()
	})
}
