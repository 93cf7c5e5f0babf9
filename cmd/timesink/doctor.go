package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"timesink/collect"
	"timesink/collect/capture"
)

func (t *tool) doctorCommand() *cobra.Command {
	var access accessFlags
	var format formatFlag
	var output outputFlag
	var window time.Duration
	cmd := &cobra.Command{
		Use:   "doctor TARGET",
		Short: "Say what a service lets us see, and how to see more",
		Long: `Doctor asks a service what it would let run see: whether it can be reached, its Go
version, which endpoints answer and with what, whether a trace is running already,
whether the server's write timeout cuts the window, and which rates are on. It says
what would improve the answer, with the lines of code to add. It does no harm: it
traces for 0.05 s.

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
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := access.target(args[0])
			if err != nil {
				return err
			}
			d, err := collect.Doctor(cmd.Context(), collect.Config{Target: target, Window: window, Tool: thisTool(), Log: t.log()})
			if err != nil {
				return err
			}
			err = output.to(t.stdout, func(w io.Writer) error {
				if format.format == "json" {
					return diagnosisJSON(w, d)
				}
				return diagnosisText(w, d)
			})
			if err != nil {
				return err
			}
			return d.Err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().DurationVarP(&window, "duration", "d", collect.DefaultWindow, "the window to ask about")
	format.register(cmd)
	output.register(cmd)
	access.register(cmd)
	return cmd
}

// diagnosisSchema names the JSON form of a diagnosis.
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

// diagnosisText writes a diagnosis for people: what the service is, what answers,
// what would help, and in the last line whether a run would succeed.
func diagnosisText(w io.Writer, d *collect.Diagnosis) error {
	var page strings.Builder
	wide := min(max(columns(w), fallbackColumns), 140)
	fmt.Fprintln(&page, strings.Join(serviceFacts(d), "   "))
	fmt.Fprintln(&page)
	if err := endpointTable(&page, d.Service.Endpoints, wide); err != nil {
		return err
	}
	if len(d.Advice) > 0 {
		fmt.Fprintln(&page, "\nWhat would improve the answer")
	}
	for i, a := range d.Advice {
		fmt.Fprintln(&page, hanging(fmt.Sprintf("  %d. ", i+1), a.What, wide))
		for line := range strings.Lines(a.Code) {
			fmt.Fprintf(&page, "         %s\n", oneLine(strings.TrimSuffix(line, "\n")))
		}
	}
	fmt.Fprintln(&page)
	fmt.Fprintln(&page, hanging("", verdict(d), wide))
	_, err := io.WriteString(w, page.String())
	return err
}

func serviceFacts(d *collect.Diagnosis) []string {
	s := &d.Service
	facts := []string{oneLine(d.Target)}
	if s.GoVersion != "" {
		facts = append(facts, oneLine(s.GoVersion))
	}
	if s.GOMAXPROCS > 0 {
		facts = append(facts, fmt.Sprintf("GOMAXPROCS %d", s.GOMAXPROCS))
	}
	if s.Goroutines > 0 {
		facts = append(facts, fmt.Sprintf("%d goroutines", s.Goroutines))
	}
	return facts
}

// endpointTable lists what each endpoint answered.
func endpointTable(w io.Writer, endpoints []capture.Endpoint, wide int) error {
	const noteColumn = 2 + 10 + 2 + 3 + 2 + 8 + 2
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, e := range endpoints {
		ok := "ok"
		if !e.OK {
			ok = "no"
		}
		took := ""
		if e.Took > 0 {
			took = fmt.Sprintf("%6.1f ms", float64(e.Took)/1e6)
		}
		for i, line := range wrap(oneLine(e.Note), wide-noteColumn) {
			if i > 0 {
				fmt.Fprintf(tab, "  \t\t\t%s\n", line)
			} else {
				fmt.Fprintf(tab, "  %s\t%s\t%s\t%s\n", oneLine(e.Name), ok, took, line)
			}
		}
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	return nil
}

func verdict(d *collect.Diagnosis) string {
	if d.Err != nil {
		return fmt.Sprintf("Not ready: timesink run %s would fail now.", oneLine(d.Target))
	}
	window := d.Asked
	if d.Longest > 0 {
		window = min(window, d.Longest)
	}
	text := fmt.Sprintf("Ready: timesink run %s can look for %.1f s", oneLine(d.Target), time.Duration(window).Seconds())
	if window < d.Asked {
		text += fmt.Sprintf(", not for %.1f s: the server's write timeout forbids more", time.Duration(d.Asked).Seconds())
	}
	return text + "."
}

// hanging is text behind a head, its further lines indented below it.
func hanging(head, text string, wide int) string {
	indent := utf8.RuneCountInString(head)
	return head + strings.Join(wrap(oneLine(text), wide-indent), "\n"+strings.Repeat(" ", indent))
}

// wrap breaks text between words into lines of at most wide characters, if its
// words let it. There is always one line.
func wrap(text string, wide int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= wide:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
