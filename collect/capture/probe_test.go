package capture_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"timesink/collect/capture"
)

func TestAnIncompleteLineIsIgnored(t *testing.T) {
	got, err := capture.ReadProbes(strings.NewReader("{\"route\":\"a\"}\n{\"route\":\"b\"}\n{\"rou"))
	if err != nil || len(got) != 2 || got[1].Route != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestProbesEndAtADamagedLineWithAWarning(t *testing.T) {
	lines := "{\"route\":\"a\"}\nnonsense\n{\"route\":\"b\"}\n"
	data := zipped("manifest.json", manifest(fmt.Sprintf(`,"parts":[{"name":"trace.out"},{"name":"probes.jsonl","size":%d}]`, len(lines))),
		"trace.out", "", "probes.jsonl", lines)
	c, err := capture.Read("test", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Probes()
	if err != nil || len(got) != 1 || codes(c) != "probes-damaged" {
		t.Errorf("%d probes, %v, warnings %v", len(got), err, c.Warnings())
	}
}
