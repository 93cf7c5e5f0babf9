package vin_test

import (
	"fmt"
	"time"

	"timesink/cmd/internal/vin"
)

func ExampleCheckDigit() {
	digit, err := vin.CheckDigit("1HGCM826?3A004352")
	fmt.Printf("%c %v\n", digit, err)
	_, err = vin.CheckDigit("1HGCM826?3A00I352")
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// not a vehicle identification number: "1HGCM826?3A00I352" has 'I' at position 14
}

func ExampleArgs() {
	c := vin.Default[vin.Config]()
	c.Calls, c.KeepAlive, c.SlowDB = vin.Concurrent, true, 5*time.Millisecond
	fmt.Println(vin.Args(c))
	// Output: [--calls=concurrent --keepalive=true --slow-db=5ms]
}
