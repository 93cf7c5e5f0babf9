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

// A Secret is a string that opens a door: a password, a token, the value of a
// header. Whatever prints, encodes or logs it gets "[secret]"; only a
// conversion to string reveals it.
type Secret string

const hidden = "[secret]"

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		io.WriteString(f, hidden)
	}
}

// MarshalText implements encoding.TextMarshaler, and so JSON and XML.
func (s Secret) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// A Header holds the fields of HTTP requests. Their values are secrets, for
// they may hold tokens and cookies.
type Header map[string][]Secret

// Add adds a field written as in HTTP, "Name: value".
func (h Header) Add(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, unicode.IsControl) {
		// The line is not quoted: a slip of the shell may have put a token there.
		return configError("add a header", "no header field", "write it as Name: value")
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	h[name] = append(h[name], Secret(value))
	return nil
}

// notToken tells the characters that the name of a field cannot have, RFC 9110
// section 5.6.2.
func notToken(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// A scrubber takes secrets out of text that came from elsewhere: an error of a
// library, an answer of a server.
type scrubber struct{ r *strings.Replacer }

// newScrubber hides the secrets, and their words ("Bearer" and the token apart),
// in each form in which they travel. What is shorter than four bytes is left
// alone: to hide "a" everywhere would tell more than it hides.
func newScrubber(secrets ...Secret) scrubber {
	var forms []string
	for _, s := range secrets {
		for _, word := range append(strings.Fields(string(s)), string(s)) {
			forms = append(forms, word, url.QueryEscape(word), url.PathEscape(word), base64.StdEncoding.EncodeToString([]byte(word)))
		}
	}
	forms = slices.DeleteFunc(forms, func(f string) bool { return len(f) < 4 })
	// The longest first, lest a part of one is replaced and the rest shows.
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
