package redact_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"timesink/collect/capture"
	"timesink/collect/redact"
)

// TestAProfileKeepsPublicData compares each field of a masked profile with the
// original, masked as text.
func TestAProfileKeepsPublicData(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{})
	go pprof.Do(context.Background(), pprof.Labels("customer", "jane doe", "shard", "7", "method", "GET", "phone", "5550100", "cached", "true"), func(context.Context) {
		close(started)
		<-release
	})
	<-started
	defer close(release)
	want, err := profile.ParseData(profiled(t))
	if err != nil {
		t.Fatal(err)
	}
	want.Mapping[0].File = "/home/jane/bin/shop"
	want.Function[0].Filename = "/home/jane/src/shop/api.go"
	want.Comments = []string{"for jane@acme.example"}
	want.DocURL = "https://wiki.acme.example/profiles?of=shop"
	var packed bytes.Buffer
	if err := want.Write(&packed); err != nil {
		t.Fatal(err)
	}
	w := captured(t, capture.Manifest{}, map[string][]byte{capture.TracePart: small(), capture.GoroutineAfterPart: packed.Bytes()})
	c, items := public(t, opened(t, w.Dir()))
	r, err := c.Part(capture.GoroutineAfterPart)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := profile.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	mask := redact.New().Text
	text := func(p *profile.Profile) string {
		return strings.NewReplacer("customer:[jane doe]", "customer:[[value]]", "phone:[5550100]", "phone:[[value]]").Replace(p.String())
	}
	for line := range strings.Lines(text(want)) {
		if masked := mask(line); !strings.Contains(got.String(), masked) {
			t.Errorf("%sbecame %swhich is not in\n%s", line, masked, got)
		}
	}
	if got.DocURL != "https://[host]/profiles?[query]" || got.Comments[0] != "for [email]" || got.Mapping[0].File != "/[home]/bin/shop" {
		t.Errorf("got %q, %q and %q", got.DocURL, got.Comments, got.Mapping[0].File)
	}
	if len(got.Sample) != len(want.Sample) || len(got.Function) != len(want.Function) {
		t.Errorf("%d samples and %d functions became %d and %d", len(want.Sample), len(want.Function), len(got.Sample), len(got.Function))
	}
	if !slices.ContainsFunc(items, func(i redact.Item) bool { return i.Kind == redact.Value && i.Value == "jane doe" }) {
		t.Errorf("the label's value is not listed in %v", items)
	}
	if strings.Contains(got.String(), "jane") {
		t.Errorf("jane is still in\n%s", got)
	}
}
