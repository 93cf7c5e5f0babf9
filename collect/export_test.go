package collect

// Internals for tests outside the package.
var (
	ProfileSeconds = profileSeconds
	TraceDuration  = traceDuration
)
