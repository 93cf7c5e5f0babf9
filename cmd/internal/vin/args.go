package vin

import "flag"

// flags is implemented by configurations that declare their own flags.
type flags[C any] interface {
	*C
	Flags(*flag.FlagSet)
}

// Default returns the configuration of a command line without flags:
//
//	c := vin.Default[vin.Config]()
func Default[C any, P flags[C]]() C {
	var c C
	P(&c).Flags(flag.NewFlagSet("", flag.ContinueOnError))
	return c
}

// Args returns the flags that pass a configuration to another process. It
// omits flags with their default value.
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
