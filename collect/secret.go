package collect

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A Secret is a credential: a password, a token, the value of a header. It
// prints, encodes and logs as "[secret]"; only a conversion to string reveals it.
type Secret string

const hidden = "[secret]"

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		io.WriteString(f, hidden)
	}
}

// MarshalText implements encoding.TextMarshaler, which JSON and XML use.
func (s Secret) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// A Header holds the fields of HTTP requests. Their values are secrets, because
// they may be tokens and cookies.
type Header map[string][]Secret

// Add adds a field written as in HTTP, "Name: value".
func (h Header) Add(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, unicode.IsControl) {
		// Do not quote the line: a mistake in the shell may have put a token
		// there.
		return configError("add a header", "not a header field", "write it as Name: value")
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	h[name] = append(h[name], Secret(value))
	return nil
}

// notToken reports whether a field name must not contain r, see RFC 9110 section
// 5.6.2.
func notToken(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// A scrubber removes secrets from foreign text: an error of a library, an answer
// of a server.
type scrubber struct{ r *strings.Replacer }

// newScrubber returns a scrubber of the secrets and of their words ("Bearer" and
// the token separately), in each encoding used in requests. It leaves secrets
// shorter than four bytes alone: hiding "a" everywhere would reveal more than it
// hides.
func newScrubber(secrets ...Secret) scrubber {
	var forms []string
	for _, s := range secrets {
		for _, word := range append(strings.Fields(string(s)), string(s)) {
			forms = append(forms, word, url.QueryEscape(word), url.PathEscape(word), base64.StdEncoding.EncodeToString([]byte(word)))
		}
	}
	forms = slices.DeleteFunc(forms, func(f string) bool { return len(f) < 4 })
	// Longest first, or a replaced part would leave the rest visible.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, hidden)
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

func (s scrubber) text(t string) string {
	if s.r == nil {
		return t
	}
	return s.r.Replace(t)
}

// Scrub returns a function that removes secrets from foreign text, in each encoding used in
// requests.
func Scrub(secrets ...Secret) func(string) string { return newScrubber(secrets...).text }

// PathSecrets returns the segments of a URL's path that look like a credential, as HidesPath
// tells.
func PathSecrets(u *url.URL) []Secret { return pathSecrets(u.EscapedPath()) }

// secretWords occur in the names of headers and parameters that carry credentials.
var secretWords = []string{"auth", "cookie", "token", "key", "secret", "password", "session"}

// NamesSecret reports whether a header or parameter of that name usually carries a
// credential.
func NamesSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// keyWords are the segments of a path whose next segment is a credential.
var keyWords = []string{"token", "tokens", "key", "apikey", "api-key", "secret", "auth", "password"}

var (
	uuid = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	// prefixed matches tokens by how their issuers begin them, and JSON web tokens.
	prefixed = regexp.MustCompile(`^(eyJ[\w-]{8,}|(gh[pousr]|glpat|xox[abp]|sk|pk|hvs)[-_]\w{8,})`)
	// run matches the parts of a segment that could be random: words are shorter.
	run = regexp.MustCompile(`[A-Za-z0-9]{16,}`)
)

// maskPath returns the path of a URL with those segments masked that look like a
// credential: a token after a word such as "token", a UUID, a long run of letters and
// digits. A name of a service or a pod does not.
func maskPath(p string) string {
	segments := strings.Split(p, "/")
	for i := range segments {
		if isCredential(segments, i) {
			segments[i] = hidden
		}
	}
	return strings.Join(segments, "/")
}

// HidesPath reports whether a URL's path holds what looks like a credential, which is masked
// wherever the URL is printed or stored.
func HidesPath(u *url.URL) bool { return len(pathSecrets(u.EscapedPath())) > 0 }

// pathSecrets returns the segments that maskPath masks.
func pathSecrets(p string) []Secret {
	var secrets []Secret
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if isCredential(segments, i) {
			secrets = append(secrets, Secret(s))
			if plain, err := url.PathUnescape(s); err == nil && plain != s {
				secrets = append(secrets, Secret(plain))
			}
		}
	}
	return secrets
}

// isCredential reports whether a segment looks like a credential.
func isCredential(segments []string, i int) bool {
	s := unescaped(segments[i])
	return holdsToken(segments, i) || uuid.MatchString(s) || slices.ContainsFunc(run.FindAllString(s, -1), mixed)
}

// holdsToken reports whether a segment is a credential beyond doubt: it stands after a word such
// as "token", or begins as its issuer's tokens do.
func holdsToken(segments []string, i int) bool {
	s := unescaped(segments[i])
	if s == "" {
		return false
	}
	named := i > 0 && slices.Contains(keyWords, strings.ToLower(segments[i-1])) && s != "debug" && s != "pprof"
	return named || prefixed.MatchString(s)
}

func unescaped(segment string) string {
	if plain, err := url.PathUnescape(segment); err == nil {
		return plain
	}
	return segment
}

// HoldsToken reports whether a URL's path holds a credential beyond doubt. In the path of a
// service's own endpoints, a long mix of letters and digits is the id of an order or a
// vehicle.
func HoldsToken(u *url.URL) bool {
	segments := strings.Split(u.EscapedPath(), "/")
	for i := range segments {
		if holdsToken(segments, i) {
			return true
		}
	}
	return false
}

// mixed reports whether a run has letters and digits, or changes between small and capital
// letters more often than a name does.
func mixed(s string) bool {
	const mostWords = 4 // in a name such as getUserOrderHistory
	digits := strings.ContainsFunc(s, unicode.IsDigit)
	letters := strings.ContainsFunc(s, unicode.IsLetter)
	changes := 0
	for i := 1; i < len(s); i++ {
		if unicode.IsLower(rune(s[i-1])) && unicode.IsUpper(rune(s[i])) {
			changes++
		}
	}
	return digits && letters || changes >= mostWords
}
