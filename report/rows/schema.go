package rows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"timesink/analyze/breakdown"
)

// A Column describes a column of a table.
type Column struct {
	Name string
	Type string // "string", "integer", "number", "boolean" or "strings"
	Doc  string // what it holds; of a column ending in _ns, the unit is nanoseconds
}

// Columns returns the columns of a table, in their order. It returns nil for a table that
// does not exist.
func Columns(t Table) []Column {
	row := map[Table]any{Cases: Case{}, Requests: Request{}, Segments: Segment{}, Calls: Call{}, Findings: Finding{}, Samples: Sample{}}[t]
	if row == nil {
		return nil
	}
	return columnsOf(reflect.TypeOf(row))
}

func columnsOf(t reflect.Type) (list []Column) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			list = append(list, columnsOf(f.Type)...)
			continue
		}
		c := Column{Name: f.Tag.Get("json"), Doc: meaning(f.Tag.Get("doc"))}
		switch f.Type.Kind() {
		case reflect.String:
			c.Type = "string"
		case reflect.Bool:
			c.Type = "boolean"
		case reflect.Float64:
			c.Type = "number"
		case reflect.Slice:
			c.Type = "strings"
		default:
			c.Type = "integer"
		}
		list = append(list, c)
	}
	return list
}

// meaning returns a column's description. "$db $query" stands for the meanings of the
// bucket db and the phase query.
func meaning(doc string) string {
	names := strings.Fields(doc)
	if len(names) == 0 || !strings.HasPrefix(doc, "$") {
		return doc
	}
	var b breakdown.Bucket
	var p breakdown.Phase
	if err := b.UnmarshalText([]byte(names[0][1:])); err != nil {
		return doc
	}
	if len(names) == 1 {
		return fmt.Sprintf("Time in the bucket %s: %s.", b, b.Info().Meaning)
	}
	if err := p.UnmarshalText([]byte(names[1][1:])); err != nil {
		return doc
	}
	return fmt.Sprintf("The part of %s_ns in the phase %s: %s.", b, p, p.Info().Meaning)
}

// JSONSchema returns the JSON Schema, draft 2020-12, of the rows: each definition is that of
// one table's row.
func JSONSchema() []byte {
	defs := map[string]any{}
	for _, t := range Tables() {
		var required []string
		properties := map[string]any{}
		for _, c := range Columns(t) {
			p := map[string]any{"type": c.Type, "description": c.Doc}
			if c.Type == "strings" {
				p["type"], p["items"] = "array", map[string]any{"type": "string", "description": "One of them."}
			}
			properties[c.Name] = p
			required = append(required, c.Name)
		}
		defs[string(t)] = map[string]any{"type": "object", "description": "A row of the table " + string(t) + ".", "required": required, "properties": properties}
	}
	text, err := json.MarshalIndent(map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         "urn:timesink:schema:rows/1",
		"title":       "timesink rows",
		"description": "Rows for engines, one table a definition. Times are integers in nanoseconds, and start_ns is since 1970. Within its number the schema only gains columns.",
		"$defs":       defs,
	}, "", "  ")
	if err != nil {
		panic(err) // what is encoded are strings
	}
	return append(text, '\n')
}
