// Package vin is a service to look at: a decoder of vehicle identification
// numbers that asks a database and four upstreams, computes a little, and times
// itself around every step.
//
// timesink's demo and its truth tests run it; cmd/vinservice makes it a command
// of its own. One request to GET /v1/vin/{vin}
//
//   - checks the number's form and check digit (400 if wrong),
//   - reads the vehicle's row from Postgres (404 if there is none),
//   - asks the upstreams [Recalls], [Specs], [Market] and [History], one after
//     another or all at once,
//   - burns a set amount of processor time in the answer's signature,
//   - and answers JSON.
//
// How it does so, well or badly, is the [Config]'s to say: a connection per call,
// a pool too small, a mutex held over the query. What it measured of itself is
// served as truth.Truth under /truth on the port that
// also serves pprof, and forgotten after a POST to /truth/reset.
//
// [Main] runs each of the processes this takes: the service, its upstreams, the
// stand-in for Postgres, and the load. Package vin/stack starts them together.
package vin
