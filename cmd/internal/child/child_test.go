package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// The children in these tests run the test's own executable.
var roles = map[string]func(args []string){
	// obedient reports that it is ready and exits with its standard input.
	"obedient": func([]string) {
		fmt.Println(`{"pid":1}`)
		fmt.Println("more, which no one reads")
		io.Copy(io.Discard, os.Stdin)
	},
	"deaf": func([]string) {
		fmt.Println(`{}`)
		select {}
	},
	"failing": func([]string) {
		fmt.Fprintln(os.Stderr, strings.Repeat("x", 2*tailSize), "and these are its last words")
		os.Exit(3)
	},
	"failing-later": func([]string) {
		fmt.Println(`{}`)
		io.Copy(io.Discard, os.Stdin)
		fmt.Fprintln(os.Stderr, "it could not clean up")
		os.Exit(1)
	},
	"mute":   func([]string) {},
	"silent": func([]string) { io.Copy(io.Discard, os.Stdin) },
	"babbling": func([]string) {
		fmt.Println("hello")
		io.Copy(io.Discard, os.Stdin)
	},
	"answering": func([]string) { fmt.Println(`{"answer":42}`) },
	"answering-at-the-end": func(args []string) {
		dial(args[0])
		io.Copy(io.Discard, os.Stdin)
		fmt.Println(`{"answer":42}`)
	},
	// parent starts an obedient child and waits for its own end.
	"parent": func(args []string) {
		if _, err := Start(context.Background(), os.Args[0], []string{"connected", args[0]}, new(any)); err != nil {
			panic(err)
		}
		fmt.Println(`{}`)
		select {}
	},
	// connected is obedient, and holds a connection that shows from outside
	// that it lives.
	"connected": func(args []string) {
		dial(args[0])
		fmt.Println(`{}`)
		io.Copy(io.Discard, os.Stdin)
	},
}

func dial(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	held = conn
}

var held net.Conn // until the process ends

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			role(os.Args[2:])
			os.Exit(0)
		}
	}
	// Under the race detector an exiting process would wait for a second.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	m.Run()
}

func TestStartAndStop(t *testing.T) {
	var ready struct{ PID int }
	p, err := Start(t.Context(), os.Args[0], []string{"obedient"}, &ready)
	if err != nil {
		t.Fatal(err)
	}
	if ready.PID != 1 {
		t.Errorf("it says %+v", ready)
	}
	select {
	case <-p.Ended():
		t.Error("it ends by itself")
	default:
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}
	<-p.Ended()
}

func TestAChildThatDoesNotEndIsKilled(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = 10 * time.Millisecond
	p, err := Start(t.Context(), os.Args[0], []string{"deaf"}, new(any))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("%v", err)
	}
}

func TestErrorsQuoteTheChild(t *testing.T) {
	if _, err := Start(t.Context(), os.Args[0], []string{"failing"}, new(any)); err == nil ||
		!strings.Contains(err.Error(), "exit status 3") || !strings.HasSuffix(err.Error(), "these are its last words") || len(err.Error()) > tailSize+200 {
		t.Errorf("before it is ready: %v", err)
	}
	p, err := Start(t.Context(), os.Args[0], []string{"failing-later"}, new(any))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err == nil || !strings.HasSuffix(err.Error(), "exit status 1: it could not clean up") {
		t.Errorf("when it is stopped: %v", err)
	}
	if _, err := Start(t.Context(), os.Args[0], []string{"babbling"}, new(any)); err == nil || !strings.Contains(err.Error(), `"hello\n"`) {
		t.Errorf("when it says something else: %v", err)
	}
	if _, err := Start(t.Context(), os.Args[0]+"-missing", nil, new(any)); err == nil {
		t.Error("a program that is missing starts")
	}
}

func TestTheContextLimitsTheWait(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, os.Args[0], []string{"silent"}, new(any)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestOutput(t *testing.T) {
	var says struct{ Answer int }
	if err := Output(t.Context(), os.Args[0], []string{"answering"}, &says); err != nil || says.Answer != 42 {
		t.Errorf("%+v, %v", says, err)
	}
	if err := Output(t.Context(), os.Args[0], []string{"failing"}, &says); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("from a child that fails: %v", err)
	}
	if err := Output(t.Context(), os.Args[0], []string{"mute"}, &says); err == nil {
		t.Error("from a child that says nothing")
	}
}

// A child that is stopped early still answers.
func TestOutputOfAChildThatIsStopped(t *testing.T) {
	l, conns := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-conns
		cancel()
	}()
	var says struct{ Answer int }
	if err := Output(ctx, os.Args[0], []string{"answering-at-the-end", l}, &says); err != nil || says.Answer != 42 {
		t.Errorf("%+v, %v", says, err)
	}
}

func TestAChildDoesNotOutliveItsParent(t *testing.T) {
	l, conns := listen(t)
	parent, err := Start(t.Context(), os.Args[0], []string{"parent", l}, new(any))
	if err != nil {
		t.Fatal(err)
	}
	grandchild := <-conns
	if err := parent.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-parent.Ended()
	// Its connection closes when it exits.
	if _, err := bufio.NewReader(grandchild).ReadByte(); err == nil {
		t.Error("the grandchild says something")
	}
}

// listen returns a channel of the connections that children make.
func listen(t *testing.T) (address string, conns <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted := make(chan net.Conn, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	return l.Addr().String(), accepted
}
