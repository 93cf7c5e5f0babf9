// Package pgstandin is a stand-in for PostgreSQL: it speaks the wire protocol and
// answers a fixed set of statements, after a delay of one's choice.
//
// It exists so that the demo needs no database. To a client it behaves like one
// on the wire: the simple and the extended protocol, prepared statements, text
// and binary formats, transactions as far as their status goes, errors,
// cancellation. It parses no SQL: a statement it does not know, it refuses. It
// does not pretend either: server_version says what it is.
package pgstandin

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Version is what the stand-in calls itself. Clients parse the number in front.
const Version = "15.0 (timesink stand-in, not PostgreSQL)"

// maxMessage is the longest message the stand-in reads; the statements it knows
// are far shorter.
const maxMessage = 1 << 20

// A Server answers its Statements to any number of clients. It must not be copied
// or changed once it serves.
type Server struct {
	// Latency passes before each statement is answered.
	Latency    time.Duration
	Statements []Statement

	mu       sync.Mutex
	sessions map[uint32]*session
	last     uint32 // process id given out, as far as a client is concerned
}

// Serve answers clients until the context ends, and then closes the listener and
// the connections. It returns nil, or why it could not go on listening.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	known, err := newCatalog(s.Statements)
	if err != nil {
		l.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("waiting for clients of the stand-in: %w", err)
		}
		all.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			s.serve(ctx, conn, known)
		})
	}
}

// serve speaks with one client. An error of the connection ends it; the client
// has its own view of that, and there is nobody else to tell.
func (s *Server) serve(ctx context.Context, conn net.Conn, known *catalog) {
	backend := pgproto3.NewBackend(conn, conn)
	for {
		message, err := backend.ReceiveStartupMessage()
		if err != nil {
			return
		}
		switch message := message.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte{'N'}); err != nil {
				return
			}
		case *pgproto3.CancelRequest:
			s.cancel(message)
			return
		case *pgproto3.StartupMessage:
			backend.SetMaxBodyLen(maxMessage)
			session := s.enter(backend, known)
			defer s.leave(session)
			session.run(ctx)
			return
		}
	}
}

// enter makes a session, known by its process id and key to those who want to
// cancel what it does.
func (s *Server) enter(backend *pgproto3.Backend, known *catalog) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[uint32]*session{}
	}
	s.last++
	entered := newSession(backend, known, s.Latency)
	entered.pid = s.last
	s.sessions[entered.pid] = entered
	return entered
}

func (s *Server) leave(session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session.pid)
}

func (s *Server) cancel(request *pgproto3.CancelRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.sessions[request.ProcessID]; session != nil && bytes.Equal(session.key, request.SecretKey) {
		session.cancel()
	}
}
