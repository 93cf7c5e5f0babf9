//go:build servers

package testpg_test

import (
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
