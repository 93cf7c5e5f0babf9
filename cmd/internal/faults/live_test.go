package faults_test

import (
	"net/http"
	"sync/atomic"
	"time"
)

// pprofBlock begins as a profile does.
var pprofBlock = gzipped(0, 1<<20)

// liveRows are the faults of a service, and of what stands before it.
var liveRows = []row{
	// The trace.
	{name: "trace: reset after 200 bytes", spoil: faults{"trace": after(200, thenReset)}, code: 1, kept: true, quick: true,
		says: []string{"the connection was reset by the other side", "hint: collect again from closer to the service"}},
	{name: "trace: closed after 200 bytes", spoil: faults{"trace": after(200, thenHangUp)}, code: 1, kept: true,
		says: []string{"the connection was closed before the end of the answer", "hint: collect again from closer"}},
	{name: "trace: ends after 200 bytes", spoil: faults{"trace": after(200, thenEnd)}, code: 1, kept: true,
		says: []string{"the trace was cut", "its answer ended in the middle of it", "hint: collect again from closer"}},
	{name: "trace: ends after its header", spoil: faults{"trace": after(16, thenEnd)}, code: 1, kept: true,
		says: []string{"its answer ended in the middle of it"}},
	{name: "trace: ends within its header", spoil: faults{"trace": after(8, thenEnd)}, code: 1,
		says: []string{"the first bytes of a trace that was cut off"}},
	{name: "trace: silent after 200 bytes", spoil: faults{"trace": after(200, thenFallSilent)}, code: 1, kept: true, waits: maxLag,
		says: []string{"the trace fell silent after", "hint: look whether the service still runs"}, never: []string{"too slow"}},
	{name: "trace: silent within its header", spoil: faults{"trace": after(8, thenFallSilent)}, code: 1, waits: maxLag,
		says: []string{"no trace came within"}},
	{name: "trace: slow", spoil: faults{"trace": after(20, thenSlowDown(2000))}, code: 1, kept: true, waits: maxLag,
		says: []string{"the network to the service is too slow", "hint: collect again from closer to the service"}},
	{name: "trace: never answers", spoil: faults{"trace": hang}, code: 1, waits: maxLag, says: []string{"no trace came within"}},
	{name: "trace: hangs up", spoil: faults{"trace": hangUp}, code: 1, says: []string{"closed the connection without an answer"}},
	{name: "trace: resets at once", spoil: faults{"trace": reset}, code: 1, says: []string{"closed the connection without an answer"}},
	{name: "trace: HTML with 200", spoil: faults{"trace": page}, code: 1, quick: true,
		says: []string{`HTTP 200 with an HTML page ("Log in")`, "before the catch-all handler"}},
	{name: "trace: JSON with 200", spoil: faults{"trace": says(200, `{"error":"off"}`)}, code: 1, says: []string{"HTTP 200 with JSON"}},
	{name: "trace: nothing with 200", spoil: faults{"trace": says(200, "")}, code: 1, says: []string{"HTTP 200 with nothing at all"}},
	{name: "trace: a profile with 200", spoil: faults{"trace": asPage("heap")}, code: 1, says: []string{"HTTP 200 with a pprof profile"}},
	{name: "trace: 204", spoil: faults{"trace": says(204, "")}, code: 1, says: []string{"HTTP 204"}},
	{name: "trace: 302", spoil: faults{"trace": redirect("https://sso.example.com/login?back=hunter2")}, code: 1, says: []string{"HTTP 302 Found to https://sso.example.com/login", "credentials do not follow"}, never: []string{"hunter2"}},
	{name: "trace: 401", spoil: faults{"trace": says(401, "who are you?")}, code: 1, says: []string{`HTTP 401 Unauthorized: "who are you?"`, "--bearer-file"}},
	{name: "trace: 404", spoil: faults{"trace": says(404, "no such page")}, code: 1, says: []string{"HTTP 404", "a custom router needs each handler"}},
	{name: "trace: 429", spoil: faults{"trace": says(429, "slow down")}, code: 1, says: []string{`HTTP 429 Too Many Requests: "slow down"`}},
	{name: "trace: 500", spoil: faults{"trace": says(500, "boom \x1b[31mred")}, code: 1, says: []string{"HTTP 500", "boom"}, never: []string{"\x1b"}},
	{name: "trace: 502", spoil: faults{"trace": says(502, "<html><title>502 Bad Gateway</title></html>")}, code: 1, says: []string{"502 Bad Gateway"}},
	{name: "trace: another runs, as the 500 says", spoil: faults{"trace": says(500, "Could not enable tracing: tracing is already enabled\n")}, code: 1, quick: true,
		says: []string{"tracing is already enabled", "hint: one trace at a time"}},
	{name: "trace: 503 once", spoil: faults{"trace": first(1, overloaded("1"))}, kept: true, waits: time.Second, says: []string{"100.0% covered"}},
	{name: "trace: 503 for ever", spoil: faults{"trace": overloaded("0")}, code: 1, says: []string{"HTTP 503", "hint: the service, or a proxy before it, refuses"}},
	{name: "trace: 503 for an hour", spoil: faults{"trace": overloaded("3600")}, code: 1, quick: true,
		says: []string{"HTTP 503", "asks to come again after 1h0m0s"}},
	{name: "trace: shorter than asked", spoil: faults{"trace": asks("seconds=0.3")}, kept: true, quick: true,
		says: []string{"warning: the service ended the trace after"}},
	{name: "trace: ignores the seconds", spoil: faults{"trace": asks("seconds=30")}, kept: true, waits: maxLag,
		says: []string{"did not stop", "100.0% covered"}, never: []string{"too slow"}},
	{name: "trace: a byte of its first generation is wrong", spoil: faults{"trace": flip(300)}, code: 1, kept: true, says: []string{"the trace is damaged"}},
	{name: "trace: a byte of its first batch is wrong", spoil: faults{"trace": flip(20)}, code: 1, kept: true, says: []string{"the trace is damaged"}},
	{name: "trace: something follows", spoil: faults{"trace": after(1<<30, thenSay("x"))}, kept: true, says: []string{"100.0% covered"}},
	{name: "trace: of Go 1.5", spoil: faults{"trace": bytesOf([]byte("go 1.5 trace\x00\x00\x00\x00\x00\x00\x00\x00"))}, code: 1, kept: true,
		says: []string{"go 1.5"}},
	{name: "trace: of a Go to come", spoil: faults{"trace": bytesOf([]byte("go 1.99 trace\x00\x00\x00\x00\x00\x00\x00"))}, code: 1, kept: true,
		says: []string{"upgrade timesink"}},
	{name: "trace: begins late", spoil: faults{"trace": late(time.Second)}, kept: true, waits: time.Second, says: []string{"covered"}},

	// The CPU profile.
	{name: "profile: never answers", spoil: faults{"profile": hang}, kept: true, waits: sideGrace, says: []string{"warning: no CPU profile: no answer in 3.0 s after the window"}},
	{name: "profile: HTML", spoil: faults{"profile": page}, kept: true, quick: true, says: []string{"warning: no CPU profile: not a profile but an HTML page"}},
	{name: "profile: 404", spoil: faults{"profile": says(404, "")}, kept: true, says: []string{"warning: no CPU profile: HTTP 404", `mux.HandleFunc("/debug/pprof/profile", pprof.Profile)`}},
	{name: "profile: another runs", spoil: faults{"profile": says(500, "Could not enable CPU profiling: cpu profiling already in use\n")}, kept: true, says: []string{"another one is being taken"}},
	{name: "profile: reset", spoil: faults{"profile": after(10, thenReset)}, kept: true, says: []string{"warning: no CPU profile"}},
	{name: "profile: 503 once", spoil: faults{"profile": first(1, overloaded("0"))}, kept: true, says: []string{"100.0% covered"}},

	// Answers that unpack to a gigabyte.
	{name: "goroutine: a profile of a gigabyte", spoil: faults{"goroutine": bomb}, kept: true, waits: unpacking, says: []string{"warning: no goroutine profiles"}},
	{name: "profile: a profile of a gigabyte", spoil: faults{"profile": bomb}, kept: true, waits: unpacking, says: []string{"warning: no CPU profile"}},
	{name: "index: a page of a gigabyte", spoil: faults{"": bombPage}, kept: true, waits: unpacking, says: []string{"100.0% covered"}},
	{name: "trace: a page of a gigabyte", spoil: faults{"trace": bombPage}, code: 1, waits: unpacking, says: []string{"no execution trace", "hint: "}},
	{name: "probes: bodies of a gigabyte", spoil: faults{"work": bombPage}, args: probing("TARGET/work"), kept: true, waits: 2*time.Second + unpacking, says: []string{"100.0% covered"}},
	{name: "everything: pages of a gigabyte", spoil: faults{"*": bombPage}, code: 1, waits: unpacking, says: []string{"hint: "}},

	// A service that shows nothing of itself, from outside.
	{name: "outside: 404", spoil: faults{"*": says(404, "no")}, args: probing("SERVICE/work"), waits: 2 * time.Second, says: []string{"estimate, from outside only", "no pprof (HTTP 404", "add the line import"}, quick: true},
	{name: "outside: HTML", spoil: faults{"*": page}, args: probing("SERVICE/work"), waits: 2 * time.Second, says: []string{"estimate, from outside only", "not a pprof index"}},
	{name: "outside: nothing listens at the target", args: []string{"run", "127.0.0.1:1", "-d", "1s", "--rate", "20", "--url", "SERVICE/work", "-o", outputName}, waits: 2 * time.Second, says: []string{"no pprof (connection refused)"}},
	{name: "outside: the probes are not answered either", spoil: faults{"*": says(404, "no"), "work": reset}, args: probing("TARGET/work"), code: 1, waits: 3 * time.Second, says: []string{"HTTP 404", "hint: the service must serve", "nor was a probe answered: "}},
	{name: "outside: endless Server-Timing", spoil: faults{"*": says(404, "no"), "work": withTimings}, args: probing("TARGET/work"), waits: 3 * time.Second, says: []string{"estimate, from outside only", "says the service"}, never: []string{"\x1b"}},

	// The goroutine profiles and the index.
	{name: "goroutine: never answers", spoil: faults{"goroutine": hang}, kept: true, waits: headStart, says: []string{"warning: no goroutine profiles: no answer in 2.0 s"}},
	{name: "goroutine: HTML", spoil: faults{"goroutine": page}, kept: true, says: []string{"warning: no goroutine profiles: not a profile but an HTML page"}},
	{name: "goroutine: 404", spoil: faults{"goroutine": says(404, "no")}, kept: true, quick: true, says: []string{`warning: no goroutine profiles: HTTP 404 Not Found: "no"`}},
	{name: "goroutine: text", spoil: faults{"goroutine": says(200, "goroutine profile: total 3\n")}, kept: true, says: []string{"warning: no goroutine profiles: not a profile but a pprof profile as text"}},
	{name: "goroutine: the second one is missing", spoil: faults{"goroutine": onlyFirst(says(500, "boom"))}, kept: true, says: []string{"warning: no goroutine profile after the window: HTTP 500"}},
	{name: "index: never answers", spoil: faults{"": hang}, kept: true, waits: headStart + sideGrace, says: []string{"the index, which counts the goroutines, gave no answer"}},
	{name: "index: 503 once", spoil: faults{"": first(1, overloaded("1"))}, kept: true, waits: time.Second, says: []string{"100.0% covered"}},
	{name: "index: 404", spoil: faults{"": says(404, "")}, kept: true, says: []string{"100.0% covered"}},
	{name: "everything: HTML", spoil: faults{"*": page}, code: 1, quick: true, says: []string{"not a pprof index", "hint: the service must serve net/http/pprof there"}},
	{name: "everything: 401", spoil: faults{"*": says(401, "")}, code: 1, says: []string{"HTTP 401 Unauthorized", "--bearer-file"}},
	{name: "everything: 503", spoil: faults{"*": overloaded("")}, code: 1, waits: 4 * time.Second, says: []string{"HTTP 503"}},
	{name: "everything: reset", spoil: faults{"*": reset}, code: 1, says: []string{"closed the connection without an answer"}},
	{name: "everything: never answers", spoil: faults{"*": hang}, code: 1, waits: headStart + maxLag, says: []string{"no trace came within"}},
	{name: "nothing listens", args: []string{"run", "127.0.0.1:1", "-d", "1s", "-o", outputName}, code: 1, quick: true, says: []string{"connection refused", "hint: nothing listens there"}},
	{name: "no such host", args: []string{"run", "nowhere.invalid:6060", "-d", "1s", "-o", outputName}, code: 1, waits: 10 * time.Second, says: []string{"hint: "}},
	{name: "TLS where there is none", args: []string{"run", "https://HOST", "-d", "1s", "-o", outputName}, code: 1, says: []string{"hint: "}},

	// The probes.
	{name: "probes: reset", spoil: faults{"work": reset}, args: probing("TARGET/work"), kept: true, says: []string{"probes got no answer"}},
	{name: "probes: never answered", spoil: faults{"work": hang}, args: probing("TARGET/work"), kept: true, waits: 2*2*time.Second + 2*time.Second, says: []string{"still waiting for an answer"}},
	{name: "probes: 500", spoil: faults{"work": says(500, "boom")}, args: probing("TARGET/work"), kept: true, waits: 2 * time.Second, says: []string{"probes were answered with an error: HTTP 500"}},
	{name: "probes: nothing listens", args: probing("http://127.0.0.1:1/work"), kept: true, waits: 2 * time.Second, says: []string{"probes got no answer"}},

	// What doctor says of the same.
	{name: "doctor: trace 404", spoil: faults{"trace": says(404, "")}, args: []string{"doctor", "TARGET"}, code: 1, quick: true, says: []string{"pprof.Trace"}},
	{name: "doctor: HTML", spoil: faults{"*": page}, args: []string{"doctor", "TARGET"}, code: 1, says: []string{"not a pprof index"}},
	{name: "doctor: never answers", spoil: faults{"*": hang}, args: []string{"doctor", "TARGET"}, code: 1, waits: headStart + 2*doctorPatience, says: []string{"no answer in 5.0 s"}},
	{name: "doctor: another trace runs", spoil: faults{"trace": says(500, "Could not enable tracing: tracing is already enabled\n")}, args: []string{"doctor", "TARGET"}, code: 1, says: []string{"only one tracer"}},
}

func probing(url string) []string {
	return []string{"run", "TARGET", "-d", "1s", "--rate", "20", "--url", url, "-o", outputName, "-v"}
}

// asPage answers with another page of the service.
// unpacking is how long a busy machine may take to read a bomb up to its bound.
const unpacking = 10 * time.Second

func asPage(name string) fault {
	return func(w http.ResponseWriter, r *http.Request, to service) {
		r.URL.Path, r.URL.RawQuery = "/debug/pprof/"+name, ""
		pass(w, r, to)
	}
}

func redirect(location string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ service) {
		http.Redirect(w, r, location, http.StatusFound)
	}
}

// onlyFirst passes on the first request for a profile and spoils the others.
func onlyFirst(spoil fault) fault {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, to service) {
		if r.URL.RawQuery != "" { // a question about the write timeout
			pass(w, r, to)
			return
		}
		if n.Add(1) == 1 {
			pass(w, r, to)
			return
		}
		spoil(w, r, to)
	}
}
