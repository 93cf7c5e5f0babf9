package vin

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"timesink/cmd/internal/load"
)

const usage = `vinservice is a service to look at: it decodes vehicle identification numbers
with a database and four upstreams, and times itself around every step.

  vinservice upstreams [flags]   the four upstreams
  vinservice serve [flags]       the service; needs --upstreams URL and --postgres DSN
  vinservice standin [flags]     a stand-in for Postgres, where there is none
  vinservice load [flags]        load on it, in a closed loop; needs --url URL

The first three print one line of JSON when they are ready, with the addresses they
chose; load prints what the clients saw. "vinservice COMMAND -h" lists the flags.
`

// Main runs one process of the topology, given its name and flags in args. It
// returns the exit code: 0 for success, 1 for a failure, 2 for wrong usage.
//
// A process exits when its context ends. With --leash it exits instead when its
// standard input ends, and so never outlives the process at the other end,
// however that one dies; signals are then left to the parent.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprint(stderr, usage)
		if args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
			return 0
		}
		return 2
	}
	flags := flag.NewFlagSet("vinservice "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	leash := flags.Bool("leash", false, "exit when standard input ends")
	run := command(flags)
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "vinservice %s takes flags only, not %q\n", args[0], flags.Arg(0))
		return 2
	}
	if *leash {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			defer cancel()
			io.Copy(io.Discard, stdin)
		}()
	}
	if err := run(ctx, stdout); err != nil {
		fmt.Fprintf(stderr, "vinservice %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// Each command declares its flags and returns the function to run after they
// are parsed.
var commands = map[string]func(*flag.FlagSet) func(context.Context, io.Writer) error{
	"serve": func(fs *flag.FlagSet) func(context.Context, io.Writer) error {
		var c Config
		c.Flags(fs)
		return func(ctx context.Context, stdout io.Writer) error { return Serve(ctx, c, announce(stdout)) }
	},
	"upstreams": func(fs *flag.FlagSet) func(context.Context, io.Writer) error {
		var c UpstreamsConfig
		c.Flags(fs)
		return func(ctx context.Context, stdout io.Writer) error { return ServeUpstreams(ctx, c, announce(stdout)) }
	},
	"standin": func(fs *flag.FlagSet) func(context.Context, io.Writer) error {
		var c StandInConfig
		c.Flags(fs)
		return func(ctx context.Context, stdout io.Writer) error { return ServeStandIn(ctx, c, announce(stdout)) }
	},
	"load": func(fs *flag.FlagSet) func(context.Context, io.Writer) error {
		c := load.Config{Values: Numbers()}
		c.Flags(fs)
		return func(ctx context.Context, stdout io.Writer) error {
			result, err := load.Run(ctx, c)
			if err != nil {
				return err
			}
			return json.NewEncoder(stdout).Encode(result)
		}
	},
}

func announce(w io.Writer) func(Ready) {
	return func(r Ready) { json.NewEncoder(w).Encode(r) }
}
