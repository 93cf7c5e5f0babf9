package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"timesink/report"
)

// A sarif is what platforms read of SARIF.
type sarif struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct{ Name, Version string }
		}
		Results []struct {
			RuleID              string
			Level               string
			Message             struct{ Text string }
			PartialFingerprints map[string]string
			Locations           []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI string }
					Region           struct{ StartLine int }
				}
			}
		}
	}
}

func TestBrokenGatesAsSARIF(t *testing.T) {
	c := comparison(t, sequential(), slowDatabase(), "db mean > +5ms", "p95 > +1000%")
	var out bytes.Buffer
	if err := report.CompareSARIF(&out, c, report.SARIFOptions{Version: "v1.2.3", Locate: func(file string) string { return "here " + file[strings.LastIndexByte(file, '/')+1:] }}); err != nil {
		t.Fatal(err)
	}
	var s sarif
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Version != "2.1.0" || !strings.Contains(s.Schema, "sarif-2.1.0") || len(s.Runs) != 1 || s.Runs[0].Tool.Driver.Name != "timesink" || s.Runs[0].Tool.Driver.Version != "v1.2.3" {
		t.Fatalf("it is %s", out.String())
	}
	if n := len(s.Runs[0].Results); n != 1 {
		t.Fatalf("there are %d results: %s", n, out.String())
	}
	for _, r := range s.Runs[0].Results {
		if r.RuleID != "gate-broken" || r.Level != "error" || !strings.Contains(r.Message.Text, "db mean > +5ms") || len(r.PartialFingerprints) != 1 || len(r.Locations) != 1 {
			t.Errorf("a result is %+v", r)
			continue
		}
		if at := r.Locations[0].PhysicalLocation; !strings.HasPrefix(at.ArtifactLocation.URI, "here%20") || !strings.HasSuffix(at.ArtifactLocation.URI, ".go") || at.Region.StartLine <= 0 {
			t.Errorf("it is at %+v", at)
		}
	}
}

func TestNoBrokenGatesAsSARIF(t *testing.T) {
	var out bytes.Buffer
	if err := report.CompareSARIF(&out, comparison(t, sequential(), sequential(), "mean > +10%"), report.SARIFOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"results": []`) {
		t.Errorf("it is %s", out.String())
	}
}
