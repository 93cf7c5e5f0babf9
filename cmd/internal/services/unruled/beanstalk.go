// Package unruled contains a scenario with a library for which timesink has no
// rule, to show its answer then, and that a custom rule explains it.
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

// every is the interval of new jobs: long enough that two concurrent requests wait
// for them.
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
		c := <-idle // one for each request
		defer func() { idle <- c }()
		return w.Time(breakdown.Queue, breakdown.Fetch, func() error {
			id, _, err := c.Reserve(10 * time.Second)
			return errors.Join(err, c.Delete(id))
		})
	}, nil
}

// Clients is the maximum number of concurrent requests.
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
