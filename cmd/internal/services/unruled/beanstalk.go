// Package unruled holds a scenario with a library that timesink has no rule for,
// to show what it says then, and that a rule of the user's own explains it.
package unruled

import (
	"context"
	"errors"
	"time"

	"github.com/beanstalkd/go-beanstalk"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/services/scenario"
)

// Beanstalk takes jobs from a work queue.
var Beanstalk = scenario.Scenario{
	Name: "beanstalk", Needs: []string{"beanstalkd"}, Clients: Clients, Open: open,
	Want: scenario.Want{System: "go-beanstalk", Calls: 2},
}

// every is how often there is a new job: for two requests at a time, so seldom that
// they wait for it.
const every = 12 * time.Millisecond

func open(ctx context.Context, env scenario.Env) (scenario.Work, error) {
	producer, err := beanstalk.Dial("tcp", env["beanstalkd"])
	if err != nil {
		return nil, err
	}
	go produce(ctx, producer)
	idle := make(chan *beanstalk.Conn, Clients)
	for range cap(idle) {
		c, err := beanstalk.Dial("tcp", env["beanstalkd"])
		if err != nil {
			return nil, err
		}
		idle <- c
	}
	return func(_ context.Context, w *scenario.Watch) error {
		c := <-idle // there is one for each request
		defer func() { idle <- c }()
		return w.Time(breakdown.Queue, breakdown.Fetch, func() error {
			id, _, err := c.Reserve(10 * time.Second)
			return errors.Join(err, c.Delete(id))
		})
	}, nil
}

// Clients is how many requests there are at a time at most.
const Clients = 2

// produce puts a job for each request into the queue until the context ends.
func produce(ctx context.Context, c *beanstalk.Conn) {
	defer c.Close()
	for tick := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := c.Put([]byte("job"), 1, 0, time.Minute); err != nil {
				return
			}
		}
	}
}
