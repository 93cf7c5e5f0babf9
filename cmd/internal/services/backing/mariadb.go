package backing

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// startMariaDB starts a MariaDB without durability, and returns the DSN of
// go-sql-driver/mysql for its database mysql.
func startMariaDB(t testing.TB) string {
	address := start(t, "mariadbd", func(folder string, port int) []string {
		options := []string{"--no-defaults", "--datadir=" + folder}
		if os.Geteuid() == 0 {
			options = append(options, "--user=root") // it must be told
		}
		install := exec.Command("mariadb-install-db", append(options, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")...)
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("mariadb-install-db: %v\n%s", err, out)
		}
		return append(options, "--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", port), "--socket="+folder+"/socket", "--pid-file="+folder+"/pid",
			"--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-buffer-pool-size=16M")
	})
	return fmt.Sprintf("root@tcp(%s)/mysql", address)
}
