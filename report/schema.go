package report

import (
	"embed"
	"fmt"

	"timesink/analyze/breakdown"
)

//go:embed schema/*.json
var schemas embed.FS

// Schema is the JSON Schema, of the draft 2020-12, of what JSON or CompareJSON
// writes, by the name that stands in its field "schema": breakdown.Schema or
// breakdown.CompareSchema. It describes each property and its unit, and allows
// others, for the formats grow.
func Schema(name string) ([]byte, error) {
	file, ok := map[string]string{
		breakdown.Schema:        "schema/report-1.json",
		breakdown.CompareSchema: "schema/compare-1.json",
	}[name]
	if !ok {
		return nil, fmt.Errorf("there is no schema %q: there are %s and %s", name, breakdown.Schema, breakdown.CompareSchema)
	}
	return schemas.ReadFile(file)
}
