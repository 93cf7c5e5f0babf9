package report_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
	"timesink/report"
)

// A node is a schema or a part of one.
type node = map[string]any

func schemaOf(t *testing.T, name string) node {
	t.Helper()
	text, err := report.Schema(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(node)
}

// strict makes a schema reject properties that it does not describe.
func strict(s any) any {
	switch s := s.(type) {
	case node:
		for _, v := range s {
			strict(v)
		}
		if _, ok := s["properties"].(node); ok && s["type"] == "object" {
			s["additionalProperties"] = false
		}
	}
	return s
}

func compiled(t *testing.T, schema any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJSONHoldsNothingThatItsSchemaDoesNotDescribe(t *testing.T) {
	reports := compiled(t, strict(schemaOf(t, breakdown.Schema)))
	for name, fixture := range fixtures {
		var out bytes.Buffer
		if err := report.JSON(&out, fixture()); err != nil {
			t.Fatal(err)
		}
		validate(t, reports, name, out.Bytes())
	}
	compares := compiled(t, strict(schemaOf(t, breakdown.CompareSchema)))
	for name, c := range comparisons(t) {
		var out bytes.Buffer
		if err := report.CompareJSON(&out, c); err != nil {
			t.Fatal(err)
		}
		validate(t, compares, name, out.Bytes())
	}
}

func TestGoldensMatchTheirSchema(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	of := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var named struct{ Schema string }
		if err := json.Unmarshal(text, &named); err != nil {
			t.Fatal(err)
		}
		if named.Schema == "" {
			continue // in a format that is not timesink's
		}
		of++
		validate(t, compiled(t, strict(schemaOf(t, named.Schema))), file, text)
	}
	if of < 10 {
		t.Errorf("only %d goldens have a schema", of)
	}
}

func validate(t *testing.T, s *jsonschema.Schema, name string, text []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestTheSchemaRejectsErrors(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, sequential()); err != nil {
		t.Fatal(err)
	}
	schema := compiled(t, schemaOf(t, breakdown.Schema))
	for what, change := range map[string][2]string{
		"another schema":        {`"timesink.report/1"`, `"timesink.report/2"`},
		"a fraction of a ns":    {`"window_ns": 9990000000`, `"window_ns": 0.5`},
		"an unknown bucket":     {`"bucket": "db"`, `"bucket": "disk"`},
		"a phase of no call":    {`"phase": "query"`, `"phase": "dream"`},
		"a missing number":      {`"incomplete": 3,`, ``},
		"null for an array":     {`"warnings": []`, `"warnings": null`},
		"a time that is no day": {`2026-11-22T02:03:04Z`, `yesterday`},
	} {
		text := strings.Replace(out.String(), change[0], change[1], 1)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil || text == out.String() {
			t.Fatalf("%s: %v", what, err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	grown := strings.Replace(out.String(), `"incomplete": 3,`, `"incomplete": 3, "apdex": 1,`, 1)
	validate(t, schema, "a property of tomorrow", []byte(grown))
	if doc, err := jsonschema.UnmarshalJSON(strings.NewReader(grown)); err != nil || compiled(t, strict(schemaOf(t, breakdown.Schema))).Validate(doc) == nil {
		t.Errorf("the tests would miss a property without a description: %v", err)
	}
}

// TestTheSchemaDescribesEveryField walks the types. It fails for a field added without
// a description.
func TestTheSchemaDescribesEveryField(t *testing.T) {
	for name, of := range map[string]reflect.Type{
		breakdown.Schema:        reflect.TypeFor[breakdown.Breakdown](),
		breakdown.CompareSchema: reflect.TypeFor[breakdown.Comparison](),
		breakdown.RequestSchema: reflect.TypeFor[report.RequestDocument](),
		breakdown.WhatIfSchema:  reflect.TypeFor[breakdown.Prediction](),
		breakdown.ABSchema:      reflect.TypeFor[breakdown.AB](),
		breakdown.ListSchema:    reflect.TypeFor[breakdown.List](),
	} {
		w := &walker{t: t, root: schemaOf(t, name), seen: map[string]bool{}}
		w.object(name, w.root, of)
		for def := range w.root["$defs"].(node) {
			if !w.seen["#/$defs/"+def] {
				t.Errorf("%s: no field is a %s", name, def)
			}
		}
	}
}

// A walker compares a type with a schema.
type walker struct {
	t    *testing.T
	root node
	seen map[string]bool
}

// resolved follows a schema's reference.
func (w *walker) resolved(at string, s node) node {
	to, ok := s["$ref"].(string)
	if !ok {
		return s
	}
	w.seen[to] = true
	def, ok := w.root["$defs"].(node)[strings.TrimPrefix(to, "#/$defs/")].(node)
	if !ok {
		w.t.Fatalf("%s refers to %s, which does not exist", at, to)
	}
	return def
}

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

func (w *walker) value(at string, s node, of reflect.Type) {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	s = w.resolved(at, s)
	want := map[reflect.Kind]string{reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint64: "integer", reflect.Float64: "number", reflect.String: "string",
		reflect.Bool: "boolean", reflect.Slice: "array", reflect.Array: "array", reflect.Struct: "object"}[of.Kind()]
	if of.Implements(textMarshaler) {
		want = "string"
	}
	if s["type"] != want || want == "" {
		w.t.Errorf("%s is described as %v, not %q", at, s["type"], want)
		return
	}
	switch {
	case of == reflect.TypeFor[time.Time]():
		if s["format"] != "date-time" {
			w.t.Errorf("%s is a time, and its format %v", at, s["format"])
		}
	case of.Implements(textMarshaler):
		w.enum(at, s, of)
	case want == "object":
		w.object(at, s, of)
	case want == "array":
		items, ok := s["items"].(node)
		if !ok {
			w.t.Errorf("%s does not say what its items are", at)
			return
		}
		w.value(at+"[]", items, of.Elem())
	}
}

// enum compares the names of buckets, phases, activities and facts with those in the code.
func (w *walker) enum(at string, s node, of reflect.Type) {
	var names []any
	if of == reflect.TypeFor[breakdown.RequestID]() {
		return // any of them
	}
	switch of {
	case reflect.TypeFor[breakdown.Bucket]():
		for b := breakdown.Bucket(0); b < breakdown.NumBuckets; b++ {
			names = append(names, b.String())
		}
	case reflect.TypeFor[breakdown.Phase]():
		for p := breakdown.Phase(0); p < breakdown.NumPhases; p++ {
			names = append(names, p.String())
		}
	}
	if of == reflect.TypeFor[breakdown.Activity]() {
		for a := breakdown.NoActivity + 1; a < breakdown.NumActivities; a++ {
			names = append(names, a.String())
		}
	}
	if of == reflect.TypeFor[breakdown.FactKind]() {
		for k := range breakdown.NumFacts {
			names = append(names, k.String())
		}
	}
	if !reflect.DeepEqual(s["enum"], names) {
		w.t.Errorf("%s is one of %v, not of %v", at, s["enum"], names)
	}
}

func (w *walker) object(at string, s node, of reflect.Type) {
	properties, _ := s["properties"].(node)
	described, always := map[string]bool{}, []any{}
	for _, f := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "-" {
			continue
		}
		described[name] = true
		if options != "omitempty" && options != "omitzero" {
			always = append(always, name)
		}
		p, ok := properties[name].(node)
		if !ok {
			w.t.Errorf("%s.%s is not described", at, name)
			continue
		}
		w.property(at+"."+name, p, f.Type)
	}
	for name := range properties {
		if !described[name] {
			w.t.Errorf("%s.%s is described, but does not exist", at, name)
		}
	}
	required, _ := s["required"].([]any)
	if !sameNames(required, always) {
		w.t.Errorf("%s always holds %v, but requires %v", at, always, required)
	}
	if _, ok := s["additionalProperties"]; ok {
		w.t.Errorf("%s cannot grow", at)
	}
}

// property also checks that times have their unit in their name and their description.
func (w *walker) property(at string, p node, of reflect.Type) {
	said, _ := p["description"].(string)
	if said == "" {
		w.t.Errorf("%s has no description", at)
	}
	if strings.HasSuffix(at, "_ns") != strings.HasSuffix(said, ", in nanoseconds.") {
		w.t.Errorf("%s is described as %q", at, said)
	}
	w.value(at, p, of)
}

func sameNames(a, b []any) bool {
	sorted := func(names []any) (out []string) {
		for _, n := range names {
			out = append(out, n.(string))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(sorted(a), sorted(b))
}

func TestTheSchemasShareDefinitions(t *testing.T) {
	reports, compares := schemaOf(t, breakdown.Schema)["$defs"].(node), schemaOf(t, breakdown.CompareSchema)["$defs"].(node)
	shared := 0
	for name, def := range reports {
		if other, ok := compares[name]; ok {
			shared++
			if !reflect.DeepEqual(def, other) {
				t.Errorf("%s differs between the two", name)
			}
		}
	}
	if shared < 5 {
		t.Errorf("only %d parts are shared", shared)
	}
}

func TestUnknownSchemasAreRefused(t *testing.T) {
	if _, err := report.Schema("timesink.report/9"); err == nil || !strings.Contains(err.Error(), breakdown.Schema) {
		t.Errorf("the error is %v", err)
	}
}

// The schema lists what the catalogue explains.
func TestTheSchemaListsTheCatalogue(t *testing.T) {
	defs := schemaOf(t, breakdown.Schema)["$defs"].(node)
	listed := func(def, property string) (ids []string) {
		of := defs[def].(node)
		if property != "" {
			of = of["properties"].(node)[property].(node)
		}
		if any, ok := of["anyOf"].([]any); ok {
			of = any[0].(node)
		}
		for _, id := range of["enum"].([]any) {
			ids = append(ids, id.(string))
		}
		return ids
	}
	var causes, findings, warnings []string
	for _, e := range diagnosis.Everything() {
		switch e.Kind {
		case diagnosis.FindingEntry:
			findings, causes = append(findings, e.ID), append(causes, e.ID)
		case diagnosis.CauseEntry:
			causes = append(causes, e.ID)
		case diagnosis.WarningEntry:
			warnings = append(warnings, e.ID)
		}
	}
	slices.Sort(causes)
	for what, c := range map[string][2][]string{
		"causes": {listed("causeID", ""), causes}, "findings": {listed("finding", "id"), findings}, "warnings": {listed("warning", "code"), warnings},
	} {
		if len(c[1]) < 5 || !slices.Equal(c[0], c[1]) {
			t.Errorf("the schema lists the %s %v, not %v", what, c[0], c[1])
		}
	}
}
