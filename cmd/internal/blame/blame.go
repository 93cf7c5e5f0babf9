// Package blame reads whom the last line of an answer blames: which other system, and for
// how much of a request's time. Only tests import it.
package blame

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"timesink/analyze/breakdown"
)

// A Claim is a sentence that gives a part of the time to another system.
type Claim struct {
	Text  string
	Share float64 // in percent of a request's wall time, as the sentence says; 0 if it says none
	// UpTo is the larger figure of a range, with CPU that is the system's work, or Share.
	UpTo float64
	Most bool // it says that most time is this system's
}

var (
	waiting = regexp.MustCompile(`[Mm]ost time(?: there)? is spent waiting for [^.]*`)
	saving  = regexp.MustCompile(`(?:A free|Free|Instant answers from) [^()]*would save [^()]*\((?:([\d.]+)% to )?([\d.]+)%\)`)
	ours    = regexp.MustCompile(`^Free (?:CPU|processors)`)
)

// Of returns the claims of a last line.
func Of(text string) (list []Claim) {
	text = strings.Join(strings.Fields(text), " ")
	for _, s := range waiting.FindAllString(text, -1) {
		if !strings.Contains(s, "the service's own pool") {
			list = append(list, Claim{Text: s, Most: true})
		}
	}
	for _, m := range saving.FindAllStringSubmatch(text, -1) {
		most, err := strconv.ParseFloat(m[2], 64)
		if err != nil || ours.MatchString(m[0]) {
			continue
		}
		least, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			least = most
		}
		list = append(list, Claim{Text: m[0], Share: least, UpTo: most})
	}
	return list
}

// Notable is the share of the time from which a claim blames someone.
const Notable = 10

// Blames reports whether the claim is large enough to send someone to another team.
func (c *Claim) Blames() bool { return c.Most || c.Share >= Notable }

// rounding is by how many percentage points the figures of an answer may exceed what they are made of.
const rounding = 0.5

// Unfounded returns what is wrong with the claims of an answer's last line: that no other
// system has so much of the time of the busiest endpoint after it has been asked.
func Unfounded(b *breakdown.Breakdown, text string) (faults []string) {
	e := b.Busiest()
	if e == nil || e.Wall.Mean == 0 {
		return nil
	}
	computed := 0.0
	for i := range e.Buckets {
		if t := &e.Buckets[i]; t.Bucket == breakdown.CPU {
			computed = 100 * float64(t.Mean) / float64(e.Wall.Mean)
		}
	}
	return Beyond(text, Most(e), Most(e)+computed, rounding)
}

// Most returns the time of the other system with the most of an endpoint's time after it
// has been asked, in percent of the wall time. Waiting for the service's own pool, making
// connections, filling batches, and rows that the service's own transactions hold are no
// such time.
func Most(e *breakdown.Endpoint) (percent float64) {
	for i := range e.Buckets {
		t := &e.Buckets[i]
		if !t.Bucket.External() || e.Wall.Mean == 0 {
			continue
		}
		asked := t.Mean
		for _, p := range t.Phases {
			if Ours(p.Phase) {
				asked -= p.Mean
			}
		}
		percent = max(percent, 100*float64(asked)/float64(e.Wall.Mean))
	}
	return percent
}

// Ours reports whether time in a phase of a call is no time of the system that is called.
func Ours(p breakdown.Phase) bool { return p.OwnSide() || p.Stage() == breakdown.Locked }

// Beyond returns the claims of a last line that give another system more than the most
// that any has, in percent of the wall time, or in the larger figure of a range more than
// upTo, by more than tolerance percentage points.
func Beyond(text string, most, upTo, tolerance float64) (faults []string) {
	for _, c := range Of(text) {
		if c.Share > most+tolerance || c.UpTo > upTo+tolerance || c.Most && most+tolerance < leastOfMost {
			faults = append(faults, fmt.Sprintf("%q, but no other system has more than %.1f%% of the time", c.Text, most))
		}
	}
	return faults
}

// leastOfMost is the share of the time that is most of it, in percent: where it is spread,
// the largest part is.
const leastOfMost = 40
