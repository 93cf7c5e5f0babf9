package queue

import (
	"context"
	"net"
	"time"
)

// slowness is how much later than it is said is heard what a broker says.
const slowness = 8 * time.Millisecond

// slow listens, until the context ends, for connections to a broker, and passes
// on what it says later.
func slow(ctx context.Context, broker string) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
	defer broker.Close()
	defer context.AfterFunc(ctx, func() { broker.Close() })()
	go pass(broker, client, 0)
	pass(client, broker, slowness)
}

// pass writes what it reads, each piece so much later, and closes the other side
// in the end.
func pass(to, from net.Conn, later time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer to.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				from.Close()
			}
		}
	}()
	defer close(pieces)
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if err != nil {
			return
		}
		pieces <- piece{time.Now().Add(later), data[:n]}
	}
}
