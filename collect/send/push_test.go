package send_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture/capturetest"
	"timesink/collect/send"
)

// content returns an opener of a text.
func content(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// A sink is a server that takes traces. answer decides what it says.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	took   []string
	answer func(w http.ResponseWriter, r *http.Request) bool // whether it takes the message
}

func newSink(t *testing.T) *sink {
	s := &sink{answer: func(http.ResponseWriter, *http.Request) bool { return true }}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z, err := gzip.NewReader(r.Body)
	if err != nil || r.Header.Get("Content-Encoding") != "gzip" || r.URL.Path != "/v1/traces" || r.Method != http.MethodPost {
		http.Error(w, fmt.Sprint("not a message: ", err), http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(z)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.answer(w, r) {
		s.took = append(s.took, string(text))
	}
}

func (s *sink) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.took)
}

func opened(t *testing.T, text string, access send.Access) send.Destination {
	t.Helper()
	to, err := send.Open(text, access)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func pusher(t *testing.T, to ...send.Destination) *send.Pusher {
	return &send.Pusher{Destinations: to, Spool: send.OpenSpool(filepath.Join(t.TempDir(), "spool"), 1<<20), Patience: 5 * time.Second}
}

func items(to send.Destination, texts ...string) (list []send.Item) {
	for i, text := range texts {
		list = append(list, send.NewItem(to, "ts-1", fmt.Sprintf("ts-1/traces/%d", i+1), content(text)))
	}
	return list
}

// What a server takes is gone from the spool.
func TestPushing(t *testing.T) {
	s := newSink(t)
	to := opened(t, "otlp="+s.URL, send.Access{})
	p := pusher(t, to)
	r := p.Push(t.Context(), items(to, "a", "b"))
	if r.Sent != 2 || r.Kept != 0 || len(r.Failures) > 0 || !slices.Equal(s.taken(), []string{"a", "b"}) {
		t.Errorf("%+v, and the server took %q", r, s.taken())
	}
	if n, err := p.Spool.Size(); n != 0 || err != nil {
		t.Errorf("the spool holds %d bytes: %v", n, err)
	}
}

// A server that is busy is asked again, not before the time that it names.
func TestABusyServerIsAskedAgain(t *testing.T) {
	s := newSink(t)
	var tries atomic.Int32
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		if tries.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many", http.StatusTooManyRequests)
			return false
		}
		return true
	}
	to := opened(t, "otlp="+s.URL, send.Access{})
	p := pusher(t, to)
	var waited time.Duration
	p.Note = func(_ string, wait time.Duration, _ error) { waited += wait }
	if r := p.Push(t.Context(), items(to, "a")); r.Sent != 1 || waited != time.Second || tries.Load() != 2 {
		t.Errorf("%+v after %d tries, having waited %v", r, tries.Load(), waited)
	}
	// A wait that exceeds the patience is not waited for.
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		http.Error(w, "down", http.StatusServiceUnavailable)
		return false
	}
	waited = 0
	if r := p.Push(t.Context(), items(to, "a", "b")); r.Kept != 2 || waited != 0 || len(r.Failures) != 1 || !r.Failures[0].Passing {
		t.Errorf("%+v, having waited %v", r, waited)
	}
}

// What could not be sent is sent by the next push, the oldest first, and only to the same
// destination.
func TestWhatIsKeptIsSentLater(t *testing.T) {
	s := newSink(t)
	down := opened(t, "otlp="+s.URL, send.Access{})
	p := pusher(t, down)
	p.Patience = 0
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return false }
	r := p.Push(t.Context(), items(down, "a", "b"))
	if r.Sent != 0 || r.Kept != 2 || len(r.Failures) != 1 || !errors.Is(r.Failures[0].Err, send.ErrUnreachable) {
		t.Fatalf("%+v", r)
	}
	p.Push(t.Context(), items(down, "a")) // again: still one
	other := newSink(t)
	elsewhere := opened(t, "otlp="+other.URL, send.Access{})
	q := &send.Pusher{Destinations: []send.Destination{elsewhere}, Spool: p.Spool}
	if r := q.Push(t.Context(), nil); r.Sent != 0 || len(other.taken()) > 0 {
		t.Errorf("another server was sent %q: %+v", other.taken(), r)
	}
	s.answer = func(http.ResponseWriter, *http.Request) bool { return true }
	c := send.NewItem(down, "ts-2", "ts-2/traces/1", content("c"))
	if r := p.Push(t.Context(), []send.Item{c}); r.Sent != 3 || r.Kept != 0 || len(r.Failures) > 0 || !slices.Equal(s.taken(), []string{"a", "b", "c"}) {
		t.Errorf("%+v, and the server took %q", r, s.taken())
	}
}

// Each way of saying no has its error. What somebody can do something about is kept; what
// would be refused again is not.
func TestHowServersSayNo(t *testing.T) {
	const token = "s3cret-t0ken"
	for _, c := range []struct {
		status int
		kind   error
		kept   int
	}{
		{401, send.ErrUnauthorized, 2}, {403, send.ErrUnauthorized, 2}, {404, send.ErrMissing, 2}, {302, send.ErrMissing, 2},
		{400, send.ErrRefused, 0}, {413, send.ErrRefused, 0}, {500, send.ErrUnreachable, 2}, {503, send.ErrUnreachable, 2},
	} {
		s := newSink(t)
		s.answer = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", "https://login.example.com/")
			w.WriteHeader(c.status)
			fmt.Fprintf(w, "no, %s", r.Header.Get("Authorization"))
			return false
		}
		header := collect.Header{}
		if err := header.Add("Authorization: Bearer " + token); err != nil {
			t.Fatal(err)
		}
		to := opened(t, "otlp="+s.URL, send.Access{Header: header})
		p := pusher(t, to)
		p.Patience = 0
		r := p.Push(t.Context(), items(to, "a", "b"))
		if r.Kept != c.kept || r.Sent != 0 || len(r.Failures) == 0 {
			t.Errorf("status %d: %+v", c.status, r)
			continue
		}
		f := r.Failures[0]
		if said := f.Err.Error(); !errors.Is(f.Err, c.kind) || f.Passing != (c.kind == send.ErrUnreachable) || !strings.Contains(said, strconv.Itoa(c.status)) || strings.Contains(said, token) {
			t.Errorf("status %d: %v", c.status, f.Err)
		}
	}
}

// A collector may take a message and reject some of its spans.
func TestRejectedSpans(t *testing.T) {
	for media, body := range map[string]string{
		"application/x-protobuf": "\x0a\x0b\x08\x03\x12\x07too old",
		"application/json":       `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}`,
	} {
		s := newSink(t)
		s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", media)
			io.WriteString(w, body)
			return true
		}
		to := opened(t, "otlp="+s.URL, send.Access{})
		r := pusher(t, to).Push(t.Context(), items(to, "a"))
		if len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Err.Error(), "3 spans are rejected: too old") || r.Kept != 0 {
			t.Errorf("%s: %+v", media, r)
		}
	}
}

// A spool that is full, by its limit or its disk, loses nothing: what does not fit is sent
// at once, and said if that fails too.
func TestAFullSpool(t *testing.T) {
	limits := map[string]func(t *testing.T) *send.Spool{
		"limit": func(t *testing.T) *send.Spool { return send.OpenSpool(t.TempDir(), 40_000) },
		"disk":  func(t *testing.T) *send.Spool { return send.OpenSpool(capturetest.SmallDisk(t, "64k"), 1<<30) },
	}
	for name, open := range limits {
		t.Run(name, func(t *testing.T) {
			s := newSink(t)
			to := opened(t, "otlp="+s.URL, send.Access{})
			p := &send.Pusher{Destinations: []send.Destination{to}, Spool: open(t)}
			small, large := strings.Repeat("a", 10_000), strings.Repeat("b", 100_000)
			up := s.answer
			s.answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return false }
			r := p.Push(t.Context(), items(to, small, large))
			if r.Kept != 1 || len(r.Failures) != 2 || r.Failures[0].Passing || r.Failures[0].Kept != 0 || !r.Failures[1].Passing {
				t.Fatalf("%+v", r)
			}
			if entries, err := os.ReadDir(p.Spool.Dir()); err != nil || len(entries) != 2 {
				t.Errorf("the spool holds %v: %v", entries, err)
			}
			s.answer = up
			r = p.Push(t.Context(), items(to, small, large))
			got := s.taken()
			slices.Sort(got)
			if r.Sent != 2 || r.Kept != 0 || len(r.Failures) > 0 || !slices.Equal(got, []string{small, large}) {
				t.Errorf("%d sent, %d failures; the server took %d", r.Sent, len(r.Failures), len(got))
			}
		})
	}
}

// An interrupt keeps what was not sent.
func TestAnInterruptKeepsTheRest(t *testing.T) {
	s := newSink(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool { cancel(); w.WriteHeader(503); return false }
	to := opened(t, "otlp="+s.URL, send.Access{})
	if r := pusher(t, to).Push(ctx, items(to, "a", "b")); r.Kept != 2 || r.Sent != 0 {
		t.Errorf("%+v", r)
	}
}

// Captures go to a folder under the name of their case, once.
func TestPushingToAFolder(t *testing.T) {
	dir := t.TempDir()
	to := opened(t, "file="+dir, send.Access{})
	p := pusher(t, to)
	item := send.NewItem(to, "ts-1", "ts-1.zip", content("evidence"))
	for range 2 {
		if r := p.Push(t.Context(), []send.Item{item}); r.Sent != 1 || len(r.Failures) > 0 {
			t.Fatalf("%+v", r)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "ts-1.zip" {
		t.Errorf("the folder holds %v: %v", entries, err)
	}
}
