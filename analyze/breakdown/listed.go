package breakdown

// A Listed is one request with the endpoint of the answer that it counts for. Endpoint and
// Kind are those of the answer, which may be more specific than the request's own; Route is
// "" if it is not known.
type Listed struct {
	ID       RequestID
	Endpoint string
	Route    string
	Kind     string
	// Inferred is set if nothing shows the handler: the request was assigned to the
	// endpoint because requests like it are its.
	Inferred bool
	// Client is what the client saw, nil unless a probe sent the request.
	Client *ClientView
	// Request is valid only until the function that was called with it returns.
	Request *Request
}
