// Package report writes a Breakdown for the people and the programs that read it.
//
// It is the last step of the flow, Capture → Breakdown → report: each format is a
// function of a writer and a Breakdown, and the same Breakdown always gives the same
// bytes. Text is the first screen: read at 2 a.m. in a terminal of 80 columns, pasted
// into a ticket without its colors. Markdown is a ticket's description or comment, in
// the tracker's markup. HTML is one self-contained page that still opens years later.
// JSON is the public schema, for programs. WallProfile, CPUProfile, OTLP and Perfetto
// are for the viewers of profiles and traces. Some formats draw single requests, called
// specimens. The caller fetches them; ToShow and SpreadOver return which.
//
// All wording is here. Analysis returns findings, warnings and gates as facts;
// finding.go and warning.go put them into words, for the JSON too (see Worded). Names,
// meanings and colors of buckets and phases come from the tables of package breakdown.
//
// The package decides how an answer is worded, never what it is: it computes only sums,
// shares and roundings of what the Breakdown holds, and reaches neither the trace
// reader nor the network. Names in a Breakdown come from the service and are not
// trusted: terminal control characters are written as escapes, and anything that a
// tracker could read as markup, a link or a mention is set as code.
package report
