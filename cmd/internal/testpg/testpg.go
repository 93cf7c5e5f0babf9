// Package testpg starts a real PostgreSQL for a test, on a free port in a
// temporary folder, and stops it when the test ends. Only tests import it.
//
// It uses the server of Debian's package postgresql, or the initdb and postgres
// in PATH. PostgreSQL refuses to run as root; a test that runs as root starts it
// as the user postgres or nobody.
package testpg
