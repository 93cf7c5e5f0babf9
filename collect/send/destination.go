package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"timesink/collect"
	"timesink/collect/capture"
)

// A Destination takes items of one kind.
type Destination interface {
	// Kind is what it takes.
	Kind() Kind
	// Send sends one item. Sending it again leaves one there, as far as the destination's
	// protocol allows. Errors are those of this package where they apply.
	Send(ctx context.Context, i Item) error
	// String names the destination, without secrets. It is the same in every run.
	String() string
}

// A Kind is what a destination takes.
type Kind string

// The kinds, as --push names them.
const (
	OTLP      Kind = "otlp"      // traces
	Pyroscope Kind = "pyroscope" // profiles
	Files     Kind = "file"      // captures, to a folder
	S3        Kind = "s3"        // captures, to a bucket
)

// Access is how this tool presents itself to destinations over HTTP.
type Access struct {
	Header collect.Header
	Agent  string // for User-Agent
	TLS    collect.TLS
}

// Open returns the destination that a text names: KIND=PLACE, such as
// otlp=http://collector:4318. It does not ask whether it is there.
func Open(text string, access Access) (Destination, error) {
	kind, place, ok := strings.Cut(text, "=")
	if !ok || place == "" {
		return nil, unfit(text, "it has no place", "")
	}
	switch Kind(kind) {
	case OTLP:
		return openHTTP(OTLP, place, "/v1/traces", access)
	case Pyroscope:
		return openHTTP(Pyroscope, place, "/ingest", access)
	case Files, S3:
		if strings.HasPrefix(place, "s3://") != (Kind(kind) == S3) {
			return nil, unfit(text, "", "")
		}
		store, err := OpenStore(place)
		if err != nil {
			return nil, err
		}
		return &stored{Kind(kind), store}, nil
	}
	return nil, unfit(text, "there is no kind "+fmt.Sprintf("%q", kind), "")
}

func unfit(text, why, hint string) error {
	if u, err := url.Parse(text); err != nil || u.User != nil {
		text = "…"
	}
	if hint == "" {
		hint = "write it as otlp=URL, pyroscope=URL, file=DIR or s3=s3://BUCKET/PREFIX"
	}
	if why == "" {
		why = "it is not a place of that kind"
	}
	return &capture.Error{Op: "push to " + text, Err: errors.New(why), Hint: hint}
}

// A stored destination keeps captures in a store.
type stored struct {
	kind  Kind
	store Store
}

func (s *stored) Kind() Kind     { return s.kind }
func (s *stored) String() string { return string(s.kind) + "=" + s.store.String() }

func (s *stored) Send(ctx context.Context, i Item) error {
	body, err := i.open()
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := s.store.Create(ctx, i.Name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		f.Discard()
		return err
	}
	_, err = f.Commit(ctx)
	return err
}
