package main

import (
	"context"
	"sync/atomic"

	"timesink/cmd/internal/services/scenario"
)

// conclusionRows are about the answer as a whole: what is not worth looking at, and
// requests that are unlike the others.
var conclusionRows = []row{
	{service: "a quick statement beside a slow call", plants: "not-worth-it", also: []string{"other-side"}, needs: []string{"postgres", "http"}, open: handled(openCallAndQuickStatement)},
	{service: "one request in forty that asks another service as well", plants: "tail", slowly: true, also: []string{"other-side"}, needs: []string{"postgres", "http"}, load: []clients{{number: 8}}, open: handled(openSeldomSlow)},
}

func openCallAndQuickStatement(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	call, err := openCall(ctx, env)
	if err != nil {
		return nil, err
	}
	ask := asks(pool, "SELECT 1")
	return func(ctx context.Context) error {
		if err := call(ctx); err != nil {
			return err
		}
		return ask(ctx)
	}, nil
}

func openSeldomSlow(ctx context.Context, env scenario.Env) (work, error) {
	pool, err := openPostgres(ctx, env, 8)
	if err != nil {
		return nil, err
	}
	client, url := roomy(), "http://"+env["http"]+"?wait=80ms&rest=0s&size=200"
	ask := asks(pool, "SELECT pg_sleep(0.004)")
	var number atomic.Int64
	return func(ctx context.Context) error {
		if number.Add(1)%40 == 0 {
			if err := get(ctx, client, url); err != nil {
				return err
			}
		}
		return ask(ctx)
	}, nil
}
