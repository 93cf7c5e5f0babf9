package collect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"timesink/collect/capture"
)

const (
	// cheapTracing is the first minor version of Go in which a trace costs 1–2%
	// CPU (go.dev/blog/execution-traces-2024).
	cheapTracing = 21

	// readableCut is the first minor version of Go whose trace can be read after a
	// cut, up to its last whole generation.
	readableCut = 22
)

// A survey learns about a service from its endpoints. Its methods may be called
// concurrently: no endpoint waits for another.
type survey struct {
	client *client
	log    func(source, what string, took time.Duration, bytes int64, err error)

	mu      sync.Mutex
	service capture.Service
	exact   []string // versions found in paths and metrics
	traced  bool     // by another client, when the goroutines were taken
	tracer  string   // who takes the trace that runs, if that is known
}

// known returns a copy of what has been learned so far.
func (s *survey) known() capture.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.service
	known.Endpoints = slices.Clone(known.Endpoints)
	return known
}

// learn calls note to update what is known about the service.
func (s *survey) learn(note func(*capture.Service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note(&s.service)
}

// shows reports whether any endpoint answered as net/http/pprof would.
func (s *survey) shows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.service.Endpoints, func(e capture.Endpoint) bool { return e.OK })
}

// ask fetches at most limit bytes of an endpoint and records the outcome.
func (s *survey) ask(ctx context.Context, name, endpoint string, limit int64) answer {
	a := s.client.fetch(ctx, endpoint, limit)
	s.enter(name, a.status, a.err, a.took)
	s.log(name, "asked for the "+name+" page", a.took, int64(len(a.body)), a.err)
	return a
}

// enter records the outcome of a request to an endpoint.
func (s *survey) enter(name string, status int, err error, took time.Duration) {
	e := capture.Endpoint{Name: name, OK: err == nil, Status: status, Took: int64(took)}
	if err != nil {
		e.Note = told(err)
	}
	s.learn(func(service *capture.Service) {
		service.Endpoints = append(service.Endpoints, e)
		slices.SortStableFunc(service.Endpoints, func(a, b capture.Endpoint) int {
			return cmp.Compare(listed(a.Name), listed(b.Name)) // whichever answered first
		})
	})
}

// note adds an explanation to a recorded endpoint.
func (s *survey) note(name string, ok bool, format string, args ...any) {
	s.learn(func(service *capture.Service) {
		i := slices.IndexFunc(service.Endpoints, func(e capture.Endpoint) bool { return e.Name == name })
		service.Endpoints[i].OK, service.Endpoints[i].Note = ok, fmt.Sprintf(format, args...)
	})
}

// told returns the text of an error without its operation.
func told(err error) string {
	var e *capture.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// indexRow matches a line of the index page. Since Go 1.11 only the quotes have
// changed.
var indexRow = regexp.MustCompile(`>(\d+)</td>\s*<td><a href=['"]?(\w+)\?debug=`)

// index reads the index page. It yields the number of goroutines before any
// request whose cost grows with it.
func (s *survey) index(ctx context.Context) answer {
	a := s.ask(ctx, "index", "", maxIndex)
	if a.err != nil {
		return a
	}
	rows := indexRow.FindAllSubmatch(a.body, -1)
	if rows == nil {
		looks := "an empty page"
		if text := quote(a.body); text != "" {
			looks = fmt.Sprintf("%q", s.client.scrub.text(text))
		}
		a.err = withOp(s.client.op(""), newFault(ErrNotFound, pprofHint, "HTTP 200, but not a pprof index: %s", looks))
		s.note("index", false, "%s", told(a.err))
		return a
	}
	goroutines := 0
	s.learn(func(service *capture.Service) {
		for _, row := range rows {
			n, err := strconv.Atoi(string(row[1]))
			if err != nil {
				continue
			}
			switch string(row[2]) {
			case "goroutine":
				service.Goroutines, goroutines = n, n
			case "block":
				service.BlockEvents = &n
			}
		}
	})
	s.note("index", true, "lists %d profiles, %d goroutines", len(rows), goroutines)
	return a
}

var samplingPeriod = regexp.MustCompile(`(?m)^sampling period=(\d+)$`)

// mutex learns the rate of the mutex profile.
func (s *survey) mutex(ctx context.Context) answer {
	a := s.ask(ctx, "mutex", "mutex?debug=1", maxHead)
	if a.err != nil {
		return a
	}
	m := samplingPeriod.FindSubmatch(a.body)
	if m == nil {
		s.note("mutex", false, "not a mutex profile but %s", capture.Sniff(a.body).What)
		return a
	}
	if rate, err := strconv.Atoi(string(m[1])); err == nil {
		s.learn(func(service *capture.Service) { service.MutexRate = &rate })
		s.note("mutex", true, "%s", rateText(rate))
	}
	return a
}

func rateText(rate int) string {
	switch rate {
	case 0:
		return "off"
	case 1:
		return "on: every contention"
	}
	return fmt.Sprintf("on: one contention of %d", rate)
}

// longest returns the longest window in whole seconds, up to seconds, that the
// server's write timeout allows; ok is false if unknown.
//
// The requests have no effect: a delta profile over N seconds as text is always
// refused, but Go before 1.23 checks first whether N reaches the write timeout.
// Later versions extend the timeout and have no limit. The page may be any
// profile's but the CPU profile's.
func (s *survey) longest(ctx context.Context, page string, seconds int) (longest int, ok bool) {
	begin := time.Now()
	defer func() {
		s.log("write-timeout", fmt.Sprintf("windows up to %d s asked, %d s allowed (known: %v)", seconds, longest, ok), time.Since(begin), 0, nil)
	}()
	refused, ok := s.tooLong(ctx, page, seconds)
	if !ok || !refused {
		return seconds, ok
	}
	low, high := 0, seconds // low is allowed, high is refused
	for high-low > 1 {
		middle := (low + high) / 2
		refused, ok := s.tooLong(ctx, page, middle)
		switch {
		case !ok:
			return 0, false
		case refused:
			high = middle
		default:
			low = middle
		}
	}
	s.learn(func(service *capture.Service) { service.WriteTimeout = int64(high) * int64(time.Second) })
	return low, true
}

func (s *survey) tooLong(ctx context.Context, page string, seconds int) (refused, ok bool) {
	a := s.client.fetch(ctx, fmt.Sprintf("%s?seconds=%d&debug=1", page, seconds), maxHead)
	if a.status != http.StatusBadRequest {
		return false, false
	}
	switch {
	case bytes.Contains(a.body, []byte("exceeds server's WriteTimeout")):
		return true, true
	case bytes.Contains(a.body, []byte("incompatible")):
		return false, true
	}
	return false, false
}

var (
	metricVersion = regexp.MustCompile(`(?m)^go_info\{[^}]*version="(go[^"]+)"`)
	metricProcs   = regexp.MustCompile(`(?m)^go_sched_gomaxprocs_threads (\d+)$`)
)

// metrics looks for a Prometheus page on the same port, which states the exact Go
// version; pprof does not.
func (s *survey) metrics(ctx context.Context) answer {
	begin := time.Now()
	c := *s.client
	c.target.base.Path = "/"
	a := c.fetch(ctx, "metrics", maxMetrics)
	if a.err == nil {
		s.learn(func(service *capture.Service) {
			if m := metricVersion.FindSubmatch(a.body); m != nil {
				s.exact = append(s.exact, string(m[1]))
			}
			if m := metricProcs.FindSubmatch(a.body); m != nil {
				service.GOMAXPROCS, _ = strconv.Atoi(string(m[1]))
			}
		})
	}
	s.log("metrics", "looked for the Go version", time.Since(begin), int64(len(a.body)), a.err)
	return a
}

// pathVersion finds a Go version in a path of GOROOT.
var pathVersion = regexp.MustCompile(`(?:go|[-/@])(1\.\d{1,2}(?:\.\d{1,2})?(?:rc\d{1,2}|beta\d{1,2})?)\b`)

// resolve settles the Go version: the most exact one seen that agrees with the
// trace's format, or else the range that the format allows.
func (s *survey) resolve(format string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.service.TraceVersion = format
	written := capture.WrittenBy(format)
	s.service.GoVersion = written.String()
	dots := -1
	for _, v := range s.exact {
		minor := minorVersion(v)
		if n := strings.Count(v, "."); (written.Holds(minor) || written == capture.GoRange{} && minor >= 11) && n >= dots {
			s.service.GoVersion, dots = v, n
		}
	}
}

// minorVersion returns the 26 of "go1.26.8", or -1.
func minorVersion(version string) int {
	rest, ok := strings.CutPrefix(version, "go1.")
	if !ok {
		return -1
	}
	digits := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = rest[:i]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}
