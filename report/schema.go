package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// schemas are templates: "$buckets", "$phases", "$activities" and "$count" stand for values
// from the tables of buckets, phases and activities, and so does "$meanings" within a text. "$causes",
// "$findings" and "$warnings" stand for IDs of the catalogue.
//
//go:embed schema/*.json
var schemas embed.FS

// Schema returns the JSON Schema, draft 2020-12, of what JSON, CompareJSON, RequestJSON,
// WhatIfJSON, ABJSON or ListJSON writes. The name is the value of the field "schema":
// breakdown.Schema, breakdown.CompareSchema, breakdown.RequestSchema,
// breakdown.WhatIfSchema, breakdown.ABSchema or breakdown.ListSchema. The schema describes each property and its unit, and allows
// others, since the formats grow. Schema returns an error for any other name.
func Schema(name string) ([]byte, error) {
	file, ok := map[string]string{
		breakdown.Schema:        "schema/report-1.json",
		breakdown.CompareSchema: "schema/compare-1.json",
		breakdown.RequestSchema: "schema/request-1.json",
		breakdown.WhatIfSchema:  "schema/whatif-1.json",
		breakdown.ABSchema:      "schema/ab-1.json",
		breakdown.ListSchema:    "schema/list-1.json",
	}[name]
	if !ok {
		return nil, fmt.Errorf("there is no schema %q: there are %s, %s, %s, %s, %s and %s", name, breakdown.Schema, breakdown.CompareSchema, breakdown.RequestSchema, breakdown.WhatIfSchema, breakdown.ABSchema, breakdown.ListSchema)
	}
	text, err := schemas.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return []byte(fromTable().Replace(string(text))), nil
}

// fromTable returns a replacer that fills in what the tables hold.
func fromTable() *strings.Replacer {
	var buckets, meanings, phases []string
	for b := range breakdown.NumBuckets {
		buckets = append(buckets, quoted(b.String()))
		meanings = append(meanings, fmt.Sprintf("%s (%s)", b, b.Info().Meaning))
	}
	for p := range breakdown.NumPhases {
		phases = append(phases, quoted(p.String()))
	}
	var causes, findings, warnings, factKinds, factMeanings []string
	for _, e := range diagnosis.Catalogue() {
		causes = append(causes, quoted(e.ID))
		if e.Finding {
			findings = append(findings, quoted(e.ID))
		}
	}
	for _, e := range diagnosis.Warnings() {
		warnings = append(warnings, quoted(e.ID))
	}
	for k := range breakdown.NumFacts {
		factKinds = append(factKinds, quoted(k.String()))
		factMeanings = append(factMeanings, fmt.Sprintf("%s (%s)", k, k.Info().Meaning))
	}
	var activities []string
	for a := breakdown.NoActivity + 1; a < breakdown.NumActivities; a++ {
		activities = append(activities, quoted(a.String()))
	}
	const apart = ",\n        "
	return strings.NewReplacer(`"$buckets"`, strings.Join(buckets, apart), `"$phases"`, strings.Join(phases, apart),
		`"$activities"`, strings.Join(activities, apart+"    "), `"$causes"`, strings.Join(causes, apart), `"$findings"`, strings.Join(findings, apart+"        "), `"$warnings"`, strings.Join(warnings, apart+"        "), `"$facts"`, strings.Join(factKinds, apart+"    "), "$factMeanings", strings.Trim(quoted(strings.Join(factMeanings, ", ")), `"`),
		`"$count"`, fmt.Sprint(len(buckets)), "$meanings", strings.Trim(quoted(strings.Join(meanings, ", ")), `"`))
}

// quoted returns a text as a JSON string.
func quoted(text string) string {
	data, _ := json.Marshal(text) // no string fails
	return string(data)
}
