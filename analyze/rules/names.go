package rules

import (
	"slices"
	"strings"
)

// The compiler names closures after the function whose source contains them, and
// numbers them:
//
//	main.list.func1, main.list.func1.2     closures, and one in another
//	main.list.gowrap1, …deferwrap1         wrappers of go and defer statements
//	main.list-range1, main.list-range1.1   the body of a range over a function, a closure in it
//	main.(*API).List-fm                    a method value
//
// Up to Go 1.26 the name of a closure of an inlined function begins with the function
// that it was inlined into, and both share the numbering: main.main.list.func3. From Go
// 1.27 on inlining does not change the name: it is main.list.func1 however often the
// compiler copied it.

// BaseName returns the function without what the compiler adds to its name: closures,
// wrappers of method values, type arguments, and, if the name shows it for certain, the
// function that it was inlined into.
func BaseName(fn string) string {
	if strings.IndexByte(fn, '[') < 0 && !isAdded(fn[strings.LastIndexByte(fn, '.')+1:]) {
		return fn
	}
	pkg, parts := split(fn)
	return pkg + strings.Join(innermost(parts), "")
}

// isAdded reports whether the compiler added this last part of a name.
func isAdded(part string) bool { return strings.HasSuffix(part, "-fm") || isClosure(part) }

// split splits a function's name into its package and the parts after it, each with its
// dot, without type arguments and wrappers of method values. The part of a closure is
// "", except for the first part, which is the function's.
func split(fn string) (pkg string, parts []string) {
	pkg = packagePath(fn)
	own := withoutArguments(strings.TrimSuffix(fn[len(pkg):], "-fm"))
	for own != "" {
		end := len(own)
		if i := strings.IndexByte(own[1:], '.'); i >= 0 {
			end = i + 1
		}
		part := own[:end]
		if body := strings.Index(part, "-range"); body >= 0 {
			part = part[:body]
		}
		if len(parts) > 0 && isClosure(part[1:]) {
			part = ""
		}
		parts, own = append(parts, part), own[end:]
	}
	return pkg, parts
}

// withoutArguments drops the type arguments, which stacks write as "[...]".
func withoutArguments(name string) string {
	var out strings.Builder
	depth := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// innermost returns the parts of the function whose source it is, as far as they can be
// told from those of the function that it was inlined into: a function after a closure
// was inlined there, and so was a method after another function.
func innermost(parts []string) []string {
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	for i := len(parts) - 1; i > 0; i-- {
		if parts[i] == "" {
			return parts[i+1:]
		}
		if strings.HasPrefix(parts[i], ".(*") {
			return parts[i:]
		}
	}
	if len(parts) == 2 && parts[0] == parts[1] {
		return parts[1:]
	}
	return parts
}

// isInlined reports whether the name of a closure may begin with a function that it was
// inlined into.
func isInlined(fn string) bool {
	_, parts := named(fn)
	return len(parts) > 1
}

// IsClosure reports whether the compiler named the function because its source does
// not.
func IsClosure(function string) bool {
	return isClosure(function[strings.LastIndexByte(function, '.')+1:])
}

// isClosure reports whether a part of a name comes from the compiler: func1, gowrap2,
// deferwrap1, 3, list-range1.
func isClosure(part string) bool {
	if _, number, ok := strings.Cut(part, "-range"); ok && number != "" {
		return true
	}
	for _, p := range []string{"func", "gowrap", "deferwrap", ""} {
		if rest, ok := strings.CutPrefix(part, p); ok && rest != "" && strings.Trim(rest, "0123456789-") == "" {
			return true
		}
	}
	return false
}

// Alike reports whether two names may belong to one function in two builds of a
// program. Versions of Go differ in how they name closures and in where HTTP/2 is;
// builds also differ in the number of closures before it and in inlining.
func Alike(a, b string) bool {
	a, b = ofNet(a), ofNet(b)
	if a == b {
		return true
	}
	pkgA, partsA := named(a)
	pkgB, partsB := named(b)
	if len(partsA) < len(partsB) {
		pkgA, partsA, pkgB, partsB = pkgB, partsB, pkgA, partsA
	}
	longer := len(partsA) - len(partsB)
	if len(partsB) == 0 || !slices.Equal(partsA[longer:], partsB) {
		return false
	}
	// The function that it was inlined into may be in another package.
	return longer == 0 && pkgA == pkgB || longer > 0 && IsClosure(a) && IsClosure(b)
}

// named is like split but drops the closures' parts.
func named(fn string) (pkg string, parts []string) {
	pkg, parts = split(fn)
	return pkg, slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}
