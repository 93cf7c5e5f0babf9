// Package testpg starts a real PostgreSQL for a test, on a free port in a
// temporary folder, and stops it when the test ends. Only tests import it.
//
// It takes the server of Debian's package postgresql, or whichever initdb and
// postgres are in PATH. PostgreSQL refuses to run as root; a test that does runs
// it as the user postgres or nobody.
package testpg
