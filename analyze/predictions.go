package analyze

import (
	"bytes"
	"encoding/json"

	"timesink/analyze/breakdown"
	"timesink/collect/capture"
)

// Forecasts returns the predictions in an answer: for the findings, and for all of them
// together.
func Forecasts(b *breakdown.Breakdown) (list []breakdown.Forecast) {
	for i := range b.Causes {
		if f := b.Causes[i].Forecast; f != nil {
			list = append(list, *f)
		}
	}
	if b.Together != nil {
		list = append(list, *b.Together)
	}
	return list
}

// Lines returns predictions as they are kept with a capture, each a line of JSON without
// its line break. tool is the version of timesink that makes them.
func Lines(list []breakdown.Forecast, tool string) ([][]byte, error) {
	var lines [][]byte
	for _, f := range list {
		f.Schema, f.Tool = breakdown.ForecastSchema, tool
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(&f); err != nil {
			return nil, err
		}
		lines = append(lines, bytes.TrimSuffix(line.Bytes(), []byte("\n")))
	}
	return lines, nil
}

// Kept returns the predictions that are kept with captures. Lines of a schema that this
// version does not know are left out.
func Kept(captures []*capture.Capture) (list []breakdown.Forecast, err error) {
	for _, c := range captures {
		err := c.EachPrediction(func(line []byte) error {
			var f breakdown.Forecast
			if json.Unmarshal(line, &f) == nil && f.Schema == breakdown.ForecastSchema {
				list = append(list, f)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
