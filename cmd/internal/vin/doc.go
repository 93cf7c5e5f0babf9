// Package vin is a service for demonstrations and tests: a decoder of vehicle
// identification numbers that queries a database and four upstreams, computes a
// little, and times every step itself.
//
// timesink's demo and its accuracy tests run it; cmd/vinservice is a command for
// it. One request to GET /v1/vin/{vin}
//
//   - checks the number's form and check digit (400 if wrong),
//   - reads the vehicle's row from Postgres (404 if there is none),
//   - calls the upstreams [Recalls], [Specs], [Market] and [History],
//     sequentially or concurrently,
//   - burns a set amount of processor time in the answer's signature,
//   - and answers JSON.
//
// The [Config] decides how well it does so: it may use a connection per call, a
// pool that is too small, or a mutex held over the query. The port of pprof also
// serves its measurements as a truth.Truth, under /truth. A POST to /truth/reset
// discards them.
//
// [Main] runs each of the processes involved: the service, its upstreams, the
// stand-in for Postgres, and the load. Package vin/stack starts them together.
package vin
