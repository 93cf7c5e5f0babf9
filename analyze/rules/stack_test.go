package rules

import (
	"fmt"
	"path"
	"strings"

	"timesink/analyze/breakdown"
)

// stack returns frames, leaf first, for functions separated by " < ". Their files are
// where a default build has them: the standard library in GOROOT, packages with a dot
// in the first element of their path in the module cache. The rest (main, shop/…) is
// the service.
func stack(functions string) []breakdown.Frame {
	var frames []breakdown.Frame
	for i, f := range strings.Split(functions, " < ") {
		f = strings.TrimSpace(f)
		frames = append(frames, breakdown.Frame{Function: f, File: fileOf(f), Line: i + 1})
	}
	return frames
}

func fileOf(function string) string {
	pkg := packageOf(function)
	first, _, _ := strings.Cut(pkg, "/")
	switch {
	case pkg == "main" || first == "shop":
		return path.Join("/home/me/shop", strings.TrimPrefix(pkg, "shop"), "api.go")
	case strings.Contains(first, "."):
		return "/go/pkg/mod/" + pkg + "@v1.2.3/lib.go"
	}
	return "/usr/local/go/src/" + pkg + "/lib.go"
}

// describe returns everything that a class says, in the order of its fields.
func describe(c *Class) string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case c.Own != nil && c.Phase != breakdown.NoPhase:
		say("%s/%s", c.Own.Bucket, c.Phase)
	case c.Own != nil:
		say("%s", c.Own.Bucket)
	}
	if c.System != "" {
		say("%s", c.System)
	}
	if c.Follow == FollowWhole {
		say("whole")
	}
	if c.Role != NoRole {
		say("%s", [...]string{"", "idle", "read-header", "beginning", "finishing", "closing", "hijacked", "connection", "stream", "not-request", "background", "unconnected", "fetch", "callback", "feed", "message"}[c.Role])
	}
	if c.Kind != "" {
		say("%s", c.Kind)
	}
	for _, flag := range []struct {
		name string
		is   bool
	}{
		{"served", c.Served},
		{"dials", c.Dials},
		{"looks-up", c.LooksUp},
		{"connects", c.Connects},
		{"writes", c.Writes},
		{"observer", c.Observer},
		{"gc-wait", c.GC},
		{"accepts", c.Accepts},
		{"no-call", c.NoCall},
		{"stream-of-messages", c.Stream},
		{"opens", c.Opens},
		{"opened", c.Opened},
		{"begins", c.Begins},
		{"gathers", c.Gathers},
		{"whole-answer", c.Whole},
		{"drops", c.Drops},
		{"feeds", c.Feeds},
		{"streams", c.Streams},
		{"flushes", c.Flushes},
		{"in-c", c.InC},
	} {
		if flag.is {
			say("%s", flag.name)
		}
	}
	if c.Wakes != breakdown.NoPhase {
		say("wakes:%s", c.Wakes)
	}
	if c.Own != nil && c.Own.Steps {
		say("steps")
	}
	if c.Answers != nil {
		say("answers:%s", c.Answers.System)
	}
	if c.Handler != "" {
		say("by %s", c.Handler)
	}
	if c.InService {
		say("at %s", c.Site.Function)
	}
	if c.Timer != "" {
		say("timer:%s", c.Timer)
	}
	if c.Expires {
		say("expires")
	}
	if c.Limited {
		say("limited")
	}
	switch c.Purpose {
	case breakdown.BackOff:
		say("backs-off")
	case breakdown.Limiting:
		say("limits")
	case breakdown.Gathering:
		say("gathers")
	}
	return strings.Join(out, " ")
}
