package redact_test

import (
	"fmt"

	"timesink/collect/capture"
	"timesink/collect/redact"
)

// A text about a capture, for readers who should not see where it was made.
func ExampleRedactor_Text() {
	r := redact.New(&capture.Manifest{Target: "https://pprof.acme.example:6060"})
	fmt.Println(r.Text(`Get "https://pprof.acme.example:6060/debug/pprof/trace?seconds=5": EOF`))
	fmt.Println(r.Text("github.com/acme/driver.(*Conn).Query /home/jane/go/pkg/mod/github.com/acme/driver@v1.2.0/conn.go:88"))
	// Output:
	// Get "https://[host]:6060/debug/pprof/trace?[query]": EOF
	// github.com/acme/driver.(*Conn).Query /[home]/go/pkg/mod/github.com/acme/driver@v1.2.0/conn.go:88
}
