package send

import (
	"errors"
	"time"
)

// Why something could not be sent. ErrUnreachable passes by itself. The others last until
// somebody does something about them; ErrRefused is about what was sent, so that sending it
// again would be no use.
var (
	ErrUnreachable  = errors.New("it cannot be reached now")
	ErrUnauthorized = errors.New("it does not accept the credentials")
	ErrMissing      = errors.New("there is no such place")
	ErrRefused      = errors.New("it refuses what was sent")
)

// A failure is one of the errors above with what the other side said.
type failure struct {
	kind error
	said string
	// after is how long the other side asks to wait, 0 if it does not.
	after time.Duration
}

func (f *failure) Error() string {
	if f.said == "" {
		return f.kind.Error()
	}
	return f.kind.Error() + ": " + f.said
}

func (f *failure) Unwrap() error { return f.kind }
