package main

import (
	"fmt"
	"slices"

	"timesink/cmd/internal/services/cache"
	"timesink/cmd/internal/services/causality"
	"timesink/cmd/internal/services/db"
	"timesink/cmd/internal/services/local"
	"timesink/cmd/internal/services/queue"
	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/services/server"
	"timesink/cmd/internal/services/unruled"
	"timesink/cmd/internal/services/upstream"
	"timesink/cmd/internal/services/woven"
)

// A family is scenarios that one process serves.
type family struct {
	name      string
	scenarios []scenario.Scenario
}

var families = []family{
	{"pgx", db.Pgx},
	{"postgres", db.Postgres},
	{"cache", cache.Scenarios},
	{"net/http", upstream.NetHTTP},
	{"http clients", upstream.Clients},
	{"rpc clients", upstream.RPC},
	{"woven calls", woven.Scenarios},
	{"file", local.Files},
	{"sleep", local.Sleeps},
	{"lock", local.Locks},
	{"branches", causality.Branches},
	{"timeouts", causality.Timeouts},
	{"shared", causality.Shared},
	{"workers", causality.Workers},
	{"queue", queue.Scenarios},
	{"consumers", queue.Consumers},
	{"mysql and mongodb", slices.Concat(db.MySQL, db.MongoDB)},
	{"embedded", db.Embedded},
	{"http servers", server.HTTP},
	{"middleware", server.Wrapped},
	{"rpc servers", server.RPC},
	{"streams", server.Streams},
	{"long polls", server.Polls},
	{"units", server.Units},
}

var peers = slices.Concat(db.Peers, queue.Peers, cache.Peers, upstream.Peers, causality.Peers, local.Peers)

// beside are scenarios that are no lines of the table.
var beside = family{"beside the table", []scenario.Scenario{unruled.Beanstalk}}

// find returns a scenario with what it leaves to the defaults filled in.
func find(name string) (scenario.Scenario, error) {
	for _, f := range append(slices.Clone(families), beside) {
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
