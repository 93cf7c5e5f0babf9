package server

import (
	"context"
	"io"
	"net/http"
	"strings"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// Streams lists the scenarios of streams and sessions.
var Streams = []scenario.Scenario{
	serving("gorilla/websocket", scenario.Server{Listen: sessions(func(s *shop) http.HandlerFunc { return s.gorilla }), Dial: dialWebSocket}, "websocket", "(*shop).gorilla"),
	serving("coder/websocket", scenario.Server{Listen: sessions(func(s *shop) http.HandlerFunc { return s.coder }), Dial: dialWebSocket}, "websocket", "(*shop).coder"),
	serving("server-sent events", scenario.Server{Listen: listenEvents, Dial: scenario.DialHTTP}, "http/1 stream", "(*shop).events"),
}

// sessions serves WebSockets.
func sessions(session func(*shop) http.HandlerFunc) func(context.Context, scenario.Env, func(context.Context) error) (string, error) {
	return func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
		return scenario.ServeHTTP(ctx, &http.Server{Handler: logged(session(&shop{do}))})
	}
}

// gorilla sends each message back after its work is done.
func (s *shop) gorilla(w http.ResponseWriter, r *http.Request) {
	conn, err := new(gorilla.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil || s.do(r.Context()) != nil || conn.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func (s *shop) coder(w http.ResponseWriter, r *http.Request) {
	conn, err := coder.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil || s.do(r.Context()) != nil || conn.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func listenEvents(ctx context.Context, _ scenario.Env, do func(context.Context) error) (string, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", (&shop{do}).events)
	return scenario.ServeHTTP(ctx, &http.Server{Handler: scenario.Around(mux)})
}

// events sends an event when work begins, when it is done, and with its
// outcome.
func (s *shop) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(data string) {
		io.WriteString(w, "data: "+data+"\n\n")
		http.NewResponseController(w).Flush()
	}
	event("begun")
	err := s.do(r.Context())
	event("done")
	if err != nil {
		event(err.Error())
	}
}

// A session sends messages, one at a time, and waits until each is sent back.
type session struct {
	url  string
	conn *gorilla.Conn
}

func dialWebSocket(_ scenario.Env, url string) load.Session {
	return &session{url: "ws" + strings.TrimPrefix(url, "http")}
}

func (s *session) Get(ctx context.Context, _ string) (_ int, err error) {
	if s.conn == nil {
		if s.conn, _, err = gorilla.DefaultDialer.DialContext(ctx, s.url, nil); err != nil {
			return 0, err
		}
	}
	if err := s.conn.WriteMessage(gorilla.TextMessage, []byte("order")); err != nil {
		return 0, err
	}
	_, _, err = s.conn.ReadMessage()
	return http.StatusOK, err
}

func (s *session) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
}
