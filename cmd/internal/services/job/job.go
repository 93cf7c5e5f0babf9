// Package job contains the scenarios of schedulers and task queues, whose jobs are
// units of work.
package job

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// Scenarios lists them.
var Scenarios = slices.Concat(crons, asynqs)

// named returns the full name of a function in this package.
func named(function string) string { return reflect.TypeFor[report]().PkgPath() + "." + function }

var crons = []scenario.Scenario{
	{
		Name: "cron", Open: waits, Server: scenario.Server{Listen: listenCron(func(r *report) cron.Job { return r }), Dial: watch, OneWay: true},
		Want: scenario.Want{Kind: "cron", Endpoint: named("(*report).Run")},
	},
	{
		Name: "cron, wrapped", Open: waits, Server: scenario.Server{Listen: listenCron(wrapped), Dial: watch, OneWay: true},
		Want: scenario.Want{Kind: "cron", Endpoint: named("(*report).write")},
	},
}

// waits is the work of a job that waits for a lock, in addition to its pause.
func waits(context.Context, scenario.Env) (scenario.Work, error) {
	return func(_ context.Context, w *scenario.Watch) error {
		return w.Time(breakdown.Sleep, breakdown.NoPhase, func() error { time.Sleep(5 * time.Millisecond); return nil })
	}, nil
}

// A report is a job.
type report struct {
	ctx context.Context
	do  func(context.Context) error
}

func (r *report) Run() { r.do(r.ctx) }

func (r *report) write() { r.do(r.ctx) }

// wrapped returns the job as a function that is not run twice at once.
func wrapped(r *report) cron.Job {
	return cron.SkipIfStillRunning(cron.DiscardLogger)(cron.FuncJob(r.write))
}

// often is a schedule finer than cron's own.
type often time.Duration

func (o often) Next(t time.Time) time.Time { return t.Add(time.Duration(o)) }

func listenCron(job func(*report) cron.Job) func(context.Context, scenario.Env, func(context.Context) error) (string, error) {
	return func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
		c := cron.New()
		c.Schedule(often(50*time.Millisecond), job(&report{ctx, do}))
		c.Start()
		context.AfterFunc(ctx, func() { c.Stop() })
		return "", nil
	}
}

// watch returns the client of a scheduler, which asks for nothing.
func watch(scenario.Env, string) load.Session { return watcher{} }

type watcher struct{}

func (watcher) Get(ctx context.Context, _ string) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return http.StatusOK, nil
	}
}

func (watcher) Close() {}
