package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"timesink/analyze/trace/tracetest"
)

func TestMain(m *testing.M) {
	// Most scripts wait for a window to end, so run more of them at once than there are
	// processors, unless -parallel is given.
	flag.Set("test.parallel", "8")
	testscript.Main(m, map[string]func(){"timesink": main, "service": serviceMain, "build": buildMain, "ask": askMain, "kubectl": kubectlMain, "kubectl-timesink": main, "kubectl_complete-timesink": main, "endless": endlessMain})
}

// The scripts test the command, one topic each. In addition to testscript's commands
// they have
//
//	exits N CMD…      run a command and check its exit code
//	trace FILE        write an execution trace of 20 requests to a server
//	cut FILE N        keep the first N bytes of a file, or all but the last -N
//	zipped ZIP FILE…  make a zip of files
//	fetch URL FILE    download a page
//	serve [traced]    start a service under load: $TARGET is its pprof, $HOST the
//	                  host and port of that, $URL its route, $SERVICE the base of
//	                  both, and $SOCKET its socket; if
//	                  traced, it already traces itself; getting /slow makes it slow,
//	                  getting /quick quick again; its handler is $HANDLE
//	hide              start a service without pprof: $TARGET is its address, $URL its
//	                  route, which states its time in Server-Timing headers
//	gone              set $GONE to an address without a listener
//	await FILE        wait until a file exists and is not empty
//	expand FILE       replace $NAMES in a file by their values
//	schema FILE       check that a file, or stdout, is JSON of the schema that it
//	                  names, and has no property that the schema does not describe
//
// and the condition [long], which holds if the tests are (tracetest.Long).
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"trace":    writeTrace,
			"cut":      cut,
			"zipped":   zipped,
			"fetch":    fetch,
			"serve":    serve,
			"hide":     hide,
			"gone":     gone,
			"await":    await,
			"expand":   expand,
			"schema":   isOfSchema,
			"predicts": predicts,
		},
		Condition: func(condition string) (bool, error) {
			if condition != "long" {
				return false, fmt.Errorf("there is no condition %q", condition)
			}
			return tracetest.Long, nil
		},
	})
}

// predicts checks that the output compares a prediction with what was measured. A window in
// which other programs took the processors cannot be replayed: then the output names them.
func predicts(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stdout")
	if regexp.MustCompile(`without\s+a\s+core|a\s+CPU\s+limit`).MatchString(text) {
		ts.Logf("the machine lacks cores")
		return
	}
	for _, says := range []string{`(?m)^predicted: .*ms`, `It\s+seems\s+to\s+have\s+been\s+done:`, `(?m)^ +before +predicted +measured`} {
		if !regexp.MustCompile(says).MatchString(text) {
			ts.Fatalf("the output does not say %s", says)
		}
	}
}

// hide starts a service that shows nothing of itself but Server-Timing headers.
func hide(ts *testscript.TestScript, _ bool, args []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/work" {
			http.NotFound(w, r)
			return
		}
		w.Header().Add("Server-Timing", `db;dur=8.5;desc="of /home/jane/db", damaged;dur=x`)
		w.Header().Add("Server-Timing", `app;dur=1.5`)
		<-time.After(10 * time.Millisecond)
		w.Write([]byte("done"))
	}))
	ts.Defer(server.Close)
	ts.Setenv("TARGET", strings.TrimPrefix(server.URL, "http://"))
	ts.Setenv("URL", server.URL+"/work")
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("%s: %v, want exit code %d", args[1], err, want)
	}
}

func writeTrace(ts *testscript.TestScript, _ bool, args []string) {
	data, err := requestTrace()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// requestTrace returns one trace for all scripts: they run in parallel, and a process
// can record only one trace at a time.
var requestTrace = sync.OnceValues(func() ([]byte, error) {
	server := httptest.NewServer(http.HandlerFunc(handle))
	defer server.Close()
	var buf bytes.Buffer
	if err := trace.Start(&buf); err != nil {
		return nil, err
	}
	err := ask(server.URL, 20)
	trace.Stop()
	return buf.Bytes(), err
})

// slowness is how much longer than 10 ms a request takes, in ns.
var slowness atomic.Int64

// handle answers a request after 10 ms and slowness.
func handle(w http.ResponseWriter, _ *http.Request) {
	<-time.After(10*time.Millisecond + time.Duration(slowness.Load()))
	w.Write([]byte("done"))
}

// ask sends n requests one after another.
func ask(url string, n int) error {
	for range n {
		resp, err := http.Get(url)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return nil
}

func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	if n < 0 {
		info, err := os.Stat(ts.MkAbs(args[0]))
		ts.Check(err)
		n += info.Size()
	}
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

func zipped(ts *testscript.TestScript, _ bool, args []string) {
	var buf bytes.Buffer
	archive := zip.NewWriter(&buf)
	for _, file := range args[1:] {
		w, err := archive.Create(filepath.Base(file))
		ts.Check(err)
		_, err = io.WriteString(w, ts.ReadFile(file))
		ts.Check(err)
	}
	ts.Check(errors.Join(archive.Close(), os.WriteFile(ts.MkAbs(args[0]), buf.Bytes(), 0o644)))
}

func fetch(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ts.Check(errors.Join(err, os.WriteFile(ts.MkAbs(args[1]), data, 0o644)))
}

// serviceMain is the service that scripts observe, in a separate process. It prints its
// address and its socket, and ends when its standard input does.
func serviceMain() {
	if len(os.Args) > 1 {
		trace.Start(io.Discard)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/work", handle)
	mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { slowness.Store(int64(60 * time.Millisecond)) })
	mux.HandleFunc("/quick", func(http.ResponseWriter, *http.Request) { slowness.Store(0) })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/guarded/", http.HandlerFunc(guarded))
	mux.HandleFunc("/site/", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<!DOCTYPE html><html><title>Welcome</title></html>")
	})
	server := httptest.NewServer(mux)
	socket, remove := listenSocket(mux)
	defer remove()
	fmt.Println(server.URL, socket)
	go func() {
		for ask(server.URL+"/work", 100) == nil {
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

// listenSocket also serves on a Unix domain socket. Its path is short, since the length
// of such paths is limited.
func listenSocket(h http.Handler) (url string, remove func()) {
	folder, err := os.MkdirTemp("", "ts")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(folder, "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, h)
	return "unix:///" + strings.TrimPrefix(filepath.ToSlash(path), "/"), func() { os.RemoveAll(folder) }
}

// guarded handles a pprof port that requires a token.
func guarded(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer open-sesame" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	switch name := strings.TrimPrefix(r.URL.Path, "/guarded/debug/pprof/"); name {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		r.URL.Path = "/debug/pprof/" + name
		pprof.Index(w, r)
	}
}

func serve(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("service", args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		stdin.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	ts.Check(err)
	url, socket, _ := strings.Cut(strings.TrimSpace(line), " ")
	ts.Setenv("SOCKET", socket)
	ts.Setenv("SERVICE", url)
	ts.Setenv("TARGET", url)
	ts.Setenv("HOST", strings.TrimPrefix(url, "http://"))
	ts.Setenv("URL", url+"/work")
	ts.Setenv("HANDLE", reflect.TypeFor[tool]().PkgPath()+".handle")
}

func gone(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(nil)
	server.Close()
	ts.Setenv("GONE", server.Listener.Addr().String())
}

func expand(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o644))
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(ts.MkAbs(args[0])); err == nil && info.Size() > 0 {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}
