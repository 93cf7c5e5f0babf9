//go:build !go1.25

package main

import "net/http"

// addFlight: there is no flight recorder before Go 1.25.
func addFlight(*http.ServeMux) {}
