package collect

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"timesink/collect/capture"
)

func TestServerTiming(t *testing.T) {
	const ms = 1000000
	type m = capture.ServerTiming
	for _, tt := range []struct {
		name    string
		headers []string
		want    []m
	}{
		{"none", nil, nil},
		{"an empty header", []string{"", " , ,"}, nil},
		{"one metric", []string{"db;dur=53"}, []m{{Name: "db", Duration: 53 * ms, Description: ""}}},
		{"several headers, and metrics in each", []string{"db;dur=53.2, cache;dur=.5", "app;dur=1e1"}, []m{{Name: "db", Duration: 53200000, Description: ""}, {Name: "cache", Duration: ms / 2, Description: ""}, {Name: "app", Duration: 10 * ms, Description: ""}}},
		{"a description with separators", []string{`a;desc="one, two; \"three\"";dur=1,b;dur=2`}, []m{{Name: "a", Duration: ms, Description: `one, two; "three"`}, {Name: "b", Duration: 2 * ms, Description: ""}}},
		{"a description as a token", []string{"a;desc=hit"}, []m{{Name: "a", Duration: 0, Description: "hit"}}},
		{"white space, capitals, and quoted durations", []string{"\ta ; DUR = \"7\" ; Desc=x "}, []m{{Name: "a", Duration: 7 * ms, Description: "x"}}},
		{"a metric without a time", []string{"miss, b;dur=1"}, []m{{Name: "miss", Duration: 0, Description: ""}, {Name: "b", Duration: ms, Description: ""}}},
		{"the first of equal parameters counts", []string{"a;dur=1;dur=2"}, []m{{Name: "a", Duration: ms, Description: ""}}},
		{"parameters of other kinds", []string{"a;start=5;dur=1;flag"}, []m{{Name: "a", Duration: ms, Description: ""}}},
		{"the same metric twice", []string{"a;dur=1,a;dur=2"}, []m{{Name: "a", Duration: ms, Description: ""}, {Name: "a", Duration: 2 * ms, Description: ""}}},
		{"names that are no tokens", []string{`a b;dur=1, "c";dur=1, =d, ;dur=3, é;dur=1, ok;dur=1`}, []m{{Name: "ok", Duration: ms, Description: ""}}},
		{"times that are none", []string{"a;dur=x,b;dur=-1,c;dur=NaN,d;dur=Inf,e;dur=1e300,f;dur=,g;dur=86400001,ok;dur=86400000"}, []m{{Name: "ok", Duration: 86400000 * ms, Description: ""}}},
		{"a quotation without its end", []string{`a;dur=1, b;desc="open, c;dur=2`}, []m{{Name: "a", Duration: ms, Description: ""}, {Name: "b", Duration: 0, Description: ""}}},
		{"a name that is too long", []string{strings.Repeat("n", 65) + ";dur=1, ok;dur=1"}, []m{{Name: "ok", Duration: ms, Description: ""}}},
	} {
		if got := parseServerTiming(tt.headers); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func FuzzServerTiming(f *testing.F) {
	f.Add(`db;dur=53.2, cache;desc="Cache Read";dur=23.2`, "app")
	f.Add(`a;desc="\\`, `",;=`)
	f.Add(strings.Repeat("a;dur=1,", 3000), strings.Repeat("é", 9000))
	f.Fuzz(func(t *testing.T, one, two string) {
		list := parseServerTiming([]string{one, two})
		if len(list) > capture.MaxServerTimings {
			t.Errorf("%d metrics", len(list))
		}
		for _, m := range list {
			if !isToken(m.Name) || len(m.Name) > maxTimingName || len(m.Description) > maxTimingText || !utf8.ValidString(m.Description) ||
				m.Duration < 0 || m.Duration > capture.MaxServerTiming {
				t.Errorf("%+v", m)
			}
		}
	})
}
