package rules

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"timesink/analyze/breakdown"
)

// Syntax is how a user writes a rule of his own, on the command line or in a file.
const Syntax = "BUCKET[/PHASE][:SYSTEM]=FUNCTION"

// ownBuckets are the buckets that a rule of a user may name. The others are not a
// matter of what a stack says: cpu and scheduler are states, gc is the runtime's,
// and unknown is what no rule explains.
var ownBuckets = breakdown.BucketsOf(breakdown.External, breakdown.Blocked)

// Parse reads a rule as users write it, such as
//
//	db=github.com/acme/driver
//	db/rows:duckdb=github.com/acme/duckdb.(*Rows)
//
// FUNCTION is a package, a type or a function as traces spell it, and stands for
// all that is below it: sub-packages, methods, closures. SYSTEM is what the other
// side is called, the package's name unless it is given.
func Parse(text string) (Rule, error) {
	what, function, ok := strings.Cut(text, "=")
	function = strings.TrimSpace(function)
	if !ok || function == "" {
		return Rule{}, fmt.Errorf("the rule %q is not of the form %s", text, Syntax)
	}
	if strings.ContainsAny(function, " \t") {
		return Rule{}, fmt.Errorf("the rule %q: a function has no blanks", text)
	}
	what, system, _ := strings.Cut(strings.TrimSpace(what), ":")
	bucket, phase, phased := strings.Cut(what, "/")
	r := Rule{Func: function, System: system}
	if r.Bucket.UnmarshalText([]byte(bucket)) != nil || !slices.Contains(ownBuckets, r.Bucket) {
		return Rule{}, fmt.Errorf("the rule %q: the bucket is one of %s, not %q", text, listed(ownBuckets), bucket)
	}
	switch {
	case phased:
		if r.Phase.UnmarshalText([]byte(phase)) != nil || !slices.Contains(r.Bucket.Info().Phases, r.Phase) {
			return Rule{}, fmt.Errorf("the rule %q: %s", text, phasesOf(r.Bucket))
		}
	case r.Bucket.NeedsPhase():
		return Rule{}, fmt.Errorf("the rule %q does not say which phase: %s", text, phasesOf(r.Bucket))
	default:
		r.Phase = r.Bucket.Info().Usual
		r.Default = r.Phase != breakdown.NoPhase
	}
	if r.System == "" && r.Bucket.External() {
		r.System = packageName(function)
	}
	return r, nil
}

// ReadFrom reads rules, one a line as Parse takes them. Empty lines and those that
// begin with # are left out.
func ReadFrom(r io.Reader) (own []Rule, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, parseErr := Parse(line)
		if parseErr != nil {
			err = errors.Join(err, fmt.Errorf("line %d: %w", n, parseErr))
		}
		own = append(own, rule)
	}
	return own, errors.Join(err, lines.Err())
}

// String is the rule as Parse reads it.
func (r Rule) String() string {
	what := r.Bucket.String()
	if r.Phase != breakdown.NoPhase && !r.Default {
		what += "/" + r.Phase.String()
	}
	if r.System != "" {
		what += ":" + r.System
	}
	return what + "=" + r.Func
}

func phasesOf(b breakdown.Bucket) string {
	phases := b.Info().Phases
	if len(phases) == 0 {
		return fmt.Sprintf("%s has no phases", b)
	}
	return fmt.Sprintf("the phases of %s are %s", b, listed(phases))
}

func listed[T fmt.Stringer](of []T) string {
	var names []string
	for _, x := range of {
		names = append(names, x.String())
	}
	return strings.Join(names, ", ")
}

// packageName is the name of a function's package: the last element of its path
// that is no version.
func packageName(function string) string {
	p := packageOf(function)
	if base := path.Base(p); len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" && path.Dir(p) != "." {
		p = path.Dir(p)
	}
	return path.Base(p)
}

// covers tells whether a user's pattern stands for a function. Traces escape a dot
// in a path's last element, as of gopkg.in/yaml.v3; users need not.
func covers(pattern, function string) bool {
	if !strings.Contains(pattern, "%2e") {
		function = strings.ReplaceAll(function, "%2e", ".")
	}
	rest, ok := strings.CutPrefix(function, pattern)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '/' || isPrefix(pattern))
}
