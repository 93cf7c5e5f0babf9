package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// schemas are templates: "$buckets", "$phases" and "$count" stand for values from the
// tables of buckets and phases, and so does "$meanings" within a text.
//
//go:embed schema/*.json
var schemas embed.FS

// Schema returns the JSON Schema, draft 2020-12, of what JSON or CompareJSON writes.
// The name is the value of the field "schema": breakdown.Schema or
// breakdown.CompareSchema. The schema describes each property and its unit, and allows
// others, since the formats grow. Schema returns an error for any other name.
func Schema(name string) ([]byte, error) {
	file, ok := map[string]string{
		breakdown.Schema:        "schema/report-1.json",
		breakdown.CompareSchema: "schema/compare-1.json",
	}[name]
	if !ok {
		return nil, fmt.Errorf("there is no schema %q: there are %s and %s", name, breakdown.Schema, breakdown.CompareSchema)
	}
	text, err := schemas.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return []byte(fromTable().Replace(string(text))), nil
}

// fromTable returns a replacer that fills in the buckets and the phases.
func fromTable() *strings.Replacer {
	var buckets, meanings, phases []string
	for b := range breakdown.NumBuckets {
		buckets = append(buckets, quoted(b.String()))
		meanings = append(meanings, fmt.Sprintf("%s (%s)", b, b.Info().Meaning))
	}
	for p := range breakdown.NumPhases {
		phases = append(phases, quoted(p.String()))
	}
	var causes, factKinds, factMeanings []string
	for _, e := range diagnosis.Catalogue() {
		causes = append(causes, quoted(e.ID))
	}
	for k := range breakdown.NumFacts {
		factKinds = append(factKinds, quoted(k.String()))
		factMeanings = append(factMeanings, fmt.Sprintf("%s (%s)", k, k.Info().Meaning))
	}
	const apart = ",\n        "
	return strings.NewReplacer(`"$buckets"`, strings.Join(buckets, apart), `"$phases"`, strings.Join(phases, apart),
		`"$causes"`, strings.Join(causes, apart), `"$facts"`, strings.Join(factKinds, apart+"    "), "$factMeanings", strings.Trim(quoted(strings.Join(factMeanings, ", ")), `"`),
		`"$count"`, fmt.Sprint(len(buckets)), "$meanings", strings.Trim(quoted(strings.Join(meanings, ", ")), `"`))
}

// quoted returns a text as a JSON string.
func quoted(text string) string {
	data, _ := json.Marshal(text) // no string fails
	return string(data)
}
