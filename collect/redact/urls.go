package redact

import (
	"regexp"
	"strings"
)

var scheme = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)

// urls masks users and hosts in URLs, and in connection strings that look like
// URLs: mongodb://user:password@one:27017,two:27017/shop.
func urls(m *masker, text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	var out strings.Builder
	for {
		at := scheme.FindStringIndex(text)
		if at == nil {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:at[1]])
		web := strings.HasPrefix(lower(text[at[0]:at[1]]), "http")
		text = m.authority(&out, text[at[1]:], !web)
	}
}

// authority masks the part of a URL between its scheme and its path, and returns
// the rest.
func (m *masker) authority(out *strings.Builder, text string, several bool) (rest string) {
	if n := userinfo(text); n > 0 {
		out.WriteString(m.put(User, text[:n-1], userMask) + "@")
		text = text[n:]
	}
	for {
		n := hostLen(text)
		if n == 0 {
			return text
		}
		out.WriteString(m.host(text[:n]))
		text = text[n:]
		port := len(text) - len(strings.TrimLeft(text, ":0123456789"))
		if !several || !strings.HasPrefix(text[port:], ",") || hostLen(text[port+1:]) == 0 {
			return text
		}
		out.WriteString(text[:port+1])
		text = text[port+1:]
	}
}

// ends reports whether a URL in a text ends at c.
func ends(c byte) bool { return c <= ' ' || c == '"' || c == '<' || c == '>' || c == '`' || c == 0x7f }

// userinfo returns the length of a URL's user and password, including the @. A
// password may contain a slash that should have been escaped.
func userinfo(text string) int {
	token := text
	for i := range len(text) {
		if ends(text[i]) || text[i] == '\\' {
			token = text[:i]
			break
		}
	}
	auth, more := token, ""
	if i := strings.IndexAny(token, "/?#"); i >= 0 {
		auth, more = token[:i], token[i:]
	}
	if at := strings.LastIndexByte(auth, '@'); at >= 0 {
		return at + 1
	}
	if _, port, ok := strings.Cut(auth, ":"); !ok || auth[0] == '[' || strings.Trim(port, "0123456789") == "" {
		return 0
	}
	if at := strings.LastIndexByte(more, '@'); at >= 0 {
		return len(auth) + at + 1
	}
	return 0
}

// hostLen returns the length of the host at the beginning of a text. A dot at
// its end belongs to the sentence.
func hostLen(text string) int {
	if strings.HasPrefix(text, "[") {
		return strings.IndexByte(text, ']') + 1
	}
	n := 0
	for n < len(text) && (isWord(text[n]) || strings.IndexByte(".-~%", text[n]) >= 0) {
		n++
	}
	return len(strings.TrimRight(text[:n], "."))
}

// isWord reports whether c is a letter, also of another script, a digit or an
// underscore.
func isWord(c byte) bool { return isAlnum(c) || c == '_' || c >= 0x80 }

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isQuery reports whether query is a query, not the end of a question or part of
// a regular expression.
func isQuery(path, query string) bool {
	if strings.Contains(path, "/") && (isWord(query[0]) || strings.IndexByte("%&=+-{$", query[0]) >= 0) {
		return true
	}
	return assigned.MatchString(query)
}

var assigned = regexp.MustCompile(`^[^=&?()]+=`)

// queries masks the part after the question mark of a URL or a route, and the
// fragment of a URL, which may contain a token too.
func queries(m *masker, text string) string {
	var out strings.Builder
	last, start := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case ends(c):
			start = i + 1
		case c == '?' && i > start, c == '#' && strings.Contains(text[start:i], "://"):
			end := i + 1
			for end < len(text) && !ends(text[end]) {
				end++
			}
			// Punctuation that closes the sentence or the shell word around it
			// does not belong to it.
			query := strings.TrimRight(text[i+1:end], `'),.;:\!`)
			if query == "" || c == '?' && !isQuery(text[start:i], query) {
				continue
			}
			out.WriteString(text[last:i+1] + m.put(Query, query, queryMask))
			last = i + 1 + len(query)
			i = last - 1
		}
	}
	out.WriteString(text[last:])
	return out.String()
}
