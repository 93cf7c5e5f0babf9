package local

/*
#include <stdint.h>
#include <time.h>

static void wait_ms(int ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	nanosleep(&t, 0);
}

static uint64_t compute(int steps) {
	volatile uint64_t x = 88172645463325252ULL;
	for (int i = 0; i < steps; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}
*/
import "C"

func waitInC(ms int) { C.wait_ms(C.int(ms)) }

func computeInC(steps int) { C.compute(C.int(steps)) }
