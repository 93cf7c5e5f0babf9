package collect

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/textproto"
	"net/url"
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
