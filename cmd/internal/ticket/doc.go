// Package ticket holds the tests of the report's page in a real browser: what
// somebody sees who opens the file that was attached to a ticket. Its program
// bundle makes the page's script and style. It is a module of its own, so that the
// tool's need not require what drives a browser and what bundles.
//
// TICKET_SCREENSHOTS names a folder that the tests write pictures of the pages to.
package ticket
