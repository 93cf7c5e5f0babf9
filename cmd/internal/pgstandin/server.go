// Package pgstandin is a stand-in for PostgreSQL: it speaks the wire protocol and
// answers a fixed set of statements, after a configurable delay.
//
// It exists so that the demo needs no database. On the wire it behaves like one:
// the simple and the extended protocol, prepared statements, text and binary
// formats, the status of transactions, errors, cancellation. It does not parse
// SQL and rejects unknown statements. It does not pretend to be PostgreSQL:
// server_version says what it is.
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

// Version is the stand-in's server_version. Clients parse the number at its
// beginning.
const Version = "15.0 (timesink stand-in, not PostgreSQL)"

// maxMessage is the largest message that the stand-in reads; the statements it
// knows are far shorter.
const maxMessage = 1 << 20

// A Server answers its Statements for any number of clients. It must not be
// copied or changed while serving.
type Server struct {
	// Latency is the delay before the answer to each statement.
	Latency    time.Duration
	Statements []Statement

	mu       sync.Mutex
	sessions map[uint32]*session
	last     uint32 // last process id given to a client
}

// Serve answers clients until the context ends, and then closes the listener and
// the connections. It returns nil then, or the error that stopped it from
// accepting clients.
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

// serve handles one client. It ends on an error of the connection, which it
// drops: the client sees it too.
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

// enter creates a session and registers it under its process id and key, for
// cancel requests.
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
