package queue

import (
	"context"
	"io"
	"net"
	"time"
)

// slowness is how much later than it is said is heard what a broker says.
const slowness = 8 * time.Millisecond

// slow listens, until the context ends, for connections to a broker, and passes
// on what it says later.
func slow(ctx context.Context, broker string) (address string, err error) {
	l, err := listenLate("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go join(ctx, conn, broker)
		}
	}()
	return l.Addr().String(), nil
}

// join connects a client to the broker until one of them is gone.
func join(ctx context.Context, client net.Conn, address string) {
	defer client.Close()
	broker, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { broker.Close() })()
	go func() {
		defer broker.Close()
		io.Copy(broker, client)
	}()
	io.Copy(client, broker)
}

// lateListener accepts connections on which all that is written is sent later.
type lateListener struct{ net.Listener }

func listenLate(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return lateListener{l}, err
}

func (l lateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &lateConn{Conn: conn, pieces: make(chan piece, 1024), closed: make(chan struct{})}
	go c.send()
	return c, nil
}

type lateConn struct {
	net.Conn
	pieces chan piece
	closed chan struct{} // no piece will be sent any more
}

// A piece is what one Write was given, and when it is to be sent.
type piece struct {
	due  time.Time
	data []byte
}

func (c *lateConn) Write(b []byte) (int, error) {
	select {
	case c.pieces <- piece{time.Now().Add(slowness), append([]byte(nil), b...)}:
		return len(b), nil
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *lateConn) send() {
	defer close(c.closed)
	for p := range c.pieces {
		time.Sleep(time.Until(p.due))
		if _, err := c.Conn.Write(p.data); err != nil {
			return
		}
	}
}
