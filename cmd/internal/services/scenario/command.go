package scenario

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// A Command is what a program of services does when it is called by name. It writes one
// line of JSON to out when it is ready, and returns when the context ends.
type Command func(ctx context.Context, env Env, args []string, out *json.Encoder) error

// Main runs the command that the program's first argument names, with the addresses in its
// flags, until standard input ends, and exits. The usage is told if there is no such
// command.
func Main(program, usage string, commands map[string]Command) {
	os.Exit(run(program, usage, commands, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(program, usage string, commands map[string]Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(stderr, "usage:", program, usage)
		return 2
	}
	env := Env{}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("with", "`NEED=ADDRESS`", func(s string) error {
		name, address, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q is not NEED=ADDRESS", s)
		}
		env[name] = address
		return nil
	})
	if flags.Parse(args[1:]) != nil {
		return 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		io.Copy(io.Discard, stdin)
	}()
	if err := commands[args[0]](ctx, env, flags.Args(), json.NewEncoder(stdout)); err != nil {
		fmt.Fprintf(stderr, "%s %s: %v\n", program, strings.Join(append(args[:1:1], flags.Args()...), " "), err)
		return 1
	}
	return 0
}

// ServePeer returns the command that serves the peer named by its argument.
func ServePeer(peers []Peer) Command {
	return func(ctx context.Context, env Env, args []string, out *json.Encoder) error {
		for _, p := range peers {
			if len(args) == 1 && p.Name == args[0] {
				return p.Serve(ctx, env, func(address string) { out.Encode(address) })
			}
		}
		return fmt.Errorf("there is no such peer")
	}
}
