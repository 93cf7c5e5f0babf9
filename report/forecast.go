package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"timesink/analyze/breakdown"
)

// savesUpTo says what fixing the cause of a finding saves at most, and how that came about.
func savesUpTo(f *breakdown.Finding) string {
	text := fmt.Sprintf("saves up to %s per request", duration(f.SavesUpTo))
	switch {
	case f.SavesBy == breakdown.ByReplay && f.SavesUpTo <= 0:
		text = "saves nothing in a replay of the requests"
	case f.SavesBy == breakdown.ByReplay && f.Forecast != nil:
		text += ": " + foreseenText(f.Forecast, f.Facts.Time(breakdown.FactWall), "")
	case f.SavesBy == breakdown.ByArithmetic:
		text += ", by arithmetic"
	}
	if len(f.SharesWith) > 0 {
		text += ", in part the same time as others here"
	}
	return text
}

// saves reports whether there is something to say about what a finding saves.
func saves(f *breakdown.Finding) bool {
	return f.SavesUpTo > 0 || f.SavesBy == breakdown.ByReplay
}

// foreseenText returns what a mean wall time becomes: "109 → 38 ms in a replay", and how true
// such predictions were, if that is given. If other systems would be asked for more at once, it
// has two ends.
func foreseenText(f *breakdown.Forecast, wall int64, measured string) string {
	if wall <= 0 {
		wall = f.Mean.Before
	}
	after := changedBy(wall, f.Mean.Share())
	unit := scaleOf(max(wall, after))
	text := unit.change(wall, after) + " in a replay" + measured
	if l := limitedShare(f); l != nil {
		text += ", or " + unit.short(changedBy(wall, *l)) + " if others do not keep their pace"
	}
	return text
}

// limitedShare returns the change of the mean if other systems do not keep their pace, nil
// if that makes no difference.
func limitedShare(f *breakdown.Forecast) *float64 {
	l := f.Mean.Limited
	if l == nil || float64(magnitude(*l-f.Mean.After)) <= twoEnds*float64(f.Mean.Before) {
		return nil
	}
	share := float64(*l-f.Mean.Before) / float64(max(1, f.Mean.Before))
	return &share
}

func changedBy(ns int64, share float64) int64 { return max(0, ns+int64(share*float64(ns))) }

// making returns changes as what one does: "making the calls at main.fetch at once".
func making(changes []breakdown.PlannedChange) string {
	var texts []string
	for i := range changes {
		texts = append(texts, makingOne(&changes[i]))
	}
	return list(texts)
}

func makingOne(c *breakdown.PlannedChange) string {
	at := placeName(c.At)
	switch c.Change {
	case "scale":
		if c.Factor == 0 {
			var b breakdown.Bucket
			if b.UnmarshalText([]byte(c.At)) == nil {
				return "removing the time in " + at
			}
			return "removing the time at " + at
		}
		return fmt.Sprintf("making %s take %v times as long", at, c.Factor)
	case "concurrent":
		return "making the calls at " + at + " at once"
	case "once":
		return "making one call at " + at
	case "reuse-connections":
		if at != "" {
			return "reusing the connections for " + at
		}
		return "reusing connections"
	case "procs":
		return fmt.Sprintf("using %s", counted(int64(c.Number), "processor", "processors"))
	case "pool":
		return fmt.Sprintf("a pool of %s for %s", counted(int64(c.Number), "connection", "connections"), at)
	case "workers":
		return fmt.Sprintf("%s at %s", counted(int64(c.Number), "worker", "workers"), at)
	case "no-lock":
		return "removing the lock at " + at
	case "rate":
		return fmt.Sprintf("%v times as many requests", c.Factor)
	}
	return c.Change + " " + at
}

// placeName returns the place of a change for running text: a bucket, a function or a line.
func placeName(at string) string {
	var b breakdown.Bucket
	switch i := strings.LastIndexByte(at, ':'); {
	case at == "":
		return ""
	case b.UnmarshalText([]byte(at)) == nil:
		return b.Info().Spoken
	case i > 0 && strings.HasSuffix(at[:i], ".go"):
		return shorten(clean(baseOf(at[:i])+at[i:]), 40)
	}
	return shorten(function(at), 50)
}

// capitalized returns text with its first letter in upper case.
func capitalized(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:]
}
