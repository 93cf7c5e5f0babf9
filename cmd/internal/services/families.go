package main

import (
	"fmt"
	"slices"

	"timesink/cmd/internal/services/cache"
	"timesink/cmd/internal/services/causality"
	"timesink/cmd/internal/services/cores"
	"timesink/cmd/internal/services/db"
	"timesink/cmd/internal/services/job"
	"timesink/cmd/internal/services/local"
	"timesink/cmd/internal/services/queue"
	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/services/server"
	"timesink/cmd/internal/services/unruled"
	"timesink/cmd/internal/services/upstream"
	"timesink/cmd/internal/services/woven"
)

// A family is a group of scenarios that one process serves.
type family struct {
	name      string
	scenarios []scenario.Scenario
	// sample names what is measured when the whole table would take too long: one
	// scenario, last, preceded by the scenarios needed to distinguish it.
	sample []string
}

var families = []family{
	{"pgx", db.Pgx, []string{"pgxpool starved"}},
	{"postgres", db.Postgres, []string{"pgx database/sql transaction"}},
	{"cache", cache.Scenarios, []string{"redigo starved"}},
	{"net/http", upstream.NetHTTP, []string{"net/http's client, new connections"}},
	{"http clients", upstream.Clients, []string{"fasthttp's client starved"}},
	{"rpc clients", upstream.RPC, []string{"grpc-go's client, new connections"}},
	{"woven calls", woven.Scenarios, []string{"a stream of gRPC, a query for each message"}},
	{"file", local.Files, []string{"log to a slow pipe"}},
	{"sleep", local.Sleeps, []string{"back-off with jitter"}},
	{"lock", local.Locks, []string{"mutex over a query"}},
	{"retries", local.Retries, []string{"go-retryablehttp"}},
	{"processes", local.Processes, []string{"child process", "C that computes"}},
	{"branches", causality.Branches, []string{"pipeline of three"}},
	{"timeouts", causality.Timeouts, []string{"hedged call"}},
	{"shared", causality.Shared, []string{"singleflight"}},
	{"workers", causality.Workers, []string{"workers one after another"}},
	{"batches", causality.Batches, []string{"writer, a sync for all"}},
	{"queue", queue.Scenarios, []string{"kafka-go"}},
	{"consumers", queue.Consumers, []string{"franz-go group"}},
	{"mysql and mongodb", slices.Concat(db.MySQL, db.MongoDB), []string{"mysql starved"}},
	{"embedded", db.Embedded, []string{"sqlite3 by cgo transaction"}},
	{"http servers", server.HTTP, []string{"net/http HTTP/2 over TLS"}},
	{"middleware", server.Wrapped, []string{"echo, next(c)", "echo, next(c) to another"}},
	{"handlers", server.LedOn, []string{"net/http, two closures of one function", "net/http, two closures of one function, to another"}},
	{"rpc servers", server.RPC, []string{"grpc-go streaming"}},
	{"streams", server.Streams, []string{"gorilla/websocket"}},
	{"long polls", server.Polls, []string{"publish", "long poll by a hub"}},
	{"limited listener", []scenario.Scenario{server.Limited}, []string{server.Limited.Name}},
	{"dns", server.DNS, []string{"miekg/dns over UDP"}},
	{"messages", server.Messages, []string{"a goroutine for each packet"}},
	{"schedulers", job.Scenarios, []string{"cron"}},
	{"units", server.Units, []string{"task that another goroutine ends"}},
}

var peers = slices.Concat(db.Peers, queue.Peers, cache.Peers, upstream.Peers, causality.Peers, local.Peers, cores.Peers)

// beside holds scenarios that are not in the table.
var beside = family{"beside the table", []scenario.Scenario{unruled.Beanstalk}, []string{unruled.Beanstalk.Name}}

// deprived holds the scenarios of TestCores.
var deprived = family{"cores", cores.Scenarios, []string{"computes"}}

// find returns a scenario with its defaults filled in.
func find(name string) (scenario.Scenario, error) {
	for _, f := range append(slices.Clone(families), beside, deprived) {
		for _, s := range f.scenarios {
			if s.Name == name {
				if s.Clients == 0 {
					s.Clients = 2
				}
				if s.Server.Listen == nil {
					s.Server = scenario.HTTP1
				}
				return s, nil
			}
		}
	}
	return scenario.Scenario{}, fmt.Errorf("there is no scenario %q", name)
}
