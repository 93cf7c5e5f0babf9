package vin

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
)

// ErrUnknown means that the database has no such vehicle.
var ErrUnknown = errors.New("no such vehicle")

// The statements of the service. The stand-in for Postgres knows only these.
const (
	sqlCreate = `CREATE TABLE IF NOT EXISTS vehicles (
		vin      text PRIMARY KEY,
		make     text NOT NULL,
		model    text NOT NULL,
		year     integer NOT NULL,
		plant    text NOT NULL,
		engine   text NOT NULL,
		msrp_usd integer NOT NULL)`
	sqlCount  = `SELECT count(*) FROM vehicles`
	sqlFill   = `INSERT INTO vehicles SELECT * FROM json_populate_recordset(null::vehicles, $1::json) ON CONFLICT DO NOTHING`
	sqlFind   = `SELECT vin, make, model, year, plant, engine, msrp_usd FROM vehicles WHERE vin = $1`
	sqlFindIn = `SELECT vin, make, model, year, plant, engine, msrp_usd, pg_sleep($2::float8)::text FROM vehicles WHERE vin = $1`
)

// A Store reads vehicles from Postgres.
type Store struct {
	db   *sql.DB
	slow time.Duration // added to each query, by the database
	tail time.Duration // added to one query in ten
	hold bool          // mu is held across the query

	queries atomic.Int64

	mu    sync.Mutex
	reads int64
}

// openStore connects to the database and makes sure that it contains the
// [Fleet].
func openStore(ctx context.Context, c Config) (*Store, error) {
	config, err := pq.NewConfig(c.Postgres)
	if err != nil {
		return nil, fmt.Errorf("reading the DSN of the database: %w", err)
	}
	if config.SSLMode == "" {
		config.SSLMode = pq.SSLModePrefer // as libpq does
	}
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, fmt.Errorf("preparing connections to the database: %w", err)
	}
	s := &Store{db: sql.OpenDB(connector), slow: c.SlowDB, tail: c.TailDB, hold: c.HoldLock}
	if c.Pool > 0 {
		s.db.SetMaxOpenConns(c.Pool)
		s.db.SetMaxIdleConns(c.Pool)
	}
	if c.NoIdle {
		s.db.SetMaxIdleConns(-1)
	}
	if err := s.fill(ctx); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("preparing the table vehicles: %w", err)
	}
	return s, nil
}

func (s *Store) fill(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, sqlCreate); err != nil {
		return err
	}
	rows := 0
	if err := s.db.QueryRowContext(ctx, sqlCount).Scan(&rows); err != nil {
		return err
	}
	if rows >= len(Fleet()) {
		return nil
	}
	fleet, err := json.Marshal(Fleet())
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, sqlFill, string(fleet))
	return err
}

// delay returns how long the database sleeps in the next query.
func (s *Store) delay() time.Duration {
	if s.queries.Add(1)%10 == 0 {
		return s.slow + s.tail
	}
	return s.slow
}

// Vehicle reads one row. If there is none, the error wraps [ErrUnknown].
func (s *Store) Vehicle(ctx context.Context, number string, watch *stopwatch) (Vehicle, error) {
	if s.hold {
		// The mutex protects the count; holding it during the query is the
		// mistake that this mode demonstrates.
		locked := watch.begin(stepLock)
		s.mu.Lock()
		defer s.mu.Unlock()
		locked()
		s.reads++
	}
	defer watch.begin(stepDB)()

	var v Vehicle
	query, args := sqlFind, []any{number}
	columns := []any{&v.VIN, &v.Make, &v.Model, &v.Year, &v.Plant, &v.Engine, &v.MSRP}
	if slow := s.delay(); slow > 0 {
		query, args, columns = sqlFindIn, append(args, slow.Seconds()), append(columns, new(string))
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return Vehicle{}, fmt.Errorf("asking the database for %s: %w", number, err)
	}
	defer rows.Close()

	found := false
	for rows.Next() {
		if err := rows.Scan(columns...); err != nil {
			return Vehicle{}, fmt.Errorf("reading the row of %s: %w", number, err)
		}
		found = true
	}
	if err := rows.Err(); err != nil {
		return Vehicle{}, fmt.Errorf("reading the row of %s: %w", number, err)
	}
	if !found {
		return Vehicle{}, fmt.Errorf("%w: %s", ErrUnknown, number)
	}
	return v, nil
}
