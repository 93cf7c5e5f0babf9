package engines

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

const collectorConfig = `
receivers:
  otlp:
    protocols:
      http:
        endpoint: %s
exporters:
  file:
    path: %s
    format: json
service:
  telemetry:
    metrics:
      level: none
    logs:
      level: error
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [file]
`

// collect runs a collector until stop is called, which waits until it has written all that
// it took.
func collect(t *testing.T, address, file string) (stop func()) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, collectorConfig, address, file), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Version: "test"},
		Factories: func() (f otelcol.Factories, err error) {
			if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
				return f, err
			}
			f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](fileexporter.NewFactory())
			f.Telemetry = otelconftelemetry.NewFactory()
			return f, err
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{config}, ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
		}},
		DisableGracefulShutdown: true, // signals are the test's
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.WithoutCancel(t.Context())) }()
	for c.GetState() != otelcol.StateRunning {
		select {
		case err := <-ended:
			t.Fatalf("the collector ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			c.Shutdown()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// freeAddress returns an address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ids returns the IDs of the spans in messages, sorted.
func ids(messages ...ptrace.Traces) (list []string) {
	for _, m := range messages {
		for _, r := range m.ResourceSpans().All() {
			for _, s := range r.ScopeSpans().All() {
				for _, span := range s.Spans().All() {
					list = append(list, fmt.Sprintf("%s %s %s %d %d %v", span.TraceID(), span.SpanID(), span.Name(), span.StartTimestamp(), span.EndTimestamp(), span.Attributes().AsRaw()))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// written returns the messages that a collector wrote to a file.
func written(t *testing.T, file string) (list []ptrace.Traces) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 256<<20)
	for lines.Scan() {
		m, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// reported returns the traces that the report has of a capture.
func reported(t *testing.T, file string) ptrace.Traces {
	t.Helper()
	m, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces([]byte(timesink(t, "report", file, "-f", "otlp-proto")))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// push pushes a capture to a collector and returns the exit code and standard error.
func push(t *testing.T, file, address, spool string) (code int, said string) {
	t.Helper()
	cmd := exec.Command(tool, "report", file, "-o", filepath.Join(t.TempDir(), "report.json"),
		"--push", "otlp=http://"+address, "--spool", spool, "--push-patience", "1s")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// A collector takes the traces, and its file has every span as the report has it. Pushing
// again gives the same spans. What is pushed while the collector is down is kept, and comes
// with the next push.
func TestCollector(t *testing.T) {
	address, file, spool := freeAddress(t), filepath.Join(t.TempDir(), "traces.json"), filepath.Join(t.TempDir(), "spool")
	first, second := filepath.Join(recorded, "four-calls.zip"), filepath.Join(recorded, "query-per-item.zip")
	code, said := push(t, first, address, spool)
	if code != 0 || !strings.Contains(said, "kept ") {
		t.Fatalf("pushing without a collector: exit code %d: %s", code, said)
	}
	stop := collect(t, address, file)
	if code, said := push(t, second, address, spool); code != 0 || strings.Contains(said, "warning") {
		t.Fatalf("exit code %d: %s", code, said)
	}
	stop()
	want := ids(reported(t, first), reported(t, second))
	if got := ids(written(t, file)...); len(want) < 100 || !slices.Equal(got, want) {
		t.Fatalf("the collector wrote %d spans, the reports have %d", len(got), len(want))
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("the spool still holds %v: %v", left, err)
	}
	again := filepath.Join(t.TempDir(), "again.json")
	stop = collect(t, address, again)
	if code, said := push(t, second, address, spool); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	stop()
	if got := ids(written(t, again)...); !slices.Equal(got, ids(reported(t, second))) {
		t.Errorf("pushing again gave %d other spans", len(got))
	}
	t.Logf("%d spans were written by the collector, and read back as the reports have them", len(want))
}
