package vin

import "flag"

// flags is a configuration that declares its own flags.
type flags[C any] interface {
	*C
	Flags(*flag.FlagSet)
}

// Default is a configuration as a command line without flags makes it:
//
//	c := vin.Default[vin.Config]()
func Default[C any, P flags[C]]() C {
	var c C
	P(&c).Flags(flag.NewFlagSet("", flag.ContinueOnError))
	return c
}

// Args are the flags that carry a configuration to another process. Those at
// their defaults are left out.
func Args[C any, P flags[C]](c C) []string {
	declared := flag.NewFlagSet("", flag.ContinueOnError)
	bound := new(C)
	P(bound).Flags(declared)
	*bound = c
	args := []string{}
	declared.VisitAll(func(f *flag.Flag) {
		if value := f.Value.String(); value != f.DefValue {
			args = append(args, "--"+f.Name+"="+value)
		}
	})
	return args
}
