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

// Syntax is the syntax of a user's rule, on the command line or in a file.
const Syntax = "BUCKET[/PHASE][:SYSTEM]=FUNCTION"

// ownBuckets are the buckets that a user's rule may name. Stacks do not decide the
// others: cpu and scheduler are states, gc is the runtime's, and unknown is what no
// rule explains.
var ownBuckets = breakdown.BucketsOf(breakdown.External, breakdown.Blocked)

// Parse parses a rule in the form of Syntax, such as
//
//	db=github.com/acme/driver
//	db/rows:duckdb=github.com/acme/duckdb.(*Rows)
//
// FUNCTION is a package, a type or a function as traces spell it, and covers everything
// below it: sub-packages, methods, closures. SYSTEM is the name of the called system;
// it defaults to the package's name.
func Parse(text string) (Rule, error) {
	what, function, ok := strings.Cut(text, "=")
	function = strings.TrimSpace(function)
	if !ok || function == "" {
		return Rule{}, fmt.Errorf("the rule %q does not have the form %s", text, Syntax)
	}
	if strings.ContainsAny(function, " \t") {
		return Rule{}, fmt.Errorf("the rule %q: a function name has no spaces", text)
	}
	what, system, _ := strings.Cut(strings.TrimSpace(what), ":")
	bucket, phase, phased := strings.Cut(what, "/")
	r := Rule{Func: function, System: system}
	if r.Bucket.UnmarshalText([]byte(bucket)) != nil || !slices.Contains(ownBuckets, r.Bucket) {
		return Rule{}, fmt.Errorf("the rule %q: the bucket must be one of %s, not %q", text, listed(ownBuckets), bucket)
	}
	switch {
	case phased:
		if r.Phase.UnmarshalText([]byte(phase)) != nil || !slices.Contains(r.Bucket.Info().Phases, r.Phase) {
			return Rule{}, fmt.Errorf("the rule %q: %s", text, phasesOf(r.Bucket))
		}
	case r.Bucket.NeedsPhase():
		return Rule{}, fmt.Errorf("the rule %q must name a phase: %s", text, phasesOf(r.Bucket))
	default:
		r.Phase = r.Bucket.Info().Usual
		r.Default = r.Phase != breakdown.NoPhase
	}
	if r.System == "" && r.Bucket.External() {
		r.System = packageName(function)
	}
	return r, nil
}

// ReadFrom reads rules, one per line, as Parse parses them. It ignores empty lines and
// lines that begin with #. The error joins those of all lines, with their numbers.
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

// String returns the rule in the form that Parse parses.
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

// packageName returns the name of a function's package: the last element of its path
// that is not a version.
func packageName(function string) string {
	p := packageOf(function)
	if base := path.Base(p); len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" && path.Dir(p) != "." {
		p = path.Dir(p)
	}
	return path.Base(p)
}

// covers reports whether a user's pattern covers a function. Traces escape a dot in a
// path's last element, as in gopkg.in/yaml.v3; users need not.
func covers(pattern, function string) bool {
	if !strings.Contains(pattern, "%2e") {
		function = strings.ReplaceAll(function, "%2e", ".")
	}
	rest, ok := strings.CutPrefix(function, pattern)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '/' || isPrefix(pattern))
}
