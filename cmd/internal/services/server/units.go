package server

import (
	"context"
	"net"
	"net/http"
	"runtime/trace"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// Units lists the scenarios of units of work that a service or its user marks.
var Units = []scenario.Scenario{
	unitsOf("region", (*worker).region, "region", "order"),
	unitsOf("task", (*worker).task, "task", "order"),
	unitsOf("task that another goroutine ends", (*worker).handedTask, "task", "order"),
	unitsOf("function", (*worker).handle, "function", named("(*worker).handle")),
}

func unitsOf(name string, handle func(*worker, context.Context) error, kind, endpoint string) scenario.Scenario {
	s := serving(name, scenario.Server{Listen: listenJobs(handle), Dial: dialJobs}, kind, "")
	s.Want.Endpoint = endpoint
	if kind == "function" {
		s.Root = `server\.\(\*worker\)\.handle$`
	}
	return s
}

// A worker does jobs one after another, on a separate goroutine.
type worker struct{ do func(context.Context) error }

func (w *worker) region(ctx context.Context) (err error) {
	trace.WithRegion(ctx, "order", func() { err = w.do(ctx) })
	return err
}

func (w *worker) task(ctx context.Context) error {
	ctx, task := trace.NewTask(ctx, "order")
	defer task.End()
	defer trace.StartRegion(ctx, "within").End()
	return w.do(ctx)
}

// handedTask begins a task that another goroutine performs and ends.
func (w *worker) handedTask(ctx context.Context) error {
	ctx, task := trace.NewTask(ctx, "order")
	done, end, failed := make(chan error), make(chan bool), error(nil)
	scenario.Serve(ctx, func(ctx context.Context) {
		go func() {
			done <- w.do(ctx)
			<-end
			task.End()
			done <- nil
		}()
		failed = <-done
	})
	end <- true
	<-done
	return failed
}

func (w *worker) handle(ctx context.Context) error { return w.do(ctx) }

// listenJobs takes jobs over TCP, a byte each, and answers each with a byte when
// it is done.
func listenJobs(handle func(*worker, context.Context) error) func(context.Context, scenario.Env, func(context.Context) error) (string, error) {
	return func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		context.AfterFunc(ctx, func() { l.Close() })
		jobs := make(chan net.Conn)
		for range 2 {
			go work(ctx, &worker{do}, jobs, handle)
		}
		go accept(l, jobs)
		return l.Addr().String(), nil
	}
}

func work(ctx context.Context, w *worker, jobs <-chan net.Conn, handle func(*worker, context.Context) error) {
	for conn := range jobs {
		if handle(w, ctx) == nil {
			conn.Write([]byte{1})
		}
	}
}

func accept(l net.Listener, jobs chan<- net.Conn) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for b := make([]byte, 1); ; {
				if _, err := conn.Read(b); err != nil {
					return
				}
				jobs <- conn
			}
		}()
	}
}

// jobs is a client's connection.
type jobs struct {
	address string
	conn    net.Conn
}

func dialJobs(_ scenario.Env, address string) load.Session { return &jobs{address: address} }

func (j *jobs) Get(ctx context.Context, _ string) (int, error) {
	if j.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", j.address)
		if err != nil {
			return 0, err
		}
		j.conn = conn
	}
	stop := context.AfterFunc(ctx, func() { j.conn.Close() })
	defer stop()
	if _, err := j.conn.Write([]byte{1}); err != nil {
		return 0, err
	}
	_, err := j.conn.Read(make([]byte, 1))
	return http.StatusOK, err
}

func (j *jobs) Close() {
	if j.conn != nil {
		j.conn.Close()
	}
}
