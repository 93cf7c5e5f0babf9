// Command tuned is a service whose faults can be turned up and down, for predictions of
// what that brings: it calls an upstream with its own workers, one call for each item, or
// again after a pause, makes garbage, and asks a database.
//
//	tuned --upstream URL [--workers N] [--items N] [--pause D] [--garbage N] [--postgres DSN --query SQL]
//
// It prints one line of JSON with its addresses when it is ready, and exits with its
// standard input.
package main

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// A service is the handlers and what they share.
type service struct {
	upstream string
	client   *http.Client
	jobs     chan chan error
	items    int
	pause    time.Duration
	garbage  int
	db       *sql.DB
	query    string
}

var sink []byte

func main() {
	s := &service{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, jobs: make(chan chan error)}
	workers := flag.Int("workers", 2, "workers")
	flag.StringVar(&s.upstream, "upstream", "", "`URL` to call")
	flag.IntVar(&s.items, "items", 4, "items of a list")
	flag.DurationVar(&s.pause, "pause", 20*time.Millisecond, "pause before a call is made again")
	postgres := flag.String("postgres", "", "`DSN` of the database")
	flag.StringVar(&s.query, "query", "SELECT 1", "`SQL` that it is asked")
	flag.IntVar(&s.garbage, "garbage", 0, "megabytes of garbage in each request")
	flag.Parse()
	err := s.open(*postgres)
	if err == nil {
		err = s.serve(*workers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tuned:", err)
		os.Exit(1)
	}
}

// open opens the database, if there is one.
func (s *service) open(dsn string) (err error) {
	if dsn != "" {
		s.db, err = sql.Open("pgx", dsn)
		if err == nil {
			s.db.SetMaxIdleConns(64)
		}
	}
	return err
}

func (s *service) serve(workers int) error {
	for range workers {
		go s.work()
	}
	http.HandleFunc("/jobs", s.answer(s.handOver))
	http.HandleFunc("/items", s.answer(s.each))
	http.HandleFunc("/again", s.answer(s.again))
	http.HandleFunc("/lookup", s.answer(s.lookup))
	http.HandleFunc("/garbage", s.answer(s.litter))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": "http://" + l.Addr().String()}); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, nil)
}

func (s *service) answer(do func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := do(); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	}
}

// fetch calls the upstream.
func (s *service) fetch() error {
	resp, err := s.client.Get(s.upstream)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (s *service) work() {
	for done := range s.jobs {
		done <- s.fetch()
	}
}

func (s *service) handOver() error {
	done := make(chan error, 1)
	s.jobs <- done
	return <-done
}

func (s *service) each() error {
	for range s.items {
		if err := s.fetch(); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) again() error {
	if err := s.fetch(); err != nil {
		return err
	}
	s.rest()
	return s.fetch()
}

func (s *service) rest() { time.Sleep(s.pause) }

// lookup calls the upstream and asks the database.
func (s *service) lookup() error {
	if err := s.fetch(); err != nil {
		return err
	}
	return s.ask()
}

func (s *service) ask() error {
	rows, err := s.db.Query(s.query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func (s *service) litter() error {
	for range s.garbage * 16 {
		sink = make([]byte, 1<<16)
		sink[0] = 1
	}
	return s.fetch()
}
