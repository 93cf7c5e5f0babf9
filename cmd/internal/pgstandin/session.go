package pgstandin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A session is one client's connection, from its startup message on.
type session struct {
	backend *pgproto3.Backend
	known   *catalog
	latency time.Duration
	pid     uint32
	key     []byte

	statements map[string]*prepared
	portals    map[string]*portal
	status     byte // of the transaction: 'I' for none, 'T' in one, 'E' in a failed one
	skip       bool // an extended query failed: ignore messages until the next Sync

	mu      sync.Mutex
	running context.CancelCauseFunc // of the statement being executed, or nil
}

// A portal is a statement with its arguments and, after execution, the rows
// still to be fetched.
type portal struct {
	*prepared
	args     []any
	formats  []int16
	executed bool
	result   Result
}

func newSession(backend *pgproto3.Backend, known *catalog, latency time.Duration) *session {
	key := make([]byte, 4)
	rand.Read(key)
	return &session{
		backend: backend, known: known, latency: latency, key: key,
		statements: map[string]*prepared{}, portals: map[string]*portal{}, status: 'I',
	}
}

// run performs the startup and answers the client until it leaves or the
// connection fails.
func (s *session) run(ctx context.Context) {
	s.backend.Send(&pgproto3.AuthenticationOk{})
	for _, p := range []pgproto3.ParameterStatus{
		{Name: "server_version", Value: Version},
		{Name: "server_encoding", Value: "UTF8"},
		{Name: "client_encoding", Value: "UTF8"},
		{Name: "DateStyle", Value: "ISO, MDY"},
		{Name: "TimeZone", Value: "UTC"},
		{Name: "integer_datetimes", Value: "on"},
		{Name: "standard_conforming_strings", Value: "on"},
	} {
		s.backend.Send(&p)
	}
	s.backend.Send(&pgproto3.BackendKeyData{ProcessID: s.pid, SecretKey: s.key})
	err := s.ready()
	for err == nil {
		var message pgproto3.FrontendMessage
		if message, err = s.backend.Receive(); err == nil {
			err = s.handle(ctx, message)
		}
	}
}

var errTerminated = errors.New("the client has left")

// handle answers one message. It reports errors of the message to the client;
// an error that it returns ends the connection.
func (s *session) handle(ctx context.Context, message pgproto3.FrontendMessage) error {
	switch message := message.(type) {
	case *pgproto3.Terminate:
		return errTerminated
	case *pgproto3.Sync:
		s.skip = false
		return s.ready()
	case *pgproto3.Flush:
		return s.backend.Flush()
	case *pgproto3.Query:
		if err := s.query(ctx, message.String); err != nil {
			s.fail(err)
		}
		return s.ready()
	}
	if s.skip {
		return nil
	}
	if err := s.extended(ctx, message); err != nil {
		s.fail(err)
		s.skip = true
	}
	return nil
}

func (s *session) extended(ctx context.Context, message pgproto3.FrontendMessage) error {
	switch message := message.(type) {
	case *pgproto3.Parse:
		return s.parse(message)
	case *pgproto3.Bind:
		return s.bind(message)
	case *pgproto3.Describe:
		return s.describe(message)
	case *pgproto3.Execute:
		return s.execute(ctx, message)
	case *pgproto3.Close:
		if message.ObjectType == 'S' {
			delete(s.statements, message.Name)
		} else {
			delete(s.portals, message.Name)
		}
		s.backend.Send(&pgproto3.CloseComplete{})
		return nil
	}
	return &failure{"0A000", fmt.Sprintf("the stand-in does not understand %T", message)}
}

func (s *session) ready() error {
	if s.status == 'I' {
		clear(s.portals)
	}
	s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: s.status})
	return s.backend.Flush()
}

func (s *session) fail(err error) {
	if s.status == 'T' {
		s.status = 'E'
	}
	f := &failure{"XX000", err.Error()}
	errors.As(err, &f)
	s.backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: f.code, Message: f.message})
}

// query implements the simple protocol: one statement, all its rows as text.
func (s *session) query(ctx context.Context, sql string) error {
	p, err := s.known.prepare(sql, nil)
	if err != nil {
		return err
	}
	args, err := p.arguments(nil, nil)
	if err != nil {
		return err
	}
	if p.Statement == nil {
		s.backend.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	result, err := s.perform(ctx, p, args)
	if err != nil {
		return err
	}
	if len(p.Columns) > 0 {
		s.backend.Send(p.description(nil))
	}
	return s.rows(&portal{prepared: p, result: result}, 0)
}

func (s *session) parse(m *pgproto3.Parse) error {
	if _, exists := s.statements[m.Name]; exists && m.Name != "" {
		return &failure{"42P05", fmt.Sprintf("prepared statement %q already exists", m.Name)}
	}
	p, err := s.known.prepare(m.Query, m.ParameterOIDs)
	if err != nil {
		return err
	}
	s.statements[m.Name] = p
	s.backend.Send(&pgproto3.ParseComplete{})
	return nil
}

func (s *session) bind(m *pgproto3.Bind) error {
	p, ok := s.statements[m.PreparedStatement]
	if !ok {
		return &failure{"26000", fmt.Sprintf("prepared statement %q does not exist", m.PreparedStatement)}
	}
	for _, code := range slices.Concat(m.ParameterFormatCodes, m.ResultFormatCodes) {
		if code != textFormat && code != binaryFormat {
			return &failure{"22023", fmt.Sprintf("unsupported format code: %d", code)}
		}
	}
	args, err := p.arguments(m.ParameterFormatCodes, m.Parameters)
	if err != nil {
		return err
	}
	// The message's slices are valid only until the next message.
	formats := append([]int16(nil), m.ResultFormatCodes...)
	s.portals[m.DestinationPortal] = &portal{prepared: p, args: args, formats: formats}
	s.backend.Send(&pgproto3.BindComplete{})
	return nil
}

func (s *session) describe(m *pgproto3.Describe) error {
	var p *prepared
	var formats []int16
	if m.ObjectType == 'S' {
		if p = s.statements[m.Name]; p == nil {
			return &failure{"26000", fmt.Sprintf("prepared statement %q does not exist", m.Name)}
		}
		s.backend.Send(&pgproto3.ParameterDescription{ParameterOIDs: p.types})
	} else {
		portal := s.portals[m.Name]
		if portal == nil {
			return &failure{"34000", fmt.Sprintf("portal %q does not exist", m.Name)}
		}
		p, formats = portal.prepared, portal.formats
	}
	if p.Statement == nil || len(p.Columns) == 0 {
		s.backend.Send(&pgproto3.NoData{})
		return nil
	}
	s.backend.Send(p.description(formats))
	return nil
}

func (p *prepared) description(formats []int16) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{}
	for i, c := range p.Columns {
		d.Fields = append(d.Fields, pgproto3.FieldDescription{
			Name: []byte(c.Name), DataTypeOID: c.Type, DataTypeSize: -1, TypeModifier: -1, Format: formatOf(formats, i),
		})
	}
	return d
}

func (s *session) execute(ctx context.Context, m *pgproto3.Execute) error {
	p := s.portals[m.Portal]
	if p == nil {
		return &failure{"34000", fmt.Sprintf("portal %q does not exist", m.Portal)}
	}
	if p.Statement == nil {
		s.backend.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	if !p.executed {
		result, err := s.perform(ctx, p.prepared, p.args)
		if err != nil {
			return err
		}
		p.result, p.executed = result, true
	}
	return s.rows(p, int(m.MaxRows))
}

// perform executes a statement: it waits for its delay, updates the status of
// the transaction, and can be canceled.
func (s *session) perform(ctx context.Context, p *prepared, args []any) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.running = cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running = nil
		s.mu.Unlock()
	}()

	result, err := p.Answer(args)
	if err != nil {
		return Result{}, err
	}
	if s.status == 'E' && result.Tag != "ROLLBACK" && result.Tag != "COMMIT" {
		return Result{}, &failure{"25P02", "current transaction is aborted, commands ignored until end of transaction block"}
	}
	if err := sleep(ctx, s.latency+result.Took); err != nil {
		return Result{}, err
	}
	switch result.Tag {
	case "BEGIN":
		s.status = 'T'
	case "COMMIT":
		if s.status == 'E' {
			result.Tag = "ROLLBACK" // as PostgreSQL does
		}
		s.status = 'I'
	case "ROLLBACK":
		s.status = 'I'
	case "":
		result.Tag = fmt.Sprintf("SELECT %d", len(result.Rows))
	}
	return result, nil
}

// cancel ends the statement being executed, if any, with an error.
func (s *session) cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.running(&failure{"57014", "canceling statement due to user request"})
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rows sends the portal's next rows, at most limit of them unless limit is 0.
func (s *session) rows(p *portal, limit int) error {
	send := p.result.Rows
	if limit > 0 && limit < len(send) {
		send = send[:limit]
	}
	for _, row := range send {
		values := make([][]byte, len(p.Columns))
		for i, c := range p.Columns {
			var err error
			if values[i], err = encode(c.Type, formatOf(p.formats, i), row[i]); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
		s.backend.Send(&pgproto3.DataRow{Values: values})
	}
	p.result.Rows = p.result.Rows[len(send):]
	if len(p.result.Rows) > 0 {
		s.backend.Send(&pgproto3.PortalSuspended{})
		return nil
	}
	s.backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(strings.ToUpper(p.result.Tag))})
	return nil
}
