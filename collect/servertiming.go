package collect

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"timesink/collect/capture"
)

// Server-Timing headers (W3C Server Timing) state durations in milliseconds:
//
//	Server-Timing: db;dur=53.2, cache;desc="Cache Read";dur=23.2
//
// There may be several headers, and several metrics in each. What is damaged is ignored:
// it is another program's text.

const (
	serverTiming = "Server-Timing"

	// The bounds of what is read of them, in bytes. Longer names are of no use to a
	// reader; a longer description is cut.
	maxTimingHeader = 16 << 10
	maxTimingName   = 64
	maxTimingText   = 128
)

// serverTiming returns the metrics of an answer. It ignores trailers, in which Go repeats
// the header's.
func (b *prober) serverTiming(h http.Header) []capture.ServerTiming {
	list := parseServerTiming(h.Values(serverTiming))
	for i := range list {
		list[i].Name, list[i].Description = b.scrub.text(list[i].Name), b.scrub.text(list[i].Description)
	}
	return list
}

// parseServerTiming returns the metrics in headers, at most capture.MaxServerTimings.
func parseServerTiming(headers []string) (list []capture.ServerTiming) {
	left := maxTimingHeader
	for _, text := range headers {
		text = text[:min(len(text), left)]
		left -= len(text)
		for rest := text; rest != "" && len(list) < capture.MaxServerTimings; {
			var metric string
			metric, rest = cutUnquoted(rest, ',')
			if m, ok := parseMetric(metric); ok {
				list = append(list, m)
			}
		}
	}
	return list
}

// parseMetric parses one metric: name *(";" parameter).
func parseMetric(text string) (m capture.ServerTiming, ok bool) {
	name, rest := cutUnquoted(text, ';')
	m.Name = strings.Trim(name, " \t")
	if !isToken(m.Name) || len(m.Name) > maxTimingName {
		return m, false
	}
	seen := map[string]bool{}
	for rest != "" {
		var parameter string
		parameter, rest = cutUnquoted(rest, ';')
		key, value, _ := strings.Cut(parameter, "=")
		key = strings.ToLower(strings.Trim(key, " \t"))
		if seen[key] {
			continue // the first one counts
		}
		seen[key] = true
		value, ok := parseValue(strings.Trim(value, " \t"))
		switch {
		case key == "dur":
			ms, err := strconv.ParseFloat(value, 64)
			if !ok || err != nil || !(ms >= 0) || ms > float64(capture.MaxServerTiming/int64(time.Millisecond)) {
				return m, false // without its time a metric says nothing true
			}
			m.Duration = int64(math.Round(ms * float64(time.Millisecond)))
		case key == "desc" && ok:
			m.Description = strings.ToValidUTF8(value[:min(len(value), maxTimingText)], "")
		}
	}
	return m, true
}

// parseValue returns the value of a parameter, a token or a quoted string; ok is false if
// it is neither.
func parseValue(text string) (value string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return text, isToken(text)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), i == len(text)-1
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), false
}

// cutUnquoted cuts a text at the first sep outside of a quoted string.
func cutUnquoted(text string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// isToken reports whether a text is a token of HTTP (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return text != ""
}
