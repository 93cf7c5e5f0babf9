// Package backing starts the real servers that scenarios need, on free ports and
// in temporary folders, and stops them when the test ends. Only tests import it.
// The programs come from Debian's packages, which .ci/lib.sh installs.
package backing

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"timesink/cmd/internal/child"
	"timesink/cmd/internal/testpg"
)

// Servers maps the name of a server to the function that starts it and returns its
// address, URL or DSN.
var Servers = map[string]func(testing.TB) string{
	"postgres":             testpg.Start,
	"mariadb":              startMariaDB,
	"redis":                startRedis,
	"memcached":            startMemcached,
	"beanstalkd":           startBeanstalkd,
	"rabbitmq":             startRabbitMQ,
	"postgres on one core": testpg.StartOnOneCore,
	"folder":               func(t testing.TB) string { return t.TempDir() },
}

// leash is a shell script that runs a server as a child and stops it when standard
// input ends, however the process at the other end died.
const leash = `exec 3<&0
"$@" </dev/null >&2 & server=$!
{ cat <&3 >/dev/null; kill -TERM $server; } & watch=$!
echo '"started"'
wait $server
code=$?
kill $watch 2>/dev/null
[ $code -eq 143 ] || exit $code`

// patience is how long a server may take to start on a busy machine.
const patience = time.Minute

// start starts a program on a free port and waits until it listens there. It tries
// again if another process takes the port between its choice and its use.
func start(t testing.TB, program string, args func(folder string, port int) []string) (address string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%v: install the Debian package of that name, see .ci/lib.sh", err)
	}
	for range 3 {
		var port int
		if port, err = freePort(); err != nil {
			continue
		}
		folder, errDir := os.MkdirTemp("", "timesink-"+program+"-*")
		if errDir != nil {
			t.Fatal(errDir)
		}
		t.Cleanup(func() { os.RemoveAll(folder) })
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if err = run(t, address, append([]string{"-c", leash, program, path}, args(folder, port)...)); err == nil {
			return address
		}
	}
	t.Fatalf("starting %s: %v", program, err)
	return ""
}

func run(t testing.TB, address string, args []string) error {
	var started string
	p, err := child.Start(t.Context(), "/bin/sh", args, &started)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			conn.Close()
			t.Cleanup(func() {
				if err := p.Stop(); err != nil {
					t.Error(err)
				}
			})
			return nil
		}
		select {
		case <-p.Ended():
			return fmt.Errorf("it exited: %w", p.Stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.Stop()
	return fmt.Errorf("nothing listened at %s within %v", address, patience)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// startRedis starts a Redis that keeps nothing on disk.
func startRedis(t testing.TB) string {
	return start(t, "redis-server", func(folder string, port int) []string {
		return strings.Fields(fmt.Sprintf("--bind 127.0.0.1 --port %d --dir %s --save --appendonly no", port, folder))
	})
}

func startMemcached(t testing.TB) string {
	return start(t, "memcached", func(_ string, port int) []string {
		args := []string{"-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0"}
		if os.Getuid() == 0 {
			args = append(args, "-u", "nobody") // it refuses to run as root
		}
		return args
	})
}
