// Package discover finds the instances of a service: which targets there are, what they
// are called, and what is known of each.
//
// It comes before collect in the flow: it says what to observe, and observes nothing
// itself. Where the instances are listed differs, and each kind of list has its file:
//
//	targets.go     targets on the command line and in files, one a line
//	dns.go         names that resolve to many: dns://host:port, dns+srv://name
//	documents.go   Prometheus service discovery documents, from a file or by HTTP
//	kubernetes.go  pods, by the user's own kubectl
//	forward.go     port-forwards to pods, which kubectl keeps up while they are needed
//
// Each Find returns instances in a fixed order, with names that are unique among them
// once Unique has been called. An instance that is known but cannot be observed, such as
// a pod that has not started, is an instance with an Err: whoever observes the others can
// name it.
//
// What it reads is bounded: documents by size, lists by MostInstances. It keeps no
// connection and no state, and does not watch for changes: a window lasts seconds.
package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"timesink/collect/capture"
)

// MostInstances is the largest number of instances that one list may hold.
const MostInstances = 10_000

// ErrNone is wrapped by the error of a list without instances.
var ErrNone = errors.New("no instances")

// An Instance is one process of a service.
type Instance struct {
	// Name is what people call it: a pod's name, or host:port.
	Name string
	// Target is what collect.ParseTarget takes. It is "" for a pod, which Open makes
	// reachable.
	Target string
	Labels []capture.Label // sorted by name, each once
	// Err is why the instance cannot be observed, nil if nothing is known to be wrong.
	Err error

	pod *pod
}

// Open makes the instance reachable. It returns its target, and a function that ends what
// Open started and returns why it ended before that, nil if it did not. The function must
// be called once, with whether the instance could not be observed: then it waits a moment
// for the reason. An instance that is reachable anyway needs nothing to be started.
func (i *Instance) Open(ctx context.Context) (target string, end func(failed bool) error, err error) {
	switch {
	case i.Err != nil:
		return "", nil, i.Err
	case i.pod == nil:
		return i.Target, func(bool) error { return nil }, nil
	}
	f, err := i.pod.forward(ctx)
	if err != nil {
		return "", nil, err
	}
	return f.target, f.end, nil
}

// Unique merges instances with one target, and makes the names of the others unique by a
// number. It keeps their order. Of instances that are merged, a name that was given counts
// more than one made from the target, and the labels of the later ones add to those of the
// first.
func Unique(list []Instance) []Instance {
	at, names := map[string]int{}, map[string]bool{}
	var out []Instance
	for _, i := range list {
		key := canonical(i.Target)
		if i.pod != nil {
			key = i.pod.key()
		}
		first, ok := at[key]
		if !ok || key == "" {
			at[key] = len(out)
			out = append(out, i)
			continue
		}
		if same := &out[first]; same.Name == nameOf(same.Target) {
			same.Name = i.Name
		}
		out[first].Labels = With(out[first].Labels, i.Labels...)
	}
	for i := range out {
		names[out[i].Name] = true
	}
	taken := map[string]bool{}
	for i := range out {
		name := out[i].Name
		for n := 2; taken[name] || n > 2 && names[name]; n++ {
			name = fmt.Sprintf("%s-%d", out[i].Name, n)
		}
		out[i].Name = name
		taken[name] = true
	}
	return out
}

// canonical returns one of the ways to write a target.
func canonical(target string) string {
	target = strings.TrimPrefix(target, "http://")
	return strings.TrimSuffix(strings.TrimSuffix(target, "/"), "/debug/pprof")
}

// With returns labels with others added. A name that is in both has its value from more.
func With(labels []capture.Label, more ...capture.Label) []capture.Label {
	out := slices.Clone(labels)
	for _, l := range more {
		i := slices.IndexFunc(out, func(have capture.Label) bool { return have.Name == l.Name })
		if i < 0 {
			out = append(out, l)
		} else {
			out[i].Value = l.Value
		}
	}
	slices.SortStableFunc(out, func(a, b capture.Label) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// ParseLabel parses name=value. The error has no hint.
func ParseLabel(text string) (capture.Label, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" || strings.ContainsAny(name, " \t") {
		return capture.Label{}, fmt.Errorf("%q is no label", text)
	}
	return capture.Label{Name: name, Value: value}, nil
}

// FileNames returns a file name for each instance, without an ending: its name, with what
// a file system or a shell may not take replaced. They are unique, whatever the case of
// letters, and the same instances have the same names.
func FileNames(list []Instance) []string {
	out, taken := make([]string, len(list)), map[string]bool{}
	for at, i := range list {
		stem := safe(i.Name)
		name := stem
		for n := 2; taken[strings.ToLower(name)]; n++ {
			name = fmt.Sprintf("%s-%d", stem, n)
		}
		taken[strings.ToLower(name)] = true
		out[at] = name
	}
	return out
}

// mostOfName is the length of a file name, in bytes: file systems take 255.
const mostOfName = 120

func safe(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, name)
	name = strings.Trim(name, "-.")
	if len(name) > mostOfName {
		name = name[:mostOfName]
	}
	if name == "" || reserved[strings.ToLower(strings.SplitN(name, ".", 2)[0])] {
		name = "instance-" + name
	}
	return strings.TrimRight(name, "-.")
}

// reserved are the names that Windows keeps for devices, with any ending.
var reserved = func() map[string]bool {
	names := map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}
	for n := '1'; n <= '9'; n++ {
		names["com"+string(n)], names["lpt"+string(n)] = true, true
	}
	return names
}()

// bound returns an error if a list is too long.
func bound(op string, n int) error {
	if n > MostInstances {
		return &capture.Error{Op: op, Err: fmt.Errorf("it lists %d instances, and %d are the most", n, MostInstances), Hint: "select fewer"}
	}
	return nil
}
