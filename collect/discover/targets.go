package discover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// maxTargets is the largest size of a file of targets, in bytes.
const maxTargets = 8 << 20

// A Finder finds the instances that targets stand for. The zero value is ready to use.
type Finder struct {
	// Resolver resolves names; nil means the system's.
	Resolver *net.Resolver
}

// Target returns the instances that one target stands for: itself, or those that a name
// resolves to, for dns://host:port and dns+srv://name. All have the labels.
func (f *Finder) Target(ctx context.Context, target string, labels ...capture.Label) ([]Instance, error) {
	if scheme, _, ok := strings.Cut(target, "://"); ok && isDNS(scheme) {
		return f.resolve(ctx, target, labels)
	}
	return []Instance{{Name: nameOf(target), Target: target, Labels: With(nil, labels...)}}, nil
}

// nameOf returns the name of an instance at a target: its host and port.
func nameOf(target string) string {
	rest := target
	if strings.HasPrefix(rest, ":") {
		rest = "localhost" + rest
	}
	if _, after, ok := strings.Cut(target, "://"); ok {
		rest = after
	}
	if u, err := url.Parse("http://" + strings.TrimPrefix(rest, "/")); err == nil && u.Host != "" {
		if strings.HasPrefix(strings.ToLower(target), "unix:") {
			return strings.Trim(rest, "/")
		}
		return u.Host
	}
	return "instance"
}

// Lines returns the instances of a file of targets. Each line is a target, followed by
// labels as name=value, and name=… for what the instance is called; # starts a comment.
// Errors name the line.
func (f *Finder) Lines(ctx context.Context, name string, r io.Reader) ([]Instance, error) {
	op := "read the targets of " + name
	data, err := bounded.ReadAll(r, maxTargets)
	if err != nil {
		return nil, &capture.Error{Op: op, Err: err, Hint: "write a target on each line"}
	}
	var list []Instance
	for n, line := range bytes.Split(data, []byte("\n")) {
		found, err := f.line(ctx, string(line))
		if err != nil {
			return nil, inLine(op, n+1, err)
		}
		list = append(list, found...)
		if err := bound(op, len(list)); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, &capture.Error{Op: op, Err: ErrNone, Hint: "write a target on each line, such as 10.0.0.7:6060 zone=a"}
	}
	return list, nil
}

func inLine(op string, n int, err error) error {
	hint := capture.Hint(err)
	var e *capture.Error
	if errors.As(err, &e) && e.Op != "" {
		return &capture.Error{Op: fmt.Sprintf("%s, line %d", op, n), Err: err, Hint: hint}
	}
	return &capture.Error{Op: fmt.Sprintf("%s, line %d", op, n), Err: err, Hint: "write a target, then labels such as zone=a; # starts a comment"}
}

func (f *Finder) line(ctx context.Context, line string) ([]Instance, error) {
	var fields []string
	for _, field := range strings.Fields(line) {
		if strings.HasPrefix(field, "#") {
			break
		}
		fields = append(fields, field)
	}
	if len(fields) == 0 {
		return nil, nil
	}
	var labels []capture.Label
	name := ""
	for _, field := range fields[1:] {
		l, err := ParseLabel(field)
		switch {
		case err != nil:
			return nil, err
		case l.Name == "name":
			name = l.Value
		default:
			labels = append(labels, l)
		}
	}
	list, err := f.Target(ctx, fields[0], labels...)
	if name != "" {
		for i := range list {
			list[i].Name = name
		}
	}
	return list, err
}
