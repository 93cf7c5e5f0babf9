//go:build whole

package job

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/meter"
	"timesink/cmd/internal/services/scenario"
)

var asynqs = []scenario.Scenario{{
	Name: "asynq", Needs: []string{"redis"}, Clients: 1, Open: openTask,
	Server: scenario.Server{Listen: listenAsynq, Dial: dialAsynq, OneWay: true},
	Want:   scenario.Want{Kind: "asynq", System: "redis", Calls: 1, Endpoint: named("(*tasks).handle")},
}}

// tasks are those in progress. asynq handles a task on one goroutine, while another one
// waits for it and then acknowledges it. The latter's is the unit, which thus ends with
// the acknowledgment.
type tasks struct {
	do    func(context.Context) error
	mu    sync.Mutex
	ended map[int64]*task // by the goroutine that acknowledges
}

// A task is one that has been handled.
type task struct {
	watch *scenario.Watch
	end   func()
}

type taskKey struct{}

// openTask returns the work of a task: nothing but the pause. It keeps the watch for the
// acknowledgment.
func openTask(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, w *scenario.Watch) error {
		ctx.Value(taskKey{}).(*task).watch = w
		return nil
	}, nil
}

func (t *tasks) handle(ctx context.Context, _ *asynq.Task) error {
	of := &task{}
	creator := meter.Creator()
	ctx, of.end = scenario.Begin(context.WithValue(ctx, taskKey{}, of), creator)
	err := t.do(ctx)
	t.mu.Lock()
	t.ended[creator] = of
	t.mu.Unlock()
	return err
}

func (t *tasks) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook times the acknowledgment of the task that the goroutine has handled.
func (t *tasks) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		g := meter.Goroutine()
		t.mu.Lock()
		of := t.ended[g]
		delete(t.ended, g)
		t.mu.Unlock()
		if of == nil {
			return next(ctx, cmd)
		}
		defer of.end()
		return of.watch.Time(breakdown.Cache, breakdown.Command, func() error { return next(ctx, cmd) })
	}
}

func (t *tasks) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func listenAsynq(ctx context.Context, env scenario.Env, do func(context.Context) error) (string, error) {
	t := &tasks{do: do, ended: map[int64]*task{}}
	client := redis.NewClient(&redis.Options{Addr: env["redis"]})
	client.AddHook(t)
	s := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 2, TaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel})
	mux := asynq.NewServeMux()
	mux.HandleFunc("report", t.handle)
	if err := s.Start(mux); err != nil {
		return "", err
	}
	context.AfterFunc(ctx, s.Shutdown)
	return env["redis"], nil
}

func dialAsynq(_ scenario.Env, address string) load.Session {
	return &enqueuer{asynq.NewClient(asynq.RedisClientOpt{Addr: address})}
}

type enqueuer struct{ *asynq.Client }

func (e *enqueuer) Get(ctx context.Context, _ string) (int, error) {
	if _, err := e.EnqueueContext(ctx, asynq.NewTask("report", nil)); err != nil {
		return 0, err
	}
	_, err := watcher{}.Get(ctx, "")
	return http.StatusOK, err
}

func (e *enqueuer) Close() { e.Client.Close() }
