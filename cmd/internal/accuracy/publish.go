package accuracy

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"timesink/analyze/breakdown"
)

// Published returns an error unless the file has the table between its marks.
func Published(path, name, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte("<!-- "+name+" -->\n\n"+table+"\n<!-- /"+name+" -->\n")) {
		return fmt.Errorf("%s: the table %s differs from the measured one:\n%s", path, name, table)
	}
	return nil
}

// Publish writes a table into a Markdown file, between the marks with its name:
//
//	<!-- name -->
//	<!-- /name -->
func Publish(path, name, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	from, to := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := bytes.Cut(text, []byte(from))
	_, after, ok2 := bytes.Cut(rest, []byte(to))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks for the table %s", path, name)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s\n%s\n%s%s", before, from, table, to, after)
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// Markdown formats the table of Report with a line for each scenario. Each pair is the
// service's value, then the tool's, in ms per request.
func Markdown(rows []Row) string {
	var b strings.Builder
	b.WriteString("| scenario | requests | wall | where | worst | unknown | cut, unknown |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		var where []string
		for bucket, p := range r.Measured {
			if p.Service == 0 {
				continue
			}
			name := breakdown.Bucket(bucket).String()
			if r.Estimated && breakdown.Bucket(bucket) <= breakdown.Upstream {
				name += " (estimated)"
			}
			var phases []string
			for phase := range breakdown.NumPhases {
				if p := r.Phases[Phase{breakdown.Bucket(bucket), phase}]; p.Service > 0 {
					phases = append(phases, fmt.Sprintf("%s %s, %s", phase, ms(p.Service), ms(p.Tool)))
				}
			}
			if len(phases) > 1 { // a single one would repeat the bucket
				name += " (" + strings.Join(phases, "; ") + ")"
			}
			where = append(where, fmt.Sprintf("%s %s, %s", name, ms(p.Service), ms(p.Tool)))
		}
		fmt.Fprintf(&b, "| %s | %d | %s, %s | %s | %+.2f%% | %.2f%% | %.2f%% |\n", r.Scenario, r.Requests, ms(r.Wall.Service), ms(r.Wall.Tool),
			strings.Join(where, "; "), 100*r.WorstShare(), 100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1)), 100*r.Cut.UnknownShare())
	}
	return b.String()
}

// A Column is a bucket or a phase in a Grid.
type Column struct {
	Title  string
	Bucket breakdown.Bucket
	Phase  breakdown.Phase // NoPhase for all of the bucket
}

// Grid formats a table with a line for each row and a column for each bucket or phase.
// Cells that a service did not measure are empty. If clients is set, it adds the time
// that the clients saw.
func Grid(title string, rows []Row, clients bool, columns ...Column) string {
	var b strings.Builder
	head := []string{title, "requests", "wall"}
	if clients {
		head = append(head, "clients saw")
	}
	for _, c := range columns {
		head = append(head, c.Title)
	}
	head = append(head, "unknown")
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	both := func(p Pair) string {
		if p.Service == 0 {
			return ""
		}
		return ms(p.Service) + ", " + ms(p.Tool)
	}
	for i := range rows {
		r := &rows[i]
		cells := []string{r.Scenario, fmt.Sprint(r.Requests), both(r.Wall)}
		if clients {
			cells = append(cells, ms(r.Client))
		}
		for _, c := range columns {
			p := r.Measured[c.Bucket]
			if c.Phase != breakdown.NoPhase {
				p = r.Phases[Phase{c.Bucket, c.Phase}]
			}
			cells = append(cells, both(p))
		}
		cells = append(cells, fmt.Sprintf("%.2f%%", 100*float64(r.Buckets[breakdown.Unknown])/float64(max(r.Wall.Tool, 1))))
		fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(cells, " | "), "|  |", "| |"))
	}
	return b.String()
}
