package report_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"timesink/analyze/breakdown"
	"timesink/report"
)

// private is part of every string in an answer filled by fill.
const private = "/home/jane"

func hide(text string) string { return strings.ReplaceAll(text, private, "[home]") }

// fill sets every string within a value to private text, gives each slice and map an
// element, and sets each pointer.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(private)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.Interface, reflect.Func, reflect.Chan:
		panic(fmt.Sprintf("fill does not know what a %s may hold", v.Type()))
	}
}

// told returns the places of a value that hold private text, and the number of its
// strings.
func told(v reflect.Value, path string) (at []string, strs int) {
	add := func(v reflect.Value, path string) {
		more, n := told(v, path)
		at, strs = append(at, more...), strs+n
	}
	switch v.Kind() {
	case reflect.String:
		strs++
		if strings.Contains(v.String(), private) {
			at = append(at, path)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			add(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			add(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			add(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			add(entries.Key(), path+" key")
			add(entries.Value(), path+" value")
		}
	}
	return at, strs
}

func TestNoStringOfAnAnswerEscapesTheMask(t *testing.T) {
	var b breakdown.Breakdown
	var specimens []breakdown.Specimen
	var c breakdown.Comparison
	for _, v := range []any{&b, &specimens, &c} {
		fill(reflect.ValueOf(v).Elem())
	}
	redacted, shown := report.Redacted(&b, specimens, hide)
	compared := report.RedactedComparison(&c, hide)
	for what, pair := range map[string][2]any{"Breakdown": {b, *redacted}, "specimens": {specimens, shown}, "Comparison": {c, *compared}} {
		at, before := told(reflect.ValueOf(pair[0]), what)
		if len(at) != before || before == 0 {
			t.Fatalf("of %d strings of %s only %d were filled", before, what, len(at))
		}
		at, after := told(reflect.ValueOf(pair[1]), what)
		if len(at) > 0 || after != before {
			t.Errorf("%s: of %d strings %d are left, and these escape the mask: %s", what, before, after, strings.Join(at, ", "))
		}
	}
	if !redacted.Source.Redacted || !compared.Before.Source.Redacted || !compared.After.Source.Redacted {
		t.Error("the copies do not say that they are redacted")
	}
}

func TestSharedCausesStayShared(t *testing.T) {
	one, other := &breakdown.Cause{System: private}, &breakdown.Cause{System: "http"}
	b := &breakdown.Breakdown{Endpoints: []breakdown.Endpoint{{Detail: &breakdown.Detail{Stacks: []breakdown.StackTime{{Cause: one}, {Cause: other}, {Cause: one}}}}}}
	specimens := []breakdown.Specimen{{Request: breakdown.Request{Path: []breakdown.Segment{{Cause: one}, {Cause: other}}}}}
	b2, shown := report.Redacted(b, specimens, hide)
	stacks, path := b2.Endpoints[0].Detail.Stacks, shown[0].Request.Path
	if stacks[0].Cause != stacks[2].Cause || stacks[0].Cause != path[0].Cause || stacks[1].Cause != path[1].Cause || stacks[0].Cause == stacks[1].Cause {
		t.Error("the causes are no longer shared")
	}
	if stacks[0].Cause == one || stacks[0].Cause.System != "[home]" || one.System != private {
		t.Error("the original was changed, or the copy was not")
	}
}

func TestAMaskThatChangesNothingKeepsTheAnswer(t *testing.T) {
	for name, fixture := range fixtures {
		b := fixture()
		redacted, _ := report.Redacted(b, nil, func(text string) string { return text })
		b.Source.Redacted = true
		var before, after bytes.Buffer
		if err := report.JSON(&before, b); err != nil {
			t.Fatal(err)
		}
		if err := report.JSON(&after, redacted); err != nil {
			t.Fatal(err)
		}
		if before.String() != after.String() || !reflect.DeepEqual(b, redacted) {
			t.Errorf("%s: the copy is a different answer:\n%s", name, after.String())
		}
	}
}
