package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"timesink/collect"
	"timesink/collect/capture"
	"timesink/report"
)

func (t *tool) doctorCommand() *cobra.Command {
	var access accessFlags
	var format formatFlag
	var output outputFlag
	var window time.Duration
	cmd := &cobra.Command{
		Use:   "doctor TARGET",
		Short: "Show what a service exposes, and how to expose more",
		Long: `Doctor checks what a service exposes to run: whether it is reachable, its Go
version, which endpoints answer and with what, whether a trace is already running,
whether the server's write timeout would cut the window, and which profile rates
are set. It prints what would improve the answer, with the lines of code to add. It
is harmless: it traces for 0.05 s.

` + targetHelp,
		Example: `  timesink doctor localhost:6060
  timesink doctor unix:///run/app.sock
  timesink doctor https://pprof.example.com --bearer-file token -d 60s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneTarget(cmd, args); err != nil {
				return err
			}
			return format.check()
		},
		ValidArgsFunction: completeTargets(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := access.target(args[0])
			if err != nil {
				return err
			}
			t.notes(access.exposed(args[0]))
			d, err := collect.Doctor(cmd.Context(), collect.Config{Target: target, Window: window, Tool: thisTool(), Log: t.log()})
			if err != nil {
				return err
			}
			err = output.to(t.stdout, func(w io.Writer) error {
				if format.format == "json" {
					return diagnosisJSON(w, d)
				}
				return report.DiagnosisText(w, diagnosed(d), report.TextOptions{Width: columns(w)})
			})
			if err != nil {
				return err
			}
			return d.Err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().DurationVarP(&window, "duration", "d", collect.DefaultWindow, "check whether a window of this length is possible")
	format.register(cmd)
	output.register(cmd)
	access.register(cmd)
	return cmd
}

// diagnosisSchema names the JSON schema of a diagnosis.
const diagnosisSchema = "timesink.doctor/1"

func diagnosisJSON(w io.Writer, d *collect.Diagnosis) error {
	answer := struct {
		Schema string `json:"schema"`
		Ready  bool   `json:"ready"`
		Error  string `json:"error,omitempty"`
		Hint   string `json:"hint,omitempty"`
		collect.Diagnosis
	}{Schema: diagnosisSchema, Ready: d.Err == nil, Diagnosis: *d}
	if d.Err != nil {
		answer.Error, answer.Hint = d.Err.Error(), capture.Hint(d.Err)
	}
	answer.Service.Endpoints = append([]capture.Endpoint{}, d.Service.Endpoints...)
	answer.Advice = append([]collect.Advice{}, d.Advice...)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(answer)
}

// diagnosed converts a diagnosis for package report.
func diagnosed(d *collect.Diagnosis) *report.Diagnosis {
	s := &d.Service
	out := &report.Diagnosis{Target: d.Target, GoVersion: s.GoVersion, GOMAXPROCS: s.GOMAXPROCS, Goroutines: s.Goroutines,
		Fails: d.Err != nil, Asked: d.Asked, Longest: d.Longest, Fallback: report.Fallback{Samples: d.Fallback.Samples, Snapshots: d.Fallback.Snapshots,
			SnapshotCost: d.Fallback.SnapshotCost, Cost: d.Fallback.Cost, Refused: d.Fallback.Refused, Probed: d.Fallback.Probed}}
	for _, e := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, report.DiagnosedEndpoint{Name: e.Name, OK: e.OK, Took: e.Took, Note: e.Note})
	}
	for _, a := range d.Advice {
		out.Advice = append(out.Advice, report.Advice{ID: a.ID, What: a.What, Code: a.Code})
	}
	return out
}
