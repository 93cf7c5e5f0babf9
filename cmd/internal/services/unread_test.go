package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/cmd/internal/child"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/backing"
	"timesink/cmd/internal/services/server"
	"timesink/cmd/internal/testbin"
	"timesink/collect"
)

// TestRequestsThatWaitUnread compares how long the probes say that requests wait before
// the server reads them with what the clients measured beyond the service's stopwatch.
func TestRequestsThatWaitUnread(t *testing.T) {
	exe := testbin.BuildWith(t, *toolchain, "cmd/internal/services", tags...)
	env := backing.NewEnvironment(t, exe, peers)
	name := server.Limited.Name
	with := env.Arguments(server.Limited.Needs)
	var serving Serving
	testbin.Start(t, exe, append(append([]string{"serve"}, with...), name), &serving)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients map[string]*load.Result
	loaded := make(chan error, 1)
	go func() {
		loaded <- child.Output(ctx, exe, append(append([]string{"load"}, with...), name+"="+serving.Addresses[name]), &clients)
	}()
	for len(truths(t, serving)[name].Requests) < 20 {
		time.Sleep(50 * time.Millisecond)
	}
	target, err := collect.ParseTarget(serving.Pprof)
	if err != nil {
		t.Fatal(err)
	}
	seen := &sight{path: filepath.Join(t.TempDir(), "case.zip")}
	cfg := collect.Config{Target: target, Window: window, Probing: collect.Probing{URLs: []string{serving.Addresses[name]}, Rate: 8}}
	if _, err := collect.Run(t.Context(), cfg, seen.path); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	unread := meanWall(clients[name]) - meanServed(truths(t, serving)[name])
	b := seen.analyze(t, analyze.Options{}).Breakdown
	if len(b.Endpoints) == 0 || b.Endpoints[0].Client == nil || b.Endpoints[0].Client.Fresh == nil {
		t.Fatalf("no probe on a new connection was found among the requests: %+v", b.Endpoints)
	}
	fresh := b.Endpoints[0].Client.Fresh
	t.Logf("clients wait %v beyond the service; %d probes on new connections %v, on kept ones %v (longer by %v to %v)",
		unread, fresh.Probes, time.Duration(fresh.Unread), time.Duration(fresh.KeptUnread), time.Duration(fresh.Low), time.Duration(fresh.High))
	// The probes keep a slot, and their own wait comes on top of the clients'.
	if said := time.Duration(fresh.Unread); !fresh.Queues() || said < unread*2/3 || said > unread*3/2 {
		t.Errorf("the probes waited %v unread, the clients %v", said, unread)
	}
	if len(b.Findings) == 0 || b.Findings[0].ID != "accept-queue" || !b.Findings[0].Facts.Has(breakdown.FactAcceptSite) {
		t.Errorf("the findings are %+v", b.Findings)
	}
}

func meanWall(r *load.Result) time.Duration {
	sum := int64(0)
	for _, q := range r.Requests {
		sum += q.End - q.Start
	}
	return time.Duration(sum / int64(max(len(r.Requests), 1)))
}

func meanServed(m Measured) time.Duration {
	sum := int64(0)
	for i := range m.Requests {
		sum += m.Requests[i].End - m.Requests[i].Start
	}
	return time.Duration(sum / int64(max(len(m.Requests), 1)))
}
