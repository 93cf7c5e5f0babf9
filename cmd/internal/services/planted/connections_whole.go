//go:build whole

package main

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"timesink/cmd/internal/services/scenario"
)

func init() {
	for i := range families {
		if f := &families[i]; f.name == "connections" {
			f.rows = append(f.rows, mongoRows...)
		}
	}
}

// mongoRows are about the connections of MongoDB's driver.
var mongoRows = []row{
	{service: "connections to MongoDB that expire between two requests", plants: "dial-per-call", also: []string{"other-side"}, needs: []string{"distant mongodb"}, load: []clients{{think: 20 * time.Millisecond}},
		open: handled(openMongo(5 * time.Millisecond))},
	{service: "connections to MongoDB that are kept", also: []string{"other-side"}, needs: []string{"distant mongodb"}, load: []clients{{think: 20 * time.Millisecond}},
		open: handled(openMongo(time.Hour))},
}

func openMongo(idle time.Duration) func(context.Context, scenario.Env) (work, error) {
	return func(ctx context.Context, env scenario.Env) (work, error) {
		o := options.Client().ApplyURI(env["distant mongodb"]).SetServerAPIOptions(options.ServerAPI(options.ServerAPIVersion1)).SetMaxConnIdleTime(idle)
		client, err := mongo.Connect(o)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { client.Disconnect(context.WithoutCancel(ctx)) })
		items := client.Database("shop").Collection("items")
		return func(ctx context.Context) error {
			_, err := items.InsertOne(ctx, bson.D{{Key: "name", Value: "one"}})
			return err
		}, nil
	}
}
