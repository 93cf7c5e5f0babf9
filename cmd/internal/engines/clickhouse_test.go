package engines

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A clickHouse is a running server, of Debian's package.
type clickHouse struct{ url string }

const clickHouseConfig = `<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <http_port>%d</http_port><tcp_port>%d</tcp_port><interserver_http_port>%d</interserver_http_port>
  <listen_host>127.0.0.1</listen_host><interserver_http_host>127.0.0.1</interserver_http_host>
  <path>%[4]s/data/</path><tmp_path>%[4]s/tmp/</tmp_path><users_config>users.xml</users_config>
  <mark_cache_size>100000000</mark_cache_size><timezone>UTC</timezone>
  <default_profile>default</default_profile><default_database>default</default_database>
</yandex>`

const clickHouseUsers = `<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default><interval><duration>3600</duration><queries>0</queries><errors>0</errors><result_rows>0</result_rows><read_rows>0</read_rows><execution_time>0</execution_time></interval></default></quotas>
</yandex>`

// startClickHouse starts a server in a folder of its own, and stops it when the test ends.
func startClickHouse(t testing.TB) *clickHouse {
	t.Helper()
	exe, err := exec.LookPath("clickhouse-server")
	if err != nil {
		t.Fatal("there is no clickhouse-server: .ci/engines installs it")
	}
	dir := t.TempDir()
	ports := freePorts(t, 3)
	for name, text := range map[string]string{
		"config.xml": fmt.Sprintf(clickHouseConfig, ports[0], ports[1], ports[2], dir), "users.xml": clickHouseUsers,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command(exe, "--config-file="+filepath.Join(dir, "config.xml"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
	})
	c := &clickHouse{fmt.Sprintf("http://127.0.0.1:%d/", ports[0])}
	for {
		resp, err := http.Get(c.url + "ping")
		if err == nil {
			resp.Body.Close()
			return c
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("clickhouse-server ended: %v\n%s", err, log.Bytes())
		case <-t.Context().Done():
			t.Fatal("clickhouse-server does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// do runs a statement, with the data that it inserts, and returns the answer.
func (c *clickHouse) do(t testing.TB, statement string, data io.Reader) string {
	t.Helper()
	resp, err := http.Post(c.url+"?"+url.Values{"query": {statement}}.Encode(), "text/plain", data)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %s, %v: %s\n%s", resp.Status, err, answer, statement)
	}
	return string(answer)
}

// ask returns the rows of a query as text.
func (c *clickHouse) ask(t testing.TB, text string) (out [][]string) {
	t.Helper()
	answer := strings.TrimSuffix(c.do(t, text+" FORMAT TabSeparated", nil), "\n")
	if answer == "" {
		return nil
	}
	for line := range strings.SplitSeq(answer, "\n") {
		out = append(out, strings.Split(line, "\t"))
	}
	return out
}

// load makes the tables and inserts the rows of a folder.
func (c *clickHouse) load(t testing.TB, dir string) {
	t.Helper()
	for statement := range strings.SplitSeq(query(t, "clickhouse/schema-18.sql"), ";") {
		if strings.Contains(statement, "CREATE TABLE") {
			c.do(t, statement, nil)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*.ndjson"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rows in %s: %v", dir, err)
	}
	for _, file := range files {
		table, _, _ := strings.Cut(strings.TrimPrefix(file, dir+"/"), "/")
		rows, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := rows.Stat(); err == nil && info.Size() > 0 {
			c.do(t, "INSERT INTO "+table+" FORMAT JSONEachRow", rows)
		}
		rows.Close()
	}
}

// ClickHouse's totals are the report's, to the nanosecond, also after the rows were inserted
// twice, and the documented queries find what is there.
func TestClickHouse(t *testing.T) {
	c := startClickHouse(t)
	dir, answers := exportFleet(t, "ndjson")
	want := totalsOf(answers...)
	for range 2 {
		c.load(t, dir)
		checkTotals(t, c.ask(t, query(t, "clickhouse/totals.sql")), want)
	}
	odd, slower, p99 := c.ask(t, query(t, "clickhouse/odd.sql")), c.ask(t, everything(t, "clickhouse/slower.sql")), c.ask(t, query(t, "clickhouse/p99.sql"))
	checkFindings(t, answers, odd, slower, p99)
	db := open(t, dir, "ndjson")
	for _, q := range []struct {
		name       string
		clickHouse [][]string
		columns    []int
	}{{"odd.sql", odd, []int{1, 2, 3, 4}}, {"slower.sql", slower, []int{0}}, {"p99.sql", p99, []int{1, 2}}} {
		duck := ask(t, db, everything(t, "duckdb/"+q.name))
		if len(duck) != len(q.clickHouse) {
			t.Errorf("%s: DuckDB gives %d rows, ClickHouse %d", q.name, len(duck), len(q.clickHouse))
			continue
		}
		for i := range duck {
			for _, k := range q.columns {
				if duck[i][k] != q.clickHouse[i][k] {
					t.Errorf("%s: row %d, column %d is %s in DuckDB and %s in ClickHouse", q.name, i, k, duck[i][k], q.clickHouse[i][k])
				}
			}
		}
	}
}
