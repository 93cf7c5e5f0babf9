// Package server contains the scenarios of servers: each receives requests in its
// own way and does the same work for them, behind middleware of its library, of
// others and of its own.
package server

import (
	"context"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// HTTP lists the scenarios of HTTP servers, RPC those of remote procedure calls.
var (
	HTTP = slices.Concat(standard, routers, gins, fast)
	// Wrapped lists the scenarios of wrapped handlers.
	Wrapped = wrapped
	// LedOn lists the scenarios of handlers that other functions lead to, or that lead
	// on themselves.
	LedOn = ledOn
	RPC   = slices.Concat(grpcs, connects)
)

// shop is the service behind all servers.
type shop struct{ do func(context.Context) error }

// named returns the full name of a function in this package.
func named(function string) string { return reflect.TypeFor[shop]().PkgPath() + "." + function }

// serving returns the scenario of a server. Each request makes a query, long
// enough that the server's own work around the handler is comparatively small,
// and that a dozen servers together leave the cores mostly idle.
func serving(name string, s scenario.Server, kind, endpoint string) scenario.Scenario {
	return scenario.Scenario{Name: name, Needs: []string{"postgres"}, Server: s, Open: openQuery,
		Want: scenario.Want{System: "postgres", Calls: 1, Kind: kind, Endpoint: named(endpoint)}}
}

func openQuery(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	pool, err := pgxpool.New(ctx, env["postgres"])
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.DB, breakdown.NoPhase, func() error {
			var s string
			return pool.QueryRow(ctx, "SELECT pg_sleep(0.04)::text").Scan(&s)
		})
	}, nil
}
