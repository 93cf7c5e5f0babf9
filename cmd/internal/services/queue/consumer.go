package queue

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"timesink/analyze/breakdown"
	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// A message is a message for a consumer: the client that waits for it, and the
// function that acknowledges it to the broker, which may be nil.
type message struct {
	from   string
	commit func(context.Context) error
}

type messageKey struct{}

// A consumer does the work of messages in the order of their arrival.
type consumer struct {
	do   func(context.Context) error
	done chan string
}

// newConsumer starts a goroutine that tells clients which of their messages
// are done, so that this is not part of the work.
func newConsumer(ctx context.Context, do func(context.Context) error) (*consumer, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	c := &consumer{do, make(chan string, 16)}
	go func() {
		for from := range c.done {
			if to, err := net.ResolveUDPAddr("udp", from); err == nil {
				conn.WriteToUDP([]byte("done"), to)
			}
		}
	}()
	return c, nil
}

// handle does one message's work, on the consumer's goroutine.
func (c *consumer) handle(ctx context.Context, m message) error {
	err := c.do(context.WithValue(ctx, messageKey{}, m))
	c.done <- m.from
	return err
}

// commits is the work of a consumer that only acknowledges.
func commits(context.Context, scenario.Env) (scenario.Work, error) {
	return func(ctx context.Context, w *scenario.Watch) error {
		m := ctx.Value(messageKey{}).(message)
		return w.Time(breakdown.Queue, breakdown.Commit, func() error { return m.commit(ctx) })
	}, nil
}

// sleeps is the work of a consumer that acknowledges nothing.
func sleeps(context.Context, scenario.Env) (scenario.Work, error) {
	return func(context.Context, *scenario.Watch) error { return nil }, nil
}

// A producer publishes messages.
type producer struct {
	publish func(ctx context.Context, body []byte) error
	close   func()
	done    *net.UDPConn
}

// dialed returns a session that publishes a message when the previous one is
// done and its consumer has had time to ask for more.
func dialed(publish func(ctx context.Context, body []byte) error, closed func(), err error) load.Session {
	if err != nil {
		return failed{err}
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return failed{err}
	}
	return &producer{publish, closed, conn}
}

// pause is how long a consumer has to ask for more.
const pause = 5 * time.Millisecond

// lost is how long a message may be in transit.
const lost = 5 * time.Second

func (p *producer) Get(ctx context.Context, _ string) (int, error) {
	if err := p.publish(ctx, []byte(p.done.LocalAddr().String())); err != nil {
		return 0, err
	}
	if err := p.done.SetReadDeadline(time.Now().Add(lost)); err != nil {
		return 0, err
	}
	if _, err := p.done.Read(make([]byte, 16)); err != nil {
		return 0, errors.Join(errors.New("the message was not handled"), err)
	}
	time.Sleep(pause)
	return http.StatusOK, nil
}

func (p *producer) Close() {
	p.done.Close()
	p.close()
}

// failed returns a session that could not be opened.
type failed struct{ err error }

func (f failed) Get(context.Context, string) (int, error) { return 0, f.err }

func (f failed) Close() {}
