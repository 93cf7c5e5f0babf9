package pgstandin

import (
	"errors"
	"strconv"
	"strings"
)

// A token is a lexical element of SQL, with what is needed to compare
// statements.
type token struct {
	kind byte   // 'w' for a word, 'n' for a number, 's' for a string, '$' for a parameter, 'o' for the rest
	text string // folded to lower case for a word, unquoted for a string
}

var errUnterminated = errors.New("unterminated string or comment in the statement")

// scan splits a statement into tokens. It drops white space, comments and the
// final semicolon.
func scan(sql string) ([]token, error) {
	var tokens []token
	for sql != "" {
		t, rest, err := next(sql)
		if err != nil {
			return nil, err
		}
		if t.kind != 0 {
			tokens = append(tokens, t)
		}
		sql = rest
	}
	for len(tokens) > 0 && tokens[len(tokens)-1] == (token{'o', ";"}) {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens, nil
}

// next cuts off the first token. Its kind is 0 for white space and comments.
func next(sql string) (t token, rest string, err error) {
	switch c := sql[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return token{}, sql[1:], nil
	case strings.HasPrefix(sql, "--"):
		_, rest, _ := strings.Cut(sql, "\n")
		return token{}, rest, nil
	case strings.HasPrefix(sql, "/*"):
		_, rest, ok := strings.Cut(sql[2:], "*/")
		if !ok {
			return token{}, "", errUnterminated
		}
		return token{}, rest, nil
	case c == '\'' || c == '"':
		return quoted(sql)
	case c == '$':
		n := span(sql[1:], isDigit)
		return token{'$', sql[1 : 1+n]}, sql[1+n:], nil
	case isDigit(c):
		n := span(sql, func(c byte) bool { return isDigit(c) || isLetter(c) || c == '.' })
		return token{'n', sql[:n]}, sql[n:], nil
	case isLetter(c):
		n := span(sql, func(c byte) bool { return isDigit(c) || isLetter(c) })
		return token{'w', strings.ToLower(sql[:n])}, sql[n:], nil
	case strings.HasPrefix(sql, "::"):
		return token{'o', "::"}, sql[2:], nil
	default:
		return token{'o', sql[:1]}, sql[1:], nil
	}
}

// quoted cuts off a string or a name in double quotes. A doubled quote in it
// stands for one.
func quoted(sql string) (t token, rest string, err error) {
	var text strings.Builder
	quote := sql[0]
	for i := 1; i < len(sql); i++ {
		if sql[i] != quote {
			text.WriteByte(sql[i])
			continue
		}
		if i+1 < len(sql) && sql[i+1] == quote {
			text.WriteByte(quote)
			i++
			continue
		}
		if quote == '"' {
			return token{'w', text.String()}, sql[i+1:], nil
		}
		return token{'s', text.String()}, sql[i+1:], nil
	}
	return token{}, "", errUnterminated
}

// match reports whether a client's statement is a known one, and returns the
// literals in place of its parameters.
func match(known, client []token) (literals map[int]string, ok bool) {
	if len(known) != len(client) {
		return nil, false
	}
	for i, k := range known {
		c := client[i]
		switch {
		case k == c:
		case k.kind == '$' && (c.kind == 's' || c.kind == 'n'):
			n, err := strconv.Atoi(k.text)
			if err != nil {
				return nil, false
			}
			if literals == nil {
				literals = map[int]string{}
			}
			literals[n-1] = c.text
		default:
			return nil, false
		}
	}
	return literals, true
}

func span(s string, of func(byte) bool) int {
	n := 0
	for n < len(s) && of(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isLetter also accepts bytes beyond ASCII, as PostgreSQL does.
func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
