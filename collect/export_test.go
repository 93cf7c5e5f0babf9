package collect

// What tests look at from outside.
var (
	ProfileSeconds = profileSeconds
	TraceDuration  = traceDuration
)
