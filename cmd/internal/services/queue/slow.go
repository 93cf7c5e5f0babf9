package queue

import (
	"context"
	"io"
	"net"
	"time"
)

// slowness is the delay of what a broker sends.
const slowness = 8 * time.Millisecond

// slow listens for connections to a broker until the context ends, and forwards
// what the broker sends with a delay.
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

// join connects a client to the broker until one of them closes the connection.
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

// lateListener accepts connections whose writes are sent with a delay.
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
	closed chan struct{} // no more pieces will be sent
}

// A piece is the data of one Write, and when to send it.
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
