package timeline_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"timesink/analyze/timeline"
)

// limited is a listener that takes a bounded number of connections at a time, as a
// service may write it itself.
type limited struct {
	net.Listener
	slots chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slot{Conn: conn, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

type slot struct {
	net.Conn
	free func()
}

func (s *slot) Close() error {
	defer s.free()
	return s.Conn.Close()
}

// accepting records a server whose clients dial for each request.
func accepting(t *testing.T, slots, clients int) []timeline.AcceptLoop {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Millisecond) })}
	go s.Serve(&limited{l, make(chan struct{}, slots)})
	t.Cleanup(func() { s.Close() })
	data := record(t, func() {
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				for range 15 {
					resp, err := client.Get("http://" + l.Addr().String())
					if err != nil {
						t.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		}
		all.Wait()
	})
	sum, _ := read(t, data, 1)
	return sum.AcceptLoops
}

// Most connections queue. How many do not depends on how late the machine lets clients
// dial.
func TestAnAcceptLoopThatIsHeldUp(t *testing.T) {
	loops := accepting(t, 2, 8)
	if len(loops) != 1 {
		t.Fatalf("%d loops: %+v", len(loops), loops)
	}
	l := loops[0]
	if l.Accepted < 110 || 2*l.Queued < l.Accepted || time.Duration(l.Held) < 150*time.Millisecond || !strings.HasSuffix(l.At.Stack[1].Function, ".(*limited).Accept") {
		t.Errorf("%d connections, %d of them queued, held up for %v in %v", l.Accepted, l.Queued, time.Duration(l.Held), l.At.Stack[:2])
	}
}

// A limit that is reached while nobody waits holds nobody up.
func TestAnAcceptLoopThatNobodyWaitsFor(t *testing.T) {
	for _, l := range accepting(t, 4, 2) {
		if 10*l.Queued > l.Accepted {
			t.Errorf("%d of %d connections queued", l.Queued, l.Accepted)
		}
	}
}
