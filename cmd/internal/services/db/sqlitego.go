//go:build whole

package db

import (
	"context"
	"net/http"

	_ "modernc.org/sqlite"

	"timesink/cmd/internal/services/scenario"
)

var sqliteInGo = []scenario.Scenario{
	{
		Name: "sqlite in Go", Needs: []string{"folder"}, Clients: 1, Open: sqlWork(openSQLite("sqlite", "go.db"), sqlRows(busy(25000))),
		Server: scenario.Server{Listen: computing, Dial: scenario.DialHTTP},
		Want:   scenario.Want{Estimate: true, Calls: -1},
	},
	{
		Name: "sqlite in Go transaction", Needs: []string{"folder"}, Open: openSQLiteTransaction("sqlite", "go-tx.db?_pragma=busy_timeout(10000)&_txlock=immediate"),
		Want: scenario.Want{System: "sqlite", Calls: -1},
	},
}

// computing serves with a separate handler.
func computing(ctx context.Context, _ scenario.Env, do func(context.Context) error) (url string, err error) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { scenario.Answer(w, do(r.Context())) })
	return scenario.ServeHTTP(ctx, &http.Server{Handler: handler})
}
