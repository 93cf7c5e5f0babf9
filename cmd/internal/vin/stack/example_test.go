package stack_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/truth"
	"timesink/cmd/internal/vin"
	"timesink/cmd/internal/vin/stack"
)

// Start the stack from the command's own executable, which has a subcommand
// that passes its arguments to vin.Main.
func Example() {
	ctx := context.Background()
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := stack.Default()
	c.Service.Calls = vin.Concurrent
	s, err := stack.Start(ctx, exe, []string{"vinservice"}, c)
	if err != nil {
		panic(err)
	}
	defer s.Stop()

	if _, err := s.Load(ctx, load.Config{Connections: 8, Duration: time.Second}); err != nil {
		panic(err)
	}
	t, err := s.Truth(ctx)
	if err != nil {
		panic(err)
	}
	for _, r := range t.Requests {
		fmt.Println(r.VIN, r.Wall(), r.Spent(truth.DB))
	}
}
