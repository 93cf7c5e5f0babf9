// Package diagnosis tells causes from sums: why the requests of a Breakdown take as long
// as they do, who is at fault, how sure that is, and what fixing it would save.
//
// # Looks
//
// Each kind of cause is a row in the table kinds: an ID of the catalogue and a look, a
// function that searches one endpoint for it. A look returns which time it explains, as
// claims on parts of the endpoint's wall time, and the facts that it rests on. It writes
// no sentences; package report does.
//
// # One cause for an instant
//
// Looks run in the order of the table, the specific ones first, and each instant is
// explained once: what a look claims is taken from the time that is left, and a cause
// that finds less than half of its claim left is dropped, because a more specific one has
// explained it. So a pool that starves since its connections wait for a slow lock is not
// also a slow database. Causes of one kind with the same key, such as a pool that several
// endpoints share, become one with several endpoints.
//
// # Estimates
//
// What requests compute, and who has the processors, is known from samples. A cause that
// rests on them must be notable by the lower bound of its share, and there must be enough
// of them. Time that was noticed late is taken from the claims of the system that seems to
// have been slow.
//
// A cause is shown as a finding if it explains a notable part of a request's time. Causes
// that say only whose time it is, as that of another service that answers slowly, serve
// the conclusion alone.
package diagnosis
