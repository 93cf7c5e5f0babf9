package testpg

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// StartOnOneCore is like Start, for a server whose processes share one core, however many
// the machine has.
func StartOnOneCore(t testing.TB) string {
	t.Helper()
	dsn := Start(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var data string
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	one, err := lastCore()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedSetaffinity(pid, one); err != nil { // processes for new connections inherit it
		t.Fatal(err)
	}
	return dsn
}

// lastCore returns the last core that this process may use: most machines are busiest on
// the first.
func lastCore() (*unix.CPUSet, error) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, err
	}
	last := 0
	for core := range 8 * int(unsafe.Sizeof(all)) {
		if all.IsSet(core) {
			last = core
		}
	}
	one.Set(last)
	return &one, nil
}
