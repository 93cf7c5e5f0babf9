// Vinservice runs the service of timesink's demo and accuracy tests by hand. It
// decodes vehicle identification numbers with a database and four upstreams,
// and times every step itself.
//
// In three terminals:
//
//	vinservice upstreams --listen 127.0.0.1:7001
//	vinservice serve --listen 127.0.0.1:8080 --pprof 127.0.0.1:6060 \
//	    --upstreams http://127.0.0.1:7001 --postgres postgres://localhost/vin
//	vinservice load --url http://127.0.0.1:8080/v1/vin/{vin}
//
// Flags select its defects: see "vinservice serve -h".
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"timesink/cmd/internal/vin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return vin.Main(ctx, args, stdin, stdout, stderr)
}
