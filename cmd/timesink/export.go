package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/collect/capture"
	"timesink/collect/redact"
	"timesink/collect/send"
	"timesink/report"
	"timesink/report/rows"
	"timesink/report/rows/parquet"
)

// A rowFormat is a format of tables.
type rowFormat struct {
	name   string // also the ending of its files
	writer func(w io.Writer, t rows.Table) (rows.Writer, error)
}

// rowFormats holds all formats of tables, the default first.
var rowFormats = []rowFormat{{"parquet", parquet.NewWriter}, {"ndjson", rows.NDJSON}}

func rowFormatNames() (names []string) {
	for _, f := range rowFormats {
		names = append(names, f.name)
	}
	return names
}

// exportFlags holds the flags of export.
type exportFlags struct {
	answerFlags
	output   string
	tables   []string
	service  string
	labels   []string
	noRedact bool
	schema   bool

	chosen []rows.Table
	about  rows.About
	store  send.Store
}

func (f *exportFlags) register(cmd *cobra.Command) {
	f.formats, f.usual = rowFormatNames(), rowFormats[0].name
	f.answerFlags.register(cmd)
	flags := cmd.Flags()
	flags.Lookup("top").Hidden = true // it concerns screens
	flags.StringVarP(&f.output, "output", "o", "", "write to the folder `DIR`, or to a bucket as s3://BUCKET/PREFIX")
	flags.StringSliceVar(&f.tables, "tables", nil, "write only these `tables`, joined with commas: "+strings.Join(tableNames(), ", "))
	flags.StringVar(&f.service, "service", "", "file the rows under this `name` of the service (default the label service, or the name of its executable)")
	flags.StringArrayVar(&f.labels, "label", nil, "add a label to every row: `name=value`; instance and version have columns of their own (repeatable)")
	flags.BoolVar(&f.noRedact, "no-redact", false, "keep private data: host names, query strings, user names and home directories in paths")
	flags.BoolVar(&f.schema, "schema", false, "print the JSON Schema of the tables")
	completeFlag(cmd, "tables", cobra.FixedCompletions(tableNames(), cobra.ShellCompDirectiveNoFileComp))
}

func tableNames() (names []string) {
	for _, t := range rows.Tables() {
		names = append(names, string(t))
	}
	return names
}

func (f *exportFlags) check(args []string) error {
	if err := f.answerFlags.check(); err != nil {
		return err
	}
	switch {
	case f.schema:
		return nil
	case len(args) == 0:
		return errNoFile
	case f.output == "":
		return usage("no place to write the rows to", "name a folder or a bucket with -o: timesink export case.zip -o rows")
	}
	f.chosen = rows.Tables()
	if len(f.tables) > 0 {
		f.chosen = nil
	}
	for _, name := range f.tables {
		if !slices.Contains(tableNames(), name) {
			return usagef("give some of "+strings.Join(tableNames(), ", "), "there is no table %q", name)
		}
		f.chosen = append(f.chosen, rows.Table(name))
	}
	var err error
	if f.about.Labels, err = labelsOf(f.labels); err != nil {
		return err
	}
	f.about.Service = f.service
	if f.store, err = send.OpenStore(f.output); err != nil {
		return usageError{err}
	}
	return nil
}

// labelsOf parses labels as given on the command line.
func labelsOf(given []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("write it as name=value", "--label %q has no value", text)
		}
		labels[name] = value
	}
	return labels, nil
}

func (t *tool) exportCommand() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export FILE…",
		Short: "Write rows for engines such as DuckDB and ClickHouse: one for each request",
		Long: `Export writes tables for engines that query many captures at once: which instance is
odd, which call site got slower between versions, how a quantile moved over weeks.
FILE is a capture or a trace, as for analyze, or a folder of them; each is a case
by itself. It prints the names of the files that it wrote.

The tables are cases, requests, segments, calls, findings and samples. A table's
rows of one case are one file, TABLE/service=SERVICE/date=DATE/CASE.FORMAT, which
engines read as partitions. The same case gives the same file, byte for byte, so
exporting it again changes nothing. Rows of complete requests sum to exactly what
the report says. Private data is masked, as in a report.

A bucket is s3://BUCKET/PREFIX, with ?endpoint=URL for another server than Amazon's.
Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from
~/.aws/credentials.`,
		Example: `  timesink export case.zip -o rows
  timesink export captures/ -o rows --service checkout --label version=1.4.2
  timesink export case.zip -f ndjson --tables cases,requests -o rows
  timesink export captures/ -o 's3://evidence/rows?endpoint=http://minio:9000'`,
		Args:              func(_ *cobra.Command, args []string) error { return flags.check(args) },
		ValidArgsFunction: completeCaptures(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.schema {
				_, err := t.stdout.Write(rows.JSONSchema())
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return t.export(ctx, args, &flags)
		},
	}
	flags.register(cmd)
	return cmd
}

// export writes the rows of each capture. One that fails does not stop the others, unless
// the rows cannot be stored.
func (t *tool) export(ctx context.Context, args []string, flags *exportFlags) error {
	var files []string
	for _, arg := range args {
		list, err := filesIn(arg)
		if err != nil {
			return err
		}
		files = append(files, list...)
	}
	failed := 0
	for _, file := range files {
		err := t.exportOne(ctx, file, flags)
		if err == nil {
			continue
		}
		if stored := (*storeError)(nil); len(files) == 1 || ctx.Err() != nil || errors.As(err, &stored) {
			return err
		}
		failed++
		fmt.Fprintf(t.stderr, "%s: %s\n", oneLine(file), oneLine(err.Error()))
	}
	if failed > 0 {
		return &capture.Error{Op: "export", Err: fmt.Errorf("%d of %d captures could not be read; the others are complete", failed, len(files)), Hint: "timesink analyze FILE says more about each"}
	}
	return nil
}

// filesIn returns the captures that an argument names, which may be a folder.
func filesIn(arg string) ([]string, error) {
	if arg == "-" || strings.Contains(arg, ",") {
		return []string{arg}, nil
	}
	return filesOf(arg)
}

// A storeError is an error of the store, which the next capture would meet as well.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// exportOne writes the rows of one capture.
func (t *tool) exportOne(ctx context.Context, file string, flags *exportFlags) error {
	c, err := t.open(file)
	if err != nil {
		return err
	}
	defer c.Close()
	opts := flags.options()
	boundHeap(opts.Memory)
	begin := time.Now()
	list, b, err := analyze.NewListing(ctx, []*capture.Capture{c}, opts)
	if err != nil {
		return err
	}
	var mask func(string) string
	if !flags.noRedact {
		mask = redact.New(c.Manifest()).Text
		b, _ = report.Redacted(b, nil, mask)
	}
	e := &exporting{maker: rows.NewMaker(b, aboutOf(c, flags.about), executableOf(c), mask, flags.chosen...)}
	defer e.discard()
	if err := e.create(ctx, flags); err != nil {
		return err
	}
	if err := e.fill(ctx, list); err != nil {
		return err
	}
	t.log().Info("exported", "file", file, "rows", e.count, "bytes", e.bytes(), "took", time.Since(begin))
	return e.commit(ctx, t.stdout)
}

// aboutOf returns what is known of a capture's instance: what was given, and what the
// capture says.
func aboutOf(c *capture.Capture, given rows.About) rows.About {
	about := rows.About{Service: given.Service, Labels: map[string]string{}}
	if m := c.Manifest(); m != nil {
		about.Instance = m.Instance
		for _, l := range m.Labels {
			about.Labels[l.Name] = l.Value
		}
	}
	maps.Copy(about.Labels, given.Labels)
	if name := given.Labels["instance"]; name != "" {
		about.Instance = name
	}
	return about
}

// executableOf returns the path of the service's executable, "" if it is not known.
func executableOf(c *capture.Capture) string {
	if m := c.Manifest(); m != nil {
		return m.Service.Binary
	}
	return ""
}

// An exporting is the files of one case while they are written.
type exporting struct {
	maker   *rows.Maker
	batch   rows.Batch
	files   []*send.File
	names   []string
	writers []rows.Writer
	count   int64
}

func (e *exporting) create(ctx context.Context, flags *exportFlags) error {
	format := rowFormats[slices.IndexFunc(rowFormats, func(f rowFormat) bool { return f.name == flags.format })]
	for _, table := range flags.chosen {
		name := e.maker.Path(table, format.name)
		f, err := flags.store.Create(ctx, name)
		if err != nil {
			return &storeError{err}
		}
		e.files, e.names = append(e.files, f), append(e.names, name)
		w, err := format.writer(f, table)
		if err != nil {
			return err
		}
		e.writers = append(e.writers, w)
	}
	return nil
}

// batchRows is how many rows are made before they are written.
const batchRows = 4096

// fill writes all rows.
func (e *exporting) fill(ctx context.Context, list *analyze.Listing) error {
	e.maker.Case(&e.batch)
	err := list.Each(ctx, func(r *breakdown.Listed) error {
		e.maker.Request(r, &e.batch)
		if e.batch.Len() < batchRows {
			return nil
		}
		return e.flush()
	})
	if err == nil {
		err = e.flush()
	}
	for _, w := range e.writers {
		if err == nil {
			err = e.written(w.Close())
		}
	}
	return err
}

func (e *exporting) flush() error {
	e.count += int64(e.batch.Len())
	for _, w := range e.writers {
		if err := w.Write(&e.batch); err != nil {
			return e.written(err)
		}
	}
	e.batch.Reset()
	return nil
}

// written returns the error for a write that failed.
func (e *exporting) written(err error) error {
	if err == nil {
		return nil
	}
	hint := "check the disk of the folder"
	if capture.IsDiskFull(err) {
		hint = "free some space, or write to another disk with -o; rows go to a bucket by way of $TMPDIR"
	}
	return &storeError{&capture.Error{Op: "write the rows", Err: capture.Plain(err), Hint: hint}}
}

func (e *exporting) bytes() (sum int64) {
	for _, f := range e.files {
		sum += f.Size()
	}
	return sum
}

// commit puts the files into the store, that of the cases last: a case that is listed
// there is complete.
func (e *exporting) commit(ctx context.Context, stdout io.Writer) error {
	for _, last := range []bool{false, true} {
		for i, f := range e.files {
			if strings.HasPrefix(e.names[i], string(rows.Cases)+"/") != last {
				continue
			}
			if _, err := f.Commit(ctx); err != nil {
				return &storeError{err}
			}
		}
	}
	for _, name := range e.names {
		if _, err := fmt.Fprintln(stdout, oneLine(name)); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporting) discard() {
	for _, f := range e.files {
		f.Discard()
	}
}
