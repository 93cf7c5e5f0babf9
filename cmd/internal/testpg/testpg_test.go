//go:build servers

package testpg_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"

	"timesink/cmd/internal/testpg"
)

func TestStartsARealPostgres(t *testing.T) {
	dsn := ""
	t.Run("a test that uses it", func(t *testing.T) {
		dsn = testpg.Start(t)
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		sum := 0
		if err := conn.QueryRow(t.Context(), "SELECT sum(n) FROM generate_series(1, 100) n").Scan(&sum); err != nil || sum != 5050 {
			t.Errorf("the sum of 1 to 100 is %d, %v", sum, err)
		}
	})
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		conn.Close(t.Context())
		t.Error("the server outlives the test")
	}
}

// A server on one core keeps all of its processes there.
func TestStartsOneOnOneCore(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), testpg.StartOnOneCore(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	allowed, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", conn.PgConn().PID()))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Cpus_allowed_list:\t[0-9]+$`).Match(allowed) {
		t.Errorf("a connection may use more than one core:\n%s", allowed)
	}
}
