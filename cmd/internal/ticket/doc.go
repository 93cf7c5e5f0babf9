// Package ticket tests the report's page in a real browser, as seen by a person
// who opens the file attached to a ticket. Its program bundle builds the page's
// script and style. It is a separate module, so that the tool's module does not
// require a browser driver and a bundler.
//
// If TICKET_SCREENSHOTS names a folder, the tests write screenshots of the pages
// to it.
package ticket
