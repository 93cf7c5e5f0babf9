package rules

import "testing"

// The outermost client counts: what it uses inside is not what the service set up.
func TestClientsAreToldByTheirOutermostFunction(t *testing.T) {
	for functions, want := range map[string]string{
		pqRead + " < github.com/lib/pq.(*conn).QueryContext < database/sql.(*DB).QueryContext < " + handler:                         "database/sql",
		pgRead + " < github.com/jackc/pgx/v5.(*Conn).Query < github.com/jackc/pgx/v5/pgxpool.(*Pool).Query < " + handler:            "pgxpool",
		pgRead + " < github.com/jackc/pgx/v5/pgconn.connectOne < github.com/jackc/pgx/v5.Connect < " + handler:                      "pgx",
		dial + " < github.com/bradfitz/gomemcache/memcache.(*Client).dial < " + handler:                                             "gomemcache",
		"net/http.(*Transport).getConn < net/http.(*Client).Do < connectrpc.com/connect.(*duplexHTTPCall).makeRequest < " + handler: "net/http",
		netRead + " < example.com/driver.(*conn).Ask < " + handler:                                                                  "",
	} {
		if got := New().Classify(stack(functions)).Client; got != want {
			t.Errorf("%s: %q, want %q", functions, got, want)
		}
	}
}

func TestPreparingIsToldByItsFunctions(t *testing.T) {
	for functions, want := range map[string]bool{
		pqRead + " < github.com/lib/pq.(*conn).readParseResponse < github.com/lib/pq.(*conn).prepareTo < github.com/lib/pq.(*conn).query < " + handler:                true,
		netRead + " < example.com/driver.(*conn).PrepareContext < database/sql.ctxDriverPrepare < database/sql.(*DB).queryDC < " + handler:                            true,
		pqRead + " < github.com/lib/pq.(*conn).readBindResponse < github.com/lib/pq.(*stmt).exec < github.com/lib/pq.(*conn).query < " + handler:                      false,
		netRead + " < example.com/driver.(*stmt).Query < database/sql.ctxDriverStmtQuery < database/sql.(*DB).queryDC < database/sql.(*DB).QueryContext < " + handler: false,
	} {
		if got := Prepares(stack(functions)); got != want {
			t.Errorf("%s: %v", functions, got)
		}
	}
}
