package main

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"timesink/collect/capture"
)

// Set by builds that know them better than the go command does:
//
//	go build -ldflags "-X main.version=v1.2.3 -X main.commit=0123abc" ./cmd/timesink
var version, commit string

// thisTool returns the version and commit of this binary.
func thisTool() capture.Tool {
	tool := capture.Tool{Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		tool.Version = cmp.Or(tool.Version, "devel")
		return tool
	}
	if v := info.Main.Version; v != "(devel)" {
		tool.Version = cmp.Or(tool.Version, v)
	}
	tool.Version = cmp.Or(tool.Version, "devel")
	if commit == "" {
		tool.Commit = revision(info.Settings)
	}
	return tool
}

// revision returns the commit that the go command built, with "+changes" if the work
// tree was modified.
func revision(settings []debug.BuildSetting) string {
	revision, modified := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision[:min(len(revision), 12)] + modified
}

func versionLine() string {
	tool := thisTool()
	return fmt.Sprintf("timesink %s (commit %s)", tool.Version, cmp.Or(tool.Commit, "unknown"))
}
