package pgstandin

import (
	"slices"
	"testing"
)

func TestScan(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		want      []token
	}{
		{"nothing", " \n\t; ;", nil},
		{"a comment", "-- ping", nil},
		{"a comment inside", "a/* b */c -- d\ne", []token{{'w', "a"}, {'w', "c"}, {'w', "e"}}},
		{"words fold", "SELECT Now", []token{{'w', "select"}, {'w', "now"}}},
		{"quoted names do not", `"Now"`, []token{{'w', "Now"}}},
		{"strings", `'it''s'''`, []token{{'s', "it's'"}}},
		{"numbers", "1.5 2e3", []token{{'n', "1.5"}, {'n', "2e3"}}},
		{"parameters", "$1=$12", []token{{'$', "1"}, {'o', "="}, {'$', "12"}}},
		{"casts", "x::text", []token{{'w', "x"}, {'o', "::"}, {'w', "text"}}},
		{"a semicolon that is not at the end", "a;b;", []token{{'w', "a"}, {'o', ";"}, {'w', "b"}}},
		{"letters beyond ASCII", "größe", []token{{'w', "größe"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := scan(c.sql); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for _, unterminated := range []string{"'", "'a''", `"a`, "/* a"} {
		if got, err := scan(unterminated); err == nil {
			t.Errorf("%q scans as %q", unterminated, got)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"SELECT 'it''s', $1::text FROM \"t\" /* c */ -- d\n;", "'", "$", "1e", "\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tokens, err := scan(sql)
		if err != nil {
			return
		}
		if literals, ok := match(tokens, tokens); !ok || literals != nil {
			t.Errorf("%q is not the same as itself", sql)
		}
	})
}
