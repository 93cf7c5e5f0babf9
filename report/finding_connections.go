package report

import (
	"fmt"

	"timesink/analyze/breakdown"
)

// connectionWordings words the findings about connections to other systems.
var connectionWordings = map[string]findingWording{
	"dial-per-call": {
		title:    func(f breakdown.Facts) string { return dialing(f, "dial a new connection", "dials a new connection") },
		evidence: dialingEvidence("making connections"),
		try:      func(f breakdown.Facts) string { return dialAdvice[f.Name(breakdown.FactClient)] },
	},
	"tls-per-call": {
		title: func(f breakdown.Facts) string {
			return dialing(f, "make a new connection with a TLS handshake", "makes a new connection with a TLS handshake")
		},
		evidence: func(f breakdown.Facts) []string {
			return append([]string{partOf(f, breakdown.FactHandshakes, "is TLS handshakes")}, dialedAt(f)...)
		},
		try: func(f breakdown.Facts) string {
			if f.Name(breakdown.FactClient) == "net/http" {
				return "" // the catalogue's
			}
			return dialAdvice[f.Name(breakdown.FactClient)]
		},
	},
	"dns-per-call": {
		title: func(f breakdown.Facts) string {
			return dialing(f, "look up the host's address again", "looks up the host's address again")
		},
		evidence: func(f breakdown.Facts) []string {
			return append([]string{partOf(f, breakdown.FactResolving, "is looking it up")}, dialedAt(f)...)
		},
	},
	"body-not-drained": {
		title: func(f breakdown.Facts) string {
			if f.Number(breakdown.FactUnclosed) > 0 {
				return "response bodies are not closed, so each call dials and its connection stays open"
			}
			return "response bodies are not read to their end, so each call dials"
		},
		evidence: func(f breakdown.Facts) []string {
			if n := f.Number(breakdown.FactUnclosed); n > 0 {
				return append([]string{fmt.Sprintf("%s left open when the window closed, %.0f%% of the calls dial", counted(int64(n), "response was", "responses were"), f.Number(breakdown.FactDialed))}, dialedAt(f)...)
			}
			return append([]string{fmt.Sprintf("%.0f%% of the calls close a body before its end, %.0f%% dial", f.Number(breakdown.FactUndrained), f.Number(breakdown.FactDialed))}, dialedAt(f)...)
		},
		try: func(f breakdown.Facts) string {
			if f.Number(breakdown.FactUnclosed) > 0 {
				return "read each response body to io.EOF and close it on every path (defer resp.Body.Close() after the check of the error)"
			}
			return "" // the catalogue's
		},
	},
	"dns-search-list": {
		title: says("each lookup of a host asks for several names, one after another"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + fmt.Sprintf(" in lookups, %.1f names each", f.Number(breakdown.FactNames))}, dialedAt(f)...)
		},
	},
	"dual-stack-fallback": {
		title: says("dialing waits for one address family before it tries the other"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " until the fallback timer ended"}, dialedAt(f)...)
		},
	},
	"expect-continue": {
		title: says("request bodies wait for a 100-continue that does not come"),
		evidence: func(f breakdown.Facts) []string {
			return append([]string{ofRequest(f) + " until ExpectContinueTimeout ended"}, calledAt(f)...)
		},
	},
	"prepare-round-trips": {
		title: says("a statement is prepared for each query"),
		evidence: func(f breakdown.Facts) []string {
			list := []string{ofRequest(f) + " in preparing"}
			if n := f.Number(breakdown.FactTrips); n > 0 {
				list = append(list, trips(n)+" per call")
			}
			return append(list, siteAt("asked at", f.Frame(breakdown.FactSite))...)
		},
	},
}

// dialAdvice is what to do about a client library's connections.
var dialAdvice = map[string]string{
	"net/http":     "share one http.Client, keep its connections alive, raise MaxIdleConnsPerHost, and read each body to its end; if the other side closes the connections (Connection: close, a short idle timeout), change it there",
	"fasthttp":     "share one client, and raise MaxIdleConnDuration",
	"grpc":         "share one grpc.ClientConn for the whole process",
	"database/sql": "keep as many idle connections as are in use at once (SetMaxIdleConns, 2 by default), and share one sql.DB; see SetConnMaxLifetime and SetConnMaxIdleTime",
	"pgxpool":      "share one pgxpool.Pool, and raise MaxConnLifetime, MaxConnIdleTime and MinConns",
	"pgx":          "use a pool (pgxpool.New) that the whole process shares",
	"mongo":        "share one mongo.Client, and raise MinPoolSize and MaxConnIdleTime",
	"go-redis":     "share one client, and raise PoolSize, MaxIdleConns and ConnMaxIdleTime",
	"rueidis":      "share one client, and raise BlockingPoolSize if the calls block",
	"redigo":       "share one redis.Pool, and raise MaxIdle (0 keeps no connection) and IdleTimeout",
	"net/smtp":     "hand mails to a goroutine in the background, and send several by one connection (smtp.Client, Reset)",
	"gomemcache":   "share one memcache.Client, and raise MaxIdleConns (2 by default)",
}

// callNouns name the calls of a bucket: "database calls".
var callNouns = map[string]string{"db": "database", "cache": "cache", "queue": "queue", "upstream": "upstream"}

// dialing says which share of a bucket's calls do something.
func dialing(f breakdown.Facts, several, one string) string {
	d, _ := f.Of(breakdown.FactDialed)
	if d.Value < 100 {
		return fmt.Sprintf("%.0f%% of the %s calls %s", d.Value, callNouns[d.Name], several)
	}
	return fmt.Sprintf("every %s call %s", callNouns[d.Name], one)
}

func dialingEvidence(doing string) func(breakdown.Facts) []string {
	return func(f breakdown.Facts) []string {
		return append([]string{ofRequest(f) + " in " + doing}, dialedAt(f)...)
	}
}

// partOf says how much of making connections is for one thing.
func partOf(f breakdown.Facts, kind breakdown.FactKind, is string) string {
	return fmt.Sprintf("%s of the %s per request in making connections %s", threeDigits(f.Time(kind)), threeDigits(f.Time(breakdown.FactSpent)), is)
}

func dialedAt(f breakdown.Facts) []string { return siteAt("dialed at", f.Frame(breakdown.FactSite)) }
