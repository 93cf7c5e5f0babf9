//go:build whole

package db

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// MongoDB lists the scenarios of MongoDB's driver. Debian has no MongoDB
// server, so they use a stand-in.
var MongoDB = []scenario.Scenario{
	{
		Name: "mongo find", Needs: []string{"mongodb"}, Open: mongoWork(nil, mongoFind),
		Want: scenario.Want{System: "mongodb", Calls: 1 + mongoBatches},
	},
	{
		Name: "mongo starved", Needs: []string{"mongodb"}, Clients: 4, Open: mongoWork(options.Client().SetMaxPoolSize(1), mongoInsert),
		Want: scenario.Want{System: "mongodb", Calls: 1},
	},
}

// mongoWork does every request's work with one client.
func mongoWork(o *options.ClientOptions, work func(context.Context, *scenario.Watch, *mongo.Collection) error) func(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, env scenario.Env) (scenario.Work, error) {
		api := options.ServerAPI(options.ServerAPIVersion1)
		own := options.Client().ApplyURI(env["mongodb"]).SetServerAPIOptions(api).SetMonitor(mongoMonitor)
		client, err := mongo.Connect(own, o)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { client.Disconnect(context.WithoutCancel(ctx)) })
		items := client.Database("shop").Collection("items")
		return func(ctx context.Context, w *scenario.Watch) error { return work(ctx, w, items) }, client.Ping(ctx, nil)
	}
}

func mongoFind(ctx context.Context, w *scenario.Watch, items *mongo.Collection) error {
	var cursor *mongo.Cursor
	err := w.Time(breakdown.DB, breakdown.Query, func() (err error) {
		cursor, err = items.Find(ctx, bson.D{{Key: "name", Value: "one"}})
		return err
	})
	if err != nil {
		return err
	}
	return w.Time(breakdown.DB, breakdown.Rows, func() error {
		var all []bson.Raw
		return cursor.All(ctx, &all)
	})
}

// A mongoCommand holds when the driver sent a command and when it had the
// answer.
type mongoCommand struct {
	watch      *scenario.Watch
	sent, done int64
}

type mongoKey struct{}

// mongoMonitor is called by the driver once it has a connection, and again when
// it has the answer.
var mongoMonitor = &event.CommandMonitor{
	Started: func(ctx context.Context, _ *event.CommandStartedEvent) {
		if c, ok := ctx.Value(mongoKey{}).(*mongoCommand); ok {
			c.sent = c.watch.Now()
		}
	},
	Succeeded: func(ctx context.Context, _ *event.CommandSucceededEvent) {
		if c, ok := ctx.Value(mongoKey{}).(*mongoCommand); ok {
			c.done = c.watch.Now()
		}
	},
}

func mongoInsert(ctx context.Context, w *scenario.Watch, items *mongo.Collection) error {
	c := &mongoCommand{watch: w}
	begun := w.Now()
	_, err := items.InsertOne(context.WithValue(ctx, mongoKey{}, c), bson.D{{Key: "name", Value: "one"}})
	w.Note(breakdown.DB, breakdown.PoolWait, begun, c.sent)
	w.Note(breakdown.DB, breakdown.Query, c.sent, c.done)
	return err
}
