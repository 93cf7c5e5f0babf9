// Package report writes a Breakdown down, for the people and the programs that
// read it.
//
// It is the last step of the flow, Capture → Breakdown → report: each format is
// a function of a writer and a Breakdown, and the same Breakdown always gives
// the same bytes. Text is the first screen, read at 2 a.m. in a terminal of 80
// columns and pasted into a ticket without its colours. Markdown is for a ticket's
// description or comment, in the markup of its tracker. HTML is one page that
// carries all of it, for years. JSON is the public schema, for programs; WallProfile,
// CPUProfile, OTLP and Perfetto are what profilers' and tracers' viewers open. Some
// draw single requests, specimens, which the caller fetches: ToShow and SpreadOver
// say which.
//
// All wording is here. Findings, warnings and gates come from analysis as facts, which
// finding.go and warning.go put into words, those of the JSON too: see Worded. What is
// said of a bucket or a phase, and drawn for it, comes from the tables of package
// breakdown.
//
// The package decides how an answer is said, never what it is: it computes
// nothing but sums, shares and roundings of what the Breakdown holds, and
// reaches neither the trace reader nor the network. Names in a Breakdown come
// from the service under test and are not trusted: what a terminal could take
// for a command is written as an escape, and what a tracker could take for markup,
// a link or a mention is set as code.
package report
