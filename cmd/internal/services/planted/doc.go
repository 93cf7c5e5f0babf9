// Command planted runs services that are slow for one known reason each, and its test asks
// timesink for the reason: does it name the planted cause, as the first, and nothing that
// is not there?
//
//	planted serve --with NEED=ADDRESS… SERVICE   one service, for one row of the table
//	planted peer --with NEED=ADDRESS… NAME       a server that services need
//
// Each prints one line of JSON when it is ready and exits with its standard input. The
// test starts both, sends requests, takes one capture of each service as a user would, and
// prints what fired:
//
//	go test -run Planted -v .                 one row of each family
//	go test -run Planted -v . -rows 'N\+1'    the rows whose service or ID matches
//	bash .ci/findings                         all rows, on all healthy load levels
//
// With -keep FOLDER the captures stay, to be looked at with timesink analyze.
//
// # Adding a row
//
// Each family of causes has a file with its rows; a family is a line in the table
// families. A row says what the service does in a few words, the ID it plants, which
// servers it needs (real ones by their names in package backing, or peers), its load, and
// open, which connects and returns the service's handler:
//
//	{service: "a query for each item", plants: "many-queries", needs: []string{"postgres"},
//		load: []clients{{number: 2}}, open: openItems},
//
// The planted cause must account for most of the time, so that it has to be the first.
// IDs in also may fire beside it: only those whose cause is truly there. A row without an
// ID is a near miss: a service that looks like one with the cause and does not have it, or
// that is healthy. Nothing may fire there except what also names.
//
// The rest of what a service does must be harmless. Peers run in processes of their own,
// because what they do must not be in the service's trace. Times are relative: a service
// whose cause shows only on a fast machine is no row.
package main
