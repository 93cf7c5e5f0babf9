package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"timesink/collect/bounded/boundedtest"
	"timesink/collect/capture"
	"timesink/collect/redact"
)

// acme is the manifest of a capture whose hosts only Acme has.
var acme = &capture.Manifest{
	Target: "https://pprof.acme.example:8443/debug/pprof/",
	Asked: capture.Asked{URLs: []capture.AskedURL{
		{Route: "GET /v1/vin/{vin}", Host: "http://shop:8080"},
		{Route: "GET /health", Host: "http://10.20.30.40:8080"},
		{Route: "GET /", Host: "http://localhost:8080"},
	}},
}

// texts lists texts in captures and reports, and the same texts masked.
var texts = []struct{ name, text, want string }{
	{"the target", "https://pprof.acme.example:8443/debug/pprof/", "https://[host]:8443/debug/pprof/"},
	{"a probed host", "http://shop:8080", "http://[host]:8080"},
	{"this machine", "http://localhost:8080 http://127.0.0.1:6060 http://[::1]:6060 http://0.0.0.0:1", "http://localhost:8080 http://127.0.0.1:6060 http://[::1]:6060 http://0.0.0.0:1"},
	{"any other URL", `Get "https://billing.other.example/v2/invoices": EOF`, `Get "https://[host]/v2/invoices": EOF`},
	{"an address of IPv6", "http://[2001:db8::7]:8080/x", "http://[host]:8080/x"},
	{"a known host without its scheme", "x509: pprof.acme.example has expired", "x509: [host] has expired"},
	{"a known host in capitals", "PPROF.Acme.example is down", "[host] is down"},
	{"a host below a known one", "a.pprof.acme.example.", "[host]."},
	{"a known host of one word, with its port", "dial shop:8080: refused", "dial [host]:8080: refused"},
	{"a known host of one word that is a package", "shop.(*API).Order shop/shop.go:80", "shop.(*API).Order shop/shop.go:80"},
	{"the name of a capture's folder", "timesink-pprof.acme.example-8443-20261122T020304Z.zip.partial was not finished", "timesink-[host]-8443-20261122T020304Z.zip.partial was not finished"},
	{"the name of another capture", "timesink-db-1-6060-20261122T020304Z.zip", "timesink-[host]-6060-20261122T020304Z.zip"},
	{"the name of a capture of this machine", "timesink-127.0.0.1-6060-20261122T020304Z.zip", "timesink-127.0.0.1-6060-20261122T020304Z.zip"},

	{"a query", "GET http://localhost/v1?token=x&y=[1] 200", "GET http://localhost/v1?[query] 200"},
	{"a query in quotes", `Get "/v1?name=O'Neil&b=2": EOF`, `Get "/v1?[query]": EOF`},
	{"a query for a shell", "--url 'http://localhost/v1?a=b' --rate 5", "--url 'http://localhost/v1?[query]' --rate 5"},
	{"a query of a relative path", "profile?seconds=10", "profile?[query]"},
	{"a fragment", "http://localhost/cb#access_token=abc", "http://localhost/cb#[query]"},
	{"a question", "was it a timeout? nobody knows; why?!", "was it a timeout? nobody knows; why?!"},
	{"a pattern", "GET /v1/vin/{vin}", "GET /v1/vin/{vin}"},
	{"an expression", `main\.(run|stop)?All (?:x)`, `main\.(run|stop)?All (?:x)`},

	{"a user in a URL", "postgres://jane:s3cret@db.acme.example:5432/shop?sslmode=off", "postgres://[user]@[host]:5432/shop?[query]"},
	{"a password that is not escaped", "postgres://jane:s3/cr?et@db:5432/shop", "postgres://[user]@[host]:5432/shop"},
	{"several hosts", "mongodb://jane:x@one.acme:27017,two:27017/shop", "mongodb://[user]@[host]:27017,[host]:27017/shop"},
	{"a connection string of MySQL", "jane:s3cret@tcp(db.acme:3306)/shop", "[user]@tcp([host]:3306)/shop"},
	{"a connection string of Postgres", "host=db.acme user=jane password=s3cret dbname=shop", "host=[host] user=[user] password=[value] dbname=shop"},
	{"what pgx says", "failed to connect to `user=jane database=shop`: 10.1.2.3:5432 (db.acme): dial error", "failed to connect to `user=[user] database=shop`: [host]:5432 ([host]): dial error"},
	{"what Postgres says", `FATAL: password authentication failed for user "jane" (SQLSTATE 28P01)`, `FATAL: password authentication failed for user "[user]" (SQLSTATE 28P01)`},
	{"what MySQL says", "Error 1045: Access denied for user 'jane'@'web-1' (using password: YES)", "Error 1045: Access denied for user '[user]'@'[host]' (using password: YES)"},

	{"a header", `HTTP 400: "Authorization: Bearer abc.def-123"`, `HTTP 400: "Authorization: [value]"`},
	{"a header in an error", `malformed header "X-Tenant: 4711 gold" in request`, `malformed header "X-Tenant: [value]" in request`},
	{"a cookie", "Cookie: session=4711; theme=dark\r\nnext line", "Cookie: [value]\r\nnext line"},
	{"a header as JSON", `{"authorization":"Basic amFuZTpzM2NyZXQ=","n":1}`, `{"authorization":"[value]","n":1}`},
	{"a token", "rejected bearer AbC123.xyz", "rejected bearer [value]"},
	{"a token of letters", "Bearer abcdefghijklmnopqrstuvwxyz", "Bearer [value]"},
	{"a way to log in", "the port asks for basic authentication or a bearer token", "the port asks for basic authentication or a bearer token"},
	{"a JWT", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "got [value]"},
	{"a key", `api_key=abc&x=1 {"client_secret":"q w"}`, `api_key=[value]&x=1 {"client_secret":"[value]"}`},

	{"a home", "/home/jane.doe/src/shop/api.go", "/[home]/src/shop/api.go"},
	{"a home by itself", "open /home/jane: denied", "open /[home]: denied"},
	{"a Mac's home", "/Users/jane/go/pkg/mod/github.com/jackc/pgx/v5@v5.7.1/conn.go", "/[home]/go/pkg/mod/github.com/jackc/pgx/v5@v5.7.1/conn.go"},
	{"root's home", "/root/go/src/x.go /root", "/[home]/go/src/x.go /[home]"},
	{"Fedora's homes", "/var/home/jane/x.go", "/[home]/x.go"},
	{"a home on a mounted disk", "/mnt/nfs/home/jane/x.go", "/[home]/x.go"},
	{"a home of Windows", `C:\Users\Jane Doe\src\x.go`, `C:\[home]\src\x.go`},
	{"the same with slashes", "d:/users/jane/src/x.go", "d:/[home]/src/x.go"},
	{"the same quoted", `open \"C:\\Users\\jane\\x.go\": denied`, `open \"C:\\[home]\\x.go\": denied`},
	{"the same at the end", `open C:\Users\jane: denied`, `open C:\[home]: denied`},
	{"homes in a list", "PATH=/usr/bin:/home/jane/bin:/home/joe/bin", "PATH=/usr/bin:/[home]/bin:/[home]/bin"},
	{"a home in a file's URL", "file:///home/jane/x file:///C:/Users/jane/x", "file:///[home]/x file:///C:/[home]/x"},
	{"a socket in a home", "unix:///home/jane.doe/run/app.sock:/debug/pprof/", "unix:///[home]/run/app.sock:/debug/pprof/"},
	{"a socket in a home of Windows", "unix:///C:/Users/Jane%20Doe/app.sock", "unix:///C:/[home]/app.sock"},
	{"a socket that is probed", "--url 'unix:///Users/jane/app.sock:/v1/vin/{vin}'", "--url 'unix:///[home]/app.sock:/v1/vin/{vin}'"},
	{"a socket that cannot be dialed", "dial unix /home/jane/app.sock: connect: connection refused", "dial unix /[home]/app.sock: connect: connection refused"},
	{"a socket in no home", "unix:///run/app.sock", "unix:///run/app.sock"},
	{"a package outside GOPATH", "_/home/jane/shop.Order", "_/[home]/shop.Order"},
	{"a compiler's flag", "-I/home/jane/include", "-I/[home]/include"},
	{"a package called home", "github.com/acme/home/page.Render /go/src/acme/home/page.go /app/home/x.go", "github.com/acme/home/page.Render /go/src/acme/home/page.go /app/home/x.go"},
	{"a source file in /home", "/home/main.go:12", "/home/main.go:12"},
	{"a route", "GET /home/start POST /Users/7 GET /root", "GET /home/start POST /Users/7 GET /root"},
	{"a URL's path", "http://localhost:80/home/start", "http://localhost:80/home/start"},
	{"another folder", "/rootfs/x /root-ca.pem /usr/local/go/src/net/http/server.go", "/rootfs/x /root-ca.pem /usr/local/go/src/net/http/server.go"},

	{"an e-mail address", "mail jane.doe+x@mail.acme.example now", "mail [email] now"},
	{"an e-mail address beyond ASCII", "mail jäne@büro.example", "mail [email]"},
	{"a module's version", "github.com/acme/driver@v1.2.0-rc.alpha/conn.go", "github.com/acme/driver@v1.2.0-rc.alpha/conn.go"},

	{"an address", "dial tcp 10.1.2.3:5432: connect: refused", "dial tcp [host]:5432: connect: refused"},
	{"both ends of a connection", "read tcp 10.1.2.3:51234->10.9.8.7:443: reset", "read tcp [host]:51234->[host]:443: reset"},
	{"addresses of IPv6", "dial tcp [fe80::1%eth0]:80 and 2001:db8::ff:1", "dial tcp [host]:80 and [host]"},
	{"addresses of this machine", "127.0.0.1:80 ::1 [::]:80 0.0.0.0", "127.0.0.1:80 ::1 [::]:80 0.0.0.0"},
	{"versions", "v1.2.3.4 Chrome/120.0.0.0 1.2.3.4-rc1 1.2.3.4.5 go1.26.8", "v1.2.3.4 Chrome/120.0.0.0 1.2.3.4-rc1 1.2.3.4.5 go1.26.8"},
	{"times and C++", "12:34:56 std::add dead::beef", "12:34:56 std::add dead::beef"},
	{"what the resolver says", "dial tcp: lookup db.acme on 10.0.0.2:53: no such host", "dial tcp: lookup [host] on [host]:53: no such host"},
	{"what timesink says of it", "no such host: db", "no such host: [host]"},
	{"a name with its port", "connect db.acme.internal:5432", "connect [host]:5432"},
	{"what a certificate says", "certificate is valid for a.acme, *.b.acme, not c.acme", "certificate is valid for [host], not [host]"},
	{"a place in the code", "vin.(*API).fetch (api.go:156) main.run:12", "vin.(*API).fetch (api.go:156) main.run:12"},
	{"an import path that begins with the host", "pprof.acme.example/shop/api.(*API).Order", "pprof.acme.example/shop/api.(*API).Order"},

	{"functions", "main.f[go.shape.int] github.com/acme/driver.(*Conn).Query.func1.2-fm", "main.f[go.shape.int] github.com/acme/driver.(*Conn).Query.func1.2-fm"},
	{"bytes that are not UTF-8", "\xff/home/jane\xfe/x", "\xff/[home]/x"},
}

func TestPrivateDataIsMasked(t *testing.T) {
	r := redact.New(acme)
	for _, tt := range texts {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.Text(tt.text); got != tt.want {
				t.Errorf("%s\nbecame %s\nnot    %s", tt.text, got, tt.want)
			}
			if again := r.Text(tt.want); again != tt.want {
				t.Errorf("%s\nbecame %s the second time", tt.want, again)
			}
		})
	}
}

func TestALongTextIsMaskedAsAWhole(t *testing.T) {
	if got := redact.New().Text(strings.Repeat("x", 1<<17)); got != "[value]" {
		t.Errorf("%d bytes are left", len(got))
	}
}

// FuzzText checks that masked text stays as it is, that the result is valid
// UTF-8, and that no private data is left where its context identifies it.
func FuzzText(f *testing.F) {
	for _, tt := range texts {
		f.Add(tt.text, "jane")
	}
	f.Add("", "jane doe")
	r := redact.New(acme)
	f.Fuzz(func(t *testing.T, text, name string) {
		var once string
		boundedtest.Check(t, len(text), boundedtest.Limit{Base: 1 << 20, PerByte: 4 << 10}, func() { once = r.Text(text) })
		if twice := r.Text(once); twice != once {
			t.Errorf("%q\nbecame %q\nand then %q", text, once, twice)
		}
		if utf8.ValidString(text) && !utf8.ValidString(once) {
			t.Errorf("%q\nbecame %q, which is not UTF-8", text, once)
		}
		for form, private := range told {
			word := "q" + strings.Map(letters, name)
			form, private = strings.ReplaceAll(form, "NAME", word), strings.ReplaceAll(private, "NAME", word)
			if len(word) <= 3 || strings.Contains(text, private) {
				continue
			}
			all := text + "\n" + form + "\n" + text
			if masked := r.Text(all); strings.Contains(masked, private) {
				t.Errorf("%q\nbecame %q, which reveals %s", all, masked, private)
			}
		}
	})
}

// told lists texts whose context identifies private data.
var told = map[string]string{
	"/home/NAME/src/shop/api.go:12":            "NAME",
	"at C:\\Users\\NAME\\shop\\api.go":         "NAME",
	"http://NAME.example:8080/v1":              "NAME",
	"https://localhost/v1?id=NAME":             "NAME",
	"postgres://joe:NAME@localhost/shop":       "NAME",
	"GET /v1/orders?customer=NAME":             "NAME",
	"Authorization: Bearer NAME":               "NAME",
	"X-Customer-Id: NAME":                      "NAME",
	"NAME@mail.example":                        "NAME",
	"pprof.acme.example answered NAME":         "pprof.acme.example",
	"dial tcp 10.1.2.3:80: NAME":               "10.1.2.3",
	"lookup NAME on 10.0.0.1:53: no such host": "NAME",
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}
