package main

import (
	"bytes"
	"fmt"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// predictions returns predictions as they are kept in a capture.
func (t *tool) predictions(list []breakdown.Forecast) []byte {
	lines, err := analyze.Lines(list, thisTool().Version)
	if err != nil {
		t.log().Error("encoding the predictions", "error", err)
		return nil
	}
	var text bytes.Buffer
	for _, line := range lines {
		text.Write(line)
		text.WriteByte('\n')
	}
	return text.Bytes()
}

// keep keeps predictions beside a capture, for compare to hold against what comes. That the
// folder cannot be written to does not keep the user from the answer.
func (t *tool) keep(c *capture.Capture, list []breakdown.Forecast) {
	lines, err := analyze.Lines(list, thisTool().Version)
	if err == nil {
		err = c.KeepPredictions(lines...)
	}
	if err != nil {
		fmt.Fprintf(t.stderr, "warning: the prediction is not kept for timesink compare: %s\n", oneLine(err.Error()))
	}
}
