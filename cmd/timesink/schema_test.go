package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"timesink/report"
)

func isOfSchema(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	var named struct{ Schema string }
	ts.Check(json.Unmarshal([]byte(text), &named))
	published, err := report.Schema(named.Schema)
	ts.Check(err)
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	ts.Check(err)
	allowNoOther(schema)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	ts.Check(c.AddResource("schema.json", schema))
	compiled, err := c.Compile("schema.json")
	ts.Check(err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	ts.Check(err)
	ts.Check(compiled.Validate(doc))
}

// allowNoOther makes a schema reject properties that it does not describe. The
// published schema allows them, since the formats grow, but this version must describe
// all of its own.
func allowNoOther(schema any) {
	s, ok := schema.(map[string]any)
	if !ok {
		return
	}
	for _, v := range s {
		allowNoOther(v)
	}
	if _, ok := s["properties"].(map[string]any); ok && s["type"] == "object" {
		s["additionalProperties"] = false
	}
}
