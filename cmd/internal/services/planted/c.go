//go:build cgo

package main

/*
#include <time.h>

static void await_ms(int ms) {
	struct timespec t = {0, ms * 1000000L};
	nanosleep(&t, 0);
}
*/
import "C"

import (
	"context"

	"timesink/cmd/internal/services/scenario"
)

// cRows are about time in C code.
var cRows = []row{
	{service: "a library in C that waits", plants: "c-call", open: handled(openC)},
}

func openC(context.Context, scenario.Env) (work, error) {
	return func(context.Context) error { C.await_ms(12); return nil }, nil
}
