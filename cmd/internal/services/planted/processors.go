package main

import (
	"context"
	"hash/crc64"
	"net/http"
	"sync/atomic"
	"time"

	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/scenario"
)

// processorRows are about processors and what runs on them.
var processorRows = []row{
	{service: "more requests than processors", plants: "no-processor", load: []clients{{number: 12}}, open: handled(openComputing(4 * time.Millisecond))},
	{service: "a mapped file that does not stay in memory", plants: "no-core", also: []string{"cpu-own-code"}, needs: []string{"folder"}, load: []clients{{path: "/mapped", number: 1}, {path: "/computed", number: 1}}, names: "stalls", quiet: true, open: openMapped},
	{service: "a limit of half a core", plants: "no-core", also: []string{"cpu-own-code"}, cores: 0.5, load: []clients{{number: 2}}, open: handled(openComputing(12 * time.Millisecond))},
}

// sum keeps the compiler from removing what computes it.
var sum atomic.Uint64

// compute uses that much processor time.
func compute(cpu time.Duration) {
	table, data := crc64.MakeTable(crc64.ECMA), make([]byte, 4096)
	for end := meter.ThreadCPU() + int64(cpu); meter.ThreadCPU() < end; {
		sum.Store(crc64.Update(sum.Load(), table, data))
	}
}

func openComputing(cpu time.Duration) func(context.Context, scenario.Env) (work, error) {
	return func(context.Context, scenario.Env) (work, error) {
		return func(context.Context) error { compute(cpu); return nil }, nil
	}
}

// pages are read by each request.
const pages = 64

// openMapped reads a mapped file, whose pages the kernel has dropped. What other requests
// compute shows that there are cores.
func openMapped(ctx context.Context, env scenario.Env) (http.Handler, error) {
	cold, err := scenario.OpenCold(ctx, env["folder"], pages)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /computed", answers(func(context.Context) error { compute(4 * time.Millisecond); return nil }))
	mux.Handle("GET /mapped", answers(func(context.Context) error {
		own, err := cold.Next()
		if err != nil {
			return err
		}
		lookUp(own)
		return nil
	}))
	return mux, nil
}

//go:noinline
func lookUp(index []byte) {
	found := uint64(0)
	for i := 0; i < len(index); i += scenario.PageSize {
		found += uint64(index[i])
	}
	sum.Store(found)
}
