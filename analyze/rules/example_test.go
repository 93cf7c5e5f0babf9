package rules_test

import (
	"fmt"

	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
)

// A stack shows what a goroutine waits for, and for which handler.
func Example() {
	stack := []breakdown.Frame{ // leaf first
		{Function: "internal/poll.(*FD).Read", File: "internal/poll/fd_unix.go", Line: 165},
		{Function: "github.com/lib/pq.(*conn).recvMessage", File: "github.com/lib/pq@v1.10.9/conn.go", Line: 1020},
		{Function: "github.com/lib/pq.(*conn).QueryContext", File: "github.com/lib/pq@v1.10.9/conn_go18.go", Line: 41},
		{Function: "database/sql.(*DB).QueryContext", File: "database/sql/sql.go", Line: 1739},
		{Function: "example.com/shop.(*Store).Price", File: "example.com/shop/store.go", Line: 58},
		{Function: "example.com/shop.(*API).Cart", File: "example.com/shop/api.go", Line: 31},
		{Function: "net/http.HandlerFunc.ServeHTTP", File: "net/http/server.go", Line: 2286},
		{Function: "net/http.(*conn).serve", File: "net/http/server.go", Line: 2105},
	}
	c := rules.New().Classify(stack)
	fmt.Println(c.Own.Bucket, c.Phase, c.System)
	fmt.Printf("called at %s:%d\n", c.Site.File, c.Site.Line)
	fmt.Println("for", c.Handler)
	// Output:
	// db query postgres
	// called at example.com/shop/store.go:58
	// for example.com/shop.(*API).Cart
}
