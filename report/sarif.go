package report

import (
	"io"
	"strings"

	"timesink/analyze/breakdown"
	"timesink/analyze/diagnosis"
)

// SARIFOptions say what is known of where a comparison was made.
type SARIFOptions struct {
	// Version is that of timesink.
	Version string
	// Locate returns the name of a source file within the repository, with slashes, given its
	// name where the service was built. It may be nil.
	Locate func(file string) string
}

// CompareSARIF writes the gates of a comparison that are broken as SARIF 2.1.0, for
// platforms that annotate a change's lines with it. Each is at the call site of the gate's
// endpoint whose time grew most, or, for a gate on what got faster, shrank most.
func CompareSARIF(w io.Writer, c *breakdown.Comparison, o SARIFOptions) error {
	c = WordedComparison(c)
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0"}
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "timesink", Version: o.Version, Rules: []sarifRule{{ID: gateRule, ShortDescription: sarifText{"A service got slower than a gate allows"}}}}
	if e := diagnosis.Explain("exit-3"); e != nil {
		run.Tool.Driver.Rules[0].FullDescription = &sarifText{clean(e.Means)}
	}
	for i := range c.Gates {
		g := &c.Gates[i]
		if g.Outcome != breakdown.GateBroken {
			continue
		}
		r := sarifResult{RuleID: gateRule, Level: "error", Message: sarifText{clean(GateText(g))}, Fingerprints: map[string]string{"timesink/1": g.Condition + " @ " + g.Endpoint}}
		if s := blamedSite(c, g); s != nil {
			r.Locations = []sarifLocation{sarifAt(s.Frame, o.Locate)}
			unit := scaleOf(max(g.Change.Before, g.Change.After))
			r.Message.Text += "; " + signedTime(unit, s.Delta) + " of it at " + function(s.Function) + "."
		}
		run.Results = append(run.Results, r)
	}
	log.Runs = []sarifRun{run}
	return writeJSON(w, &log, "the gates")
}

// gateRule is the ID of the rule that broken gates are results of.
const gateRule = "gate-broken"

// blamedSite returns the call site that most of a gate's change is at, nil if none is known.
// For a gate on a bucket it is one of that bucket.
func blamedSite(c *breakdown.Comparison, g *breakdown.Gate) (best *breakdown.SiteChange) {
	if g.Change == nil {
		return nil
	}
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		if e.Route != g.Endpoint && e.Name != g.Endpoint {
			continue
		}
		for k := range e.Buckets {
			b := &e.Buckets[k]
			if bucket, ok := strings.CutSuffix(g.Change.Quantity, " mean"); ok && bucket != b.Bucket.String() {
				continue
			}
			for n := range b.Sites {
				s := &b.Sites[n]
				if s.Function == breakdown.Other || s.File == "" || s.Line <= 0 || (s.Delta > 0) != (g.Change.Delta > 0) || s.Delta == 0 {
					continue
				}
				if best == nil || magnitude(s.Delta) > magnitude(best.Delta) {
					best = s
				}
			}
		}
		break
	}
	return best
}

func sarifAt(f breakdown.Frame, locate func(string) string) (l sarifLocation) {
	file := strings.ReplaceAll(clean(f.File), `\`, "/")
	if locate != nil {
		file = locate(file)
	}
	l.PhysicalLocation.ArtifactLocation.URI = sarifURI.Replace(file)
	l.PhysicalLocation.Region.StartLine = f.Line
	l.LogicalLocations = []sarifLogical{{FullyQualifiedName: clean(f.Function), Kind: "function"}}
	return l
}

// sarifURI escapes what a file's name may have and a URI reference may not.
var sarifURI = strings.NewReplacer("%", "%25", " ", "%20", "#", "%23", "?", "%3F", "[", "%5B", "]", "%5D", `"`, "%22", "<", "%3C", ">", "%3E")

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string     `json:"id"`
	ShortDescription sarifText  `json:"shortDescription"`
	FullDescription  *sarifText `json:"fullDescription,omitempty"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	PhysicalLocation struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
	LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}
