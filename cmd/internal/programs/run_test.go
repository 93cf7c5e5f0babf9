package programs

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// install builds a program and returns the path of its executable. An executable of this
// version that is in the folder already is used as it is.
func install(t *testing.T, p Program, folder string) string {
	t.Helper()
	into := filepath.Join(folder, p.Name+"@"+p.Version)
	exe := filepath.Join(into, commandName(p.Package))
	if p.Thin != "" {
		exe = filepath.Join(into, p.Name)
	}
	if _, err := os.Stat(exe); err == nil {
		return exe
	}
	if p.Thin != "" {
		source := t.TempDir()
		for name, text := range map[string]string{"main.go": p.Thin, "go.mod": "module thin\n\ngo 1.26\n\nrequire " + p.Package + " " + p.Version + "\n"} {
			if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		// go mod tidy would download what the tests of all dependencies need as well.
		command(t, source, nil, "go", append(append([]string{"build", "-mod=mod"}, p.Flags...), "-o", exe, ".")...)
		return exe
	}
	command(t, folder, []string{"GOBIN=" + into}, "go", append(append([]string{"install"}, p.Flags...), p.Package+"@"+p.Version)...)
	return exe
}

// commandName returns the name that go install gives to a package's executable: the last
// element of its path, or the one before if that is a version.
func commandName(pkg string) string {
	if base := path.Base(pkg); len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		pkg = path.Dir(pkg)
	}
	return path.Base(pkg)
}

func command(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// start starts a program and waits until it is ready. It is killed when the test ends.
func start(t *testing.T, p Program, exe string) Running {
	t.Helper()
	place := Place{Folder: t.TempDir(), Exe: exe, Free: func() string { return free(t) },
		Peer: func(serve Serve) string { return peer(t, serve) }, Names: func(wait time.Duration) string { return names(t, wait) }}
	r, err := p.Start(place)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(exe, r.Args...)
	cmd.Dir, cmd.Env = place.Folder, append(os.Environ(), r.Env...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() && said.Len() > 0 {
			t.Logf("%s said:\n%s", p.Name, said.Bytes()[max(0, said.Len()-4000):])
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", p.Name, err)
		default:
		}
		if _, err := fetch(t.Context(), r.Ready); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v", p.Name, err)
		}
	}
	if r.Prepare != nil {
		if err := r.Prepare(t.Context()); err != nil {
			t.Fatalf("preparing %s: %v", p.Name, err)
		}
	}
	return r
}

// free returns an address on loopback that was free a moment ago.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// peer starts a server for a program and returns its address.
func peer(t *testing.T, serve Serve) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait, size := serve(r.URL.Path)
		time.Sleep(wait)
		w.Write(make([]byte, size))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// names starts a DNS server for a program and returns its address.
func names(t *testing.T, wait time.Duration) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		time.Sleep(wait)
		answer := new(dns.Msg).SetReply(query)
		answer.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: query.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: net.IPv4(192, 0, 2, 2),
		}}
		w.WriteMsg(answer)
	})}
	go s.ActivateAndServe()
	t.Cleanup(func() { s.Shutdown() })
	return conn.LocalAddr().String()
}

// A reading is what a program had counted at some moment between two.
type reading struct {
	from, to time.Time
	counts   map[string]Counted
}

func read(ctx context.Context, r Running) (reading, error) {
	from := time.Now()
	if r.Count == nil {
		return reading{from: from, to: from}, nil
	}
	counts, err := r.Count(ctx)
	if err != nil {
		return reading{}, fmt.Errorf("reading what it counted: %w", err)
	}
	return reading{from, time.Now(), counts}, nil
}

// answeredBetween returns how many requests a program has counted between two readings
// if it counts a request while its client waits: at least those that began after the
// first and ended before the second, and at most those that the two may both have seen
// a part of.
func answeredBetween(clients []Answered, before, after reading) (least, most int) {
	for _, a := range clients {
		if a.Start >= before.to.UnixNano() && a.End <= after.from.UnixNano() {
			least++
		}
		if a.End >= before.from.UnixNano() && a.Start <= after.to.UnixNano() {
			most++
		}
	}
	return least, most
}
