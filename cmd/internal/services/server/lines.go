package server

import (
	"bufio"
	"context"
	"net"
	"net/http"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// Messages lists the scenarios of protocols that no library serves: each goroutine
// handles one message after another.
var Messages = []scenario.Scenario{
	loop(message("lines over TCP", scenario.Server{Listen: listenLines, Dial: dialLines}, "serveLines")),
	loop(message("workers that receive", scenario.Server{Listen: listenJobs((*worker).handle), Dial: dialJobs}, "work")),
	message("a goroutine for each packet", scenario.Server{Listen: listenPackets, Dial: dialPackets}, "servePacket"),
}

// message returns the scenario of a server whose unit of work the user names, by the
// function that its goroutines begin in.
func message(name string, s scenario.Server, root string) scenario.Scenario {
	out := serving(name, s, "function", root)
	out.Root = `server\.` + root + `$`
	return out
}

// loop returns the scenario with goroutines that each handle many messages.
func loop(s scenario.Scenario) scenario.Scenario {
	s.Loops = true
	return s
}

// listenLines serves a protocol of lines: each asks for one piece of work.
func listenLines(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
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
			go serveLines(ctx, conn, do)
		}
	}()
	return l.Addr().String(), nil
}

func serveLines(ctx context.Context, conn net.Conn, do func(context.Context) error) {
	defer conn.Close()
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		answer := "done\n"
		if err := do(ctx); err != nil {
			answer = "failed: " + err.Error() + "\n"
		}
		out.WriteString(answer)
		if out.Flush() != nil {
			return
		}
	}
}

// lines is a client's connection.
type lines struct {
	jobs
	in *bufio.Reader
}

func dialLines(_ scenario.Env, address string) load.Session {
	return &lines{jobs: jobs{address: address}}
}

func (l *lines) Get(ctx context.Context, _ string) (int, error) {
	if l.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
		if err != nil {
			return 0, err
		}
		l.conn, l.in = conn, bufio.NewReader(conn)
	}
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	if _, err := l.conn.Write([]byte("work\n")); err != nil {
		return 0, err
	}
	answer, err := l.in.ReadString('\n')
	if answer != "done\n" {
		return http.StatusInternalServerError, err
	}
	return http.StatusOK, err
}

// listenPackets does a job for each packet, each on its own goroutine.
func listenPackets(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	go func() {
		for b := make([]byte, 16); ; {
			_, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			go servePacket(ctx, conn, from, do)
		}
	}()
	return conn.LocalAddr().String(), nil
}

func servePacket(ctx context.Context, conn net.PacketConn, to net.Addr, do func(context.Context) error) {
	if do(ctx) == nil {
		conn.WriteTo([]byte{1}, to)
	}
}

func dialPackets(_ scenario.Env, address string) load.Session {
	return &packets{jobs{address: address}}
}

// packets is a client that sends a packet and waits for the answer.
type packets struct{ jobs }

func (p *packets) Get(ctx context.Context, _ string) (int, error) {
	if p.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", p.address)
		if err != nil {
			return 0, err
		}
		p.conn = conn
	}
	return p.jobs.Get(ctx, "")
}
