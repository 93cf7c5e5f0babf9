//go:build unix

package testpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a server may take to start on a busy machine.
const patience = time.Minute

// Start starts a server and returns the DSN of its database postgres. The server
// writes to disk only what it must, and is stopped when the test and its subtests
// end, or when the test process dies.
//
// If there is no PostgreSQL, Start fails the test with a message about what to
// install.
func Start(t testing.TB) string {
	t.Helper()
	initdb, postgres, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := runAs()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := newFolder(owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })

	data := filepath.Join(folder, "data")
	command := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	command.Dir, command.SysProcAttr = folder, owner
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	// Another process may take the port between its choice and its use.
	for range 3 {
		var dsn string
		if dsn, err = serve(t, postgres, data, owner); err == nil {
			return dsn
		}
	}
	t.Fatal(err)
	return ""
}

// leash is a shell script that starts a server as a child and requests a fast
// shutdown when standard input ends. It exits when the server does.
const leash = `exec 3<&0
"$@" </dev/null & server=$!
{ cat <&3 >/dev/null; kill -INT $server; } & watch=$!
wait $server
kill $watch 2>/dev/null`

func serve(t testing.TB, postgres, data string, owner *syscall.SysProcAttr) (dsn string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	arguments := []string{"-c", leash, "leash", postgres, "-D", data, "-p", strconv.Itoa(port)}
	for _, setting := range []string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
		"full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "max_connections=200"} {
		arguments = append(arguments, "-c", setting)
	}
	log, err := os.Create(data + ".log")
	if err != nil {
		return "", err
	}
	defer log.Close()
	command := exec.Command("/bin/sh", arguments...)
	command.Dir, command.SysProcAttr = filepath.Dir(data), owner
	command.Stdout, command.Stderr = log, log
	stdin, err := command.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("starting %s: %w", postgres, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		command.Wait()
	}()
	stop := func() {
		stdin.Close()
		<-ended
	}
	dsn = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	if err := await(dsn, ended); err != nil {
		stop()
		said, _ := os.ReadFile(data + ".log")
		return "", fmt.Errorf("waiting for %s: %w\n%s", postgres, err, said)
	}
	t.Cleanup(stop)
	return dsn, nil
}

// await returns when the server answers or has exited.
func await(dsn string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-ended:
			return errors.New("it exited before it answered")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// programs finds the newest PostgreSQL of Debian's packages, which keep it out of
// PATH, or the one in PATH.
func programs() (initdb, postgres string, err error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	for _, initdb := range found {
		postgres := filepath.Join(filepath.Dir(initdb), "postgres")
		if _, err := os.Stat(postgres); err == nil {
			return initdb, postgres, nil
		}
	}
	initdb, err = exec.LookPath("initdb")
	if err == nil {
		postgres, err = exec.LookPath("postgres")
	}
	if err != nil {
		return "", "", errors.New("no PostgreSQL to test with: install Debian's package postgresql, or put initdb and postgres into PATH")
	}
	return initdb, postgres, nil
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// runAs returns the attributes with which to run the server; nil means as the
// test's own user.
func runAs() (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err == nil && uid != 0 {
			return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// newFolder creates a folder that the server's user can access, unlike that of
// t.TempDir.
func newFolder(owner *syscall.SysProcAttr) (string, error) {
	folder, err := os.MkdirTemp("", "testpg-*")
	if err != nil || owner == nil {
		return folder, err
	}
	return folder, os.Chown(folder, int(owner.Credential.Uid), int(owner.Credential.Gid))
}
