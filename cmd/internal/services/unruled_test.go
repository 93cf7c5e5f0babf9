package main

import (
	"slices"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
	"timesink/analyze/rules"
	"timesink/cmd/internal/services/backing"
	"timesink/cmd/internal/services/unruled"
	"timesink/cmd/internal/testbin"
)

// TestAnUnknownLibraryIsNamedAndARuleExplainsIt observes a service whose client
// library has no rule: its time is unknown, with a line that says how to add a
// rule, and with that rule the answer is as accurate as any.
func TestAnUnknownLibraryIsNamedAndARuleExplainsIt(t *testing.T) {
	const library = "github.com/beanstalkd/go-beanstalk"
	s := unruled.Beanstalk
	exe := testbin.BuildWith(t, *toolchain, "cmd/internal/services", tags...)
	env := backing.NewEnvironment(t, exe, peers)
	var serving Serving
	with := env.Arguments(s.Needs)
	testbin.Start(t, exe, slices.Concat([]string{"serve"}, with, []string{s.Name}), &serving)
	own, err := rules.Parse("queue/fetch=" + library)
	if err != nil {
		t.Fatal(err)
	}
	seen := look(t, exe, with, []string{s.Name}, serving)
	bare := seen.analyze(t, analyze.Options{})
	named := slices.ContainsFunc(bare.Breakdown.Warnings, func(w breakdown.Warning) bool {
		return w.Code == "unknown-library" && w.Facts.Unruled.Rule == library
	})
	e := &bare.Breakdown.Endpoints[0]
	if !named || e.Buckets[breakdown.Queue].Total != 0 || e.Buckets[breakdown.Unknown].Share < 0.05 {
		t.Errorf("without a rule: queue %d ns, unknown %.1f%%, warnings %+v", e.Buckets[breakdown.Queue].Total, 100*e.Buckets[breakdown.Unknown].Share, bare.Breakdown.Warnings)
	}
	m := seen.judge(t, []string{s.Name}, seen.analyze(t, analyze.Options{Rules: []rules.Rule{own}}))[0]
	for _, err := range m.broken {
		t.Error(err)
	}
}
