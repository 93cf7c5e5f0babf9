package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"timesink/cmd/internal/vin"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"no command", nil, 2, "vinservice serve [flags]"},
		{"help", []string{"--help"}, 0, "vinservice serve [flags]"},
		{"an unknown command", []string{"sever"}, 2, "vinservice serve [flags]"},
		{"help on a command", []string{"serve", "-h"}, 0, "-hold-lock"},
		{"an unknown flag", []string{"serve", "--fast"}, 2, "-fast"},
		{"an argument", []string{"serve", "fast"}, 2, `not "fast"`},
		{"calls that are neither", []string{"serve", "--calls", "parallel"}, 2, "neither sequential nor concurrent"},
		{"a service without database", []string{"serve"}, 1, "see --postgres"},
		{"load on nothing", []string{"load"}, 1, "needs an http or https URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), c.args, strings.NewReader(""), &stdout, &stderr)
			if code != c.code || !strings.Contains(stderr.String(), c.stderr) || stdout.Len() > 0 {
				t.Errorf("exit code %d, %s%s", code, stdout.String(), stderr.String())
			}
		})
	}
}

// With --leash a process exits with its standard input, not with its context;
// without it, the other way round.
func TestLeash(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		leashed bool
	}{
		{"leashed", []string{"upstreams", "--leash"}, true},
		{"free", []string{"upstreams"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in, leash := io.Pipe()
			out, stdout := io.Pipe()
			code := make(chan int, 1)
			go func() { code <- run(ctx, c.args, in, stdout, io.Discard) }()
			var ready vin.Ready
			if err := json.NewDecoder(out).Decode(&ready); err != nil || ready.Role != "upstreams" || ready.URL == "" {
				t.Fatalf("%+v, %v", ready, err)
			}
			if c.leashed {
				cancel() // as Ctrl-C does, which reaches the parent as well
				response, err := http.Get(ready.URL)
				if err != nil {
					t.Fatalf("after its context has ended: %v", err)
				}
				response.Body.Close()
				leash.Close()
			} else {
				leash.Close()
				response, err := http.Get(ready.URL)
				if err != nil {
					t.Fatalf("after its standard input has ended: %v", err)
				}
				response.Body.Close()
				cancel()
			}
			if got := <-code; got != 0 {
				t.Errorf("exit code %d", got)
			}
		})
	}
}
