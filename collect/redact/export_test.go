package redact

// RewriteTrace is for the tests that hold it against a mask that masks nothing.
var RewriteTrace = rewriteTrace
