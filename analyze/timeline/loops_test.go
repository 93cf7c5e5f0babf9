package timeline_test

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/analyze/timeline"
)

// readUnits reads a trace in which the functions that match are units of work.
func readUnits(t *testing.T, data []byte, functions string) (*timeline.Summary, []breakdown.Request) {
	t.Helper()
	table := rules.New()
	table.Units(regexp.MustCompile(functions))
	var all []breakdown.Request
	sum, err := timeline.Read(context.Background(), bytes.NewReader(data), table, 1, func(r *breakdown.Request) {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		all = append(all, keep(r))
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum, all
}

// lineServer answers lines, each after a helper's work and pauses.
type lineServer struct {
	pauses int // of each line, 0 means 1
	mu     sync.Mutex
	n      int
	wall   time.Duration
}

func (s *lineServer) serve(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		start := time.Now()
		done := make(chan bool)
		go func() {
			time.Sleep(2 * time.Millisecond)
			done <- true
		}()
		<-done
		for range max(1, s.pauses) {
			time.Sleep(3 * time.Millisecond)
		}
		conn.Write([]byte("done\n"))
		s.mu.Lock()
		s.n++
		s.wall += time.Since(start)
		s.mu.Unlock()
	}
}

func (s *lineServer) listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return l
}

// askLines sends lines on a connection, one after another.
func askLines(t *testing.T, conn net.Conn, lines int) {
	in := bufio.NewReader(conn)
	for range lines {
		if _, err := conn.Write([]byte("work\n")); err != nil {
			t.Error(err)
			return
		}
		if _, err := in.ReadString('\n'); err != nil {
			t.Error(err)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A goroutine that the user names and that serves one message after another is not one
// unit: each message is, and the wait for the next belongs to none.
func TestAConnectionsLoopIsAUnitForEachMessage(t *testing.T) {
	var s lineServer
	l := s.listen(t)
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	before := dial() // of before the window
	askLines(t, before, 1)
	s.mu.Lock()
	s.n, s.wall = 0, 0
	s.mu.Unlock()
	data := record(t, func() {
		var all sync.WaitGroup
		for _, conn := range []net.Conn{before, dial(), dial()} {
			all.Go(func() {
				askLines(t, conn, 30)
				conn.Close()
			})
		}
		all.Wait()
		time.Sleep(20 * time.Millisecond)
	})
	_, units := readUnits(t, data, `\(\*lineServer\)\.serve$`)
	n, wall := 0, int64(0)
	var spent [breakdown.NumBuckets]int64
	for _, u := range units {
		if u.Kind != "function" || u.Incomplete {
			t.Errorf("a unit of kind %q, incomplete: %v, of %d ns", u.Kind, u.Incomplete, u.Wall())
			continue
		}
		n++
		wall += u.Wall()
		for i := range u.Path {
			spent[u.Path[i].Bucket] += u.Path[i].End - u.Path[i].Start
		}
	}
	// The first two of each connection show that it is a loop.
	if n < s.n-6 || n > s.n {
		t.Errorf("%d units, %d messages", n, s.n)
	}
	mean, want := time.Duration(wall/int64(max(n, 1))), s.wall/time.Duration(s.n)
	if off := mean - want; off < -want/10 || off > want/10 {
		t.Errorf("the mean unit takes %v, a message %v", mean, want)
	}
	if sleep := time.Duration(spent[breakdown.Sleep] / int64(max(n, 1))); sleep < 4800*time.Microsecond {
		t.Errorf("of a unit's mean %v, %v are sleep", mean, sleep)
	}
	if unknown := spent[breakdown.Unknown]; unknown > wall/100 {
		t.Errorf("%v of %v are unknown", time.Duration(unknown), time.Duration(wall))
	}
}

// serveOne serves lines on a new connection in a trace, and returns the complete units. If
// early is set, the first line is there before the server reads it.
func (s *lineServer) serveOne(t *testing.T, early bool, lines int) (units []breakdown.Request) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	data := record(t, func() {
		if !early {
			go s.serve(server)
			time.Sleep(clientPause)
		}
		for in := bufio.NewReader(client); lines > 0; lines-- {
			if _, err := client.Write([]byte("work\n")); err != nil {
				t.Fatal(err)
			}
			if early {
				time.Sleep(clientPause)
				go s.serve(server)
				early = false
			}
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			time.Sleep(clientPause)
		}
	})
	_, units = readUnits(t, data, `\(\*lineServer\)\.serve$`)
	return slices.DeleteFunc(units, func(u breakdown.Request) bool { return u.Incomplete })
}

// clientPause is long compared with the time that a line takes.
const clientPause = 50 * time.Millisecond

// That a goroutine is in a loop shows only when it is back at the head. The first turn is
// over by then.
func TestTheFirstTurnOfALoop(t *testing.T) {
	const lines = 6
	for _, test := range []struct {
		name   string
		early  bool
		pauses int
		units  int
	}{
		{"after a wait for its message is a unit", false, 1, lines},
		{"whose message was there is not known to begin with it", true, 1, lines - 1},
		{"with a pause that comes back before the read does is none", true, 2, lines - 2},
		{"with two pauses after the wait is none", false, 2, lines - 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := lineServer{pauses: test.pauses}
			units := s.serveOne(t, test.early, lines)
			if len(units) != test.units {
				t.Errorf("%d units, not %d", len(units), test.units)
			}
			all := time.Duration(0)
			for _, u := range units {
				all += time.Duration(u.Wall())
				if u.Wall() < int64(4*time.Millisecond) {
					t.Errorf("a unit takes %v", time.Duration(u.Wall()))
				}
			}
			// On a busy machine both take longer, but the client's pauses are in neither.
			if most := s.wall + time.Duration(len(units))*clientPause/2; all > most {
				t.Errorf("%d units take %v, %d messages %v", len(units), all, lines, s.wall)
			}
		})
	}
}

// Without the user's naming it, the root is seen to do units of work: messages in turn, or
// one each.
func TestRootsThatDoUnitsOfWork(t *testing.T) {
	var s lineServer
	l := s.listen(t)
	before := coreless()
	data := record(t, func() {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		askLines(t, conn, 30)
		conn.Close()
	})
	held := int64(coreless() - before) // perhaps in a system call
	sum, _ := read(t, data, 1)
	turns, jobs := int64(0), int64(0)
	for _, r := range sum.Roots {
		switch {
		case regexp.MustCompile(`\(\*lineServer\)\.serve$`).MatchString(r.Function):
			turns = r.Turns
			if idle := r.Spent[breakdown.Wait]; r.Spent[breakdown.Unknown] > idle/10+held {
				t.Errorf("the connection's wait for lines counts as work: %v, %d ns without a core", r.Spent, held)
			}
		case regexp.MustCompile(`\(\*lineServer\)\.serve\.func1$`).MatchString(r.Function):
			jobs = r.Jobs
		}
	}
	if turns < 30 || jobs != 30 {
		t.Errorf("%d turns of the connection's loop, %d jobs of its helpers", turns, jobs)
	}
}
