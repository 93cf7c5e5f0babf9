//go:build whole

package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/crypto/argon2"

	"timesink/cmd/internal/services/scenario"
)

func init() { families = append(families, family{"overheads", overheadRows}) }

// overheadRows are about CPU time that requests take in what they do not ask for.
var overheadRows = []row{
	{service: "a profile of each allocation", plants: "cpu-own-code", also: []string{"allocation", "no-processor", "gc-pressure"}, load: one, open: handled(openProfiled)},
	{service: "a password hashed by argon2", plants: "crypto", also: []string{"no-processor", "allocation", "gc-pressure"}, load: one, open: handled(openArgon)},
	{service: "values in gob, an encoder for each", plants: "serialization", also: []string{"allocation", "no-processor"}, load: one, open: handled(openGob)},
	{service: "a buffer of megabytes for each request", plants: "gc-pressure", also: []string{"allocation", "no-processor", "no-core", "cpu-own-code"}, load: one, open: handled(openBuffers)},
	{service: "a configuration read for each request", plants: "serialization", also: []string{"allocation", "no-processor"}, needs: []string{"folder"}, load: one, open: handled(openConfiguration)},
	{service: "a loop that cannot be preempted", plants: "processors-held", also: []string{"gc-pressure", "stops-the-world", "no-processor", "other-side", "tail"}, quiet: true, slowly: true, env: []string{"GODEBUG=asyncpreemptoff=1"}, needs: []string{"http"}, load: []clients{{number: 4}}, open: handled(openUnpreempted)},
}

func openProfiled(context.Context, scenario.Env) (work, error) {
	runtime.MemProfileRate = 1
	return func(context.Context) error { describe(2000); return nil }, nil
}

func describe(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("item ", i))
	}
	return all
}

func openArgon(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error {
		argon2.IDKey([]byte("secret"), []byte("of this user"), 1, 16<<10, 1, 32)
		return nil
	}, nil
}

// An article is encoded with its type.
type article struct {
	ID     int
	Name   string
	Tags   []string
	Prices map[string]float64
}

func openGob(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error { return copyArticles(60) }, nil
}

func copyArticles(n int) error {
	for i := range n {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(article{i, "one", []string{"a", "b"}, map[string]float64{"eur": 1}}); err != nil {
			return err
		}
		var got article
		if err := gob.NewDecoder(&b).Decode(&got); err != nil {
			return err
		}
	}
	return nil
}

func openBuffers(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error { runtime.KeepAlive(fill()); return nil }, nil
}

func fill() []byte {
	buf := make([]byte, 16<<20)
	copy(buf, "item")
	return buf
}

func openConfiguration(_ context.Context, env scenario.Env) (work, error) {
	name := filepath.Join(env["folder"], "shops.yaml")
	var b strings.Builder
	for n := range 300 {
		fmt.Fprintf(&b, "shop%d:\n  name: shop %d\n  open: true\n", n, n)
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		return nil, err
	}
	return func(context.Context) error { return configure(name) }, nil
}

func configure(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var shops map[string]any
	return yaml.Unmarshal(text, &shops)
}

// openUnpreempted computes beside the requests, in a loop without calls.
func openUnpreempted(ctx context.Context, env scenario.Env) (work, error) {
	go every(ctx, 300*time.Millisecond, func() { spinFor(400_000_000) })
	client, url := roomy(), "http://"+env["http"]+"?wait=2ms&rest=0s&size=200"
	return func(ctx context.Context) error {
		render()
		return get(ctx, client, url)
	}, nil
}

var spun uint64

func spinFor(n int) {
	x := uint64(n)
	for range n {
		x ^= x << 13
		x ^= x >> 7
	}
	spun = x
}
