package bounded_test

import (
	"bytes"
	"errors"
	"fmt"

	"timesink/collect/bounded"
)

// A few hundred bytes unpack to a hundred thousand: the limit counts those.
func Example() {
	bomb := zipped(make([]byte, 100_000))
	data, err := bounded.Unzip(bytes.NewReader(bomb), 10_000)
	fmt.Println(len(data), err, errors.Is(err, bounded.ErrTooLarge))
	// Output: 10000 unpacks to more than 10 KB true
}
