package vin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"time"

	"timesink/cmd/internal/pgstandin"
)

// StandInConfig configures the stand-in for Postgres.
type StandInConfig struct {
	Listen  string        // address; port 0 chooses a free one
	Latency time.Duration // of each statement
}

// Flags declares a flag for each field, with its default.
func (c *StandInConfig) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:0", "`address` to serve on; port 0 chooses a free one")
	fs.DurationVar(&c.Latency, "latency", 2*time.Millisecond, "time that each statement takes")
}

// ServeStandIn serves a stand-in for a Postgres with the [Fleet], until the
// context ends. It calls ready once, when it is listening.
func ServeStandIn(ctx context.Context, c StandInConfig, ready func(Ready)) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	s := &pgstandin.Server{Latency: c.Latency, Statements: standInStatements()}
	ready(Ready{Role: "standin", Postgres: fmt.Sprintf("postgres://standin@%s/vin?sslmode=disable", l.Addr()), PID: pid()})
	return s.Serve(ctx, l)
}

// standInStatements returns the store's statements. The table is full from the
// start, so the store never fills it.
func standInStatements() []pgstandin.Statement {
	vehicles := map[string]Vehicle{}
	for _, v := range Fleet() {
		vehicles[v.VIN] = v
	}
	columns := []pgstandin.Column{
		{Name: "vin", Type: pgstandin.Text},
		{Name: "make", Type: pgstandin.Text},
		{Name: "model", Type: pgstandin.Text},
		{Name: "year", Type: pgstandin.Int4},
		{Name: "plant", Type: pgstandin.Text},
		{Name: "engine", Type: pgstandin.Text},
		{Name: "msrp_usd", Type: pgstandin.Int4},
	}
	find := func(args []any) (pgstandin.Result, error) {
		number, _ := args[0].(string) // NULL finds nothing
		v, ok := vehicles[number]
		if !ok {
			return pgstandin.Result{}, nil
		}
		row := []any{v.VIN, v.Make, v.Model, int32(v.Year), v.Plant, v.Engine, int32(v.MSRP)}
		return pgstandin.Result{Rows: [][]any{row}}, nil
	}
	findIn := func(args []any) (pgstandin.Result, error) {
		result, err := find(args)
		seconds, ok := args[1].(float64)
		if !ok {
			return result, errors.New("pg_sleep of NULL")
		}
		for i := range result.Rows {
			result.Rows[i] = append(result.Rows[i], "")
			result.Took += time.Duration(seconds * float64(time.Second))
		}
		return result, err
	}
	return []pgstandin.Statement{
		{SQL: sqlFind, Parameters: []uint32{pgstandin.Text}, Columns: columns, Answer: find},
		{
			SQL:        sqlFindIn,
			Parameters: []uint32{pgstandin.Text, pgstandin.Float8},
			Columns:    append(columns[:len(columns):len(columns)], pgstandin.Column{Name: "pg_sleep", Type: pgstandin.Text}),
			Answer:     findIn,
		},
		{
			SQL:     sqlCount,
			Columns: []pgstandin.Column{{Name: "count", Type: pgstandin.Int8}},
			Answer: func([]any) (pgstandin.Result, error) {
				return pgstandin.Result{Rows: [][]any{{int64(len(vehicles))}}}, nil
			},
		},
		{
			SQL:    sqlCreate,
			Answer: func([]any) (pgstandin.Result, error) { return pgstandin.Result{Tag: "CREATE TABLE"}, nil },
		},
	}
}
