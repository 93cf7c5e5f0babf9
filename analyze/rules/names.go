package rules

import (
	"slices"
	"strings"
)

// The compiler names closures for the function whose text holds them, and numbers
// them:
//
//	main.list.func1, main.list.func1.2     closures, and one in another
//	main.list.gowrap1, …deferwrap1         wrappers of go and defer statements
//	main.list-range1, main.list-range1.1   the body of a range over a function, a closure in it
//	main.(*API).List-fm                    a method value
//
// Up to Go 1.26 the closures of an inlined function have the name of the function
// that it was inlined into before its own, and numbers of both: main.main.list.func3.
// From Go 1.27 on they are named as if it were not: main.list.func1, however
// often the compiler copied it.

// BaseName returns the function without what the compiler adds to it: closures,
// wrappers of method values, type arguments, and, where the name tells it for
// certain, the function that it was inlined into.
func BaseName(fn string) string {
	if strings.IndexByte(fn, '[') < 0 && !isAdded(fn[strings.LastIndexByte(fn, '.')+1:]) {
		return fn
	}
	pkg, parts := split(fn)
	return pkg + strings.Join(innermost(parts), "")
}

// isAdded reports whether the compiler added to a name that ends in this part.
func isAdded(part string) bool { return strings.HasSuffix(part, "-fm") || isClosure(part) }

// split takes a function's name apart: its package, and what follows, each part with
// its dot, without type arguments and wrappers of method values. A closure's part
// is "", but for the first, which is the function's own.
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

// innermost returns the parts of the function whose text it is, as far as they can
// be told from those of what it was inlined into: a function in a closure was
// inlined there, and so was a method after another function.
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

// IsClosure reports whether a function has no name of its own but one that the
// compiler gives it.
func IsClosure(function string) bool {
	return isClosure(function[strings.LastIndexByte(function, '.')+1:])
}

// isClosure reports whether a part of a name is the compiler's: func1, gowrap2,
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

// Alike reports whether two names may be those of one function in two builds of a
// program: by other versions of Go, which name closures otherwise and have HTTP/2
// elsewhere, or with a closure more before it or another inlining.
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
	// What it was inlined into may be of another package.
	return longer == 0 && pkgA == pkgB || longer > 0 && IsClosure(a) && IsClosure(b)
}

// named is split without the closures.
func named(fn string) (pkg string, parts []string) {
	pkg, parts = split(fn)
	return pkg, slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}
