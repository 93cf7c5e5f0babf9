package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"timesink/analyze"
	"timesink/analyze/breakdown"
)

var file = flag.String("recorded", "testdata/recorded.jsonl.gz", "the recorded captures, with .gz or without")

// read returns the recorded captures of each build, in the order of time, and the
// captures of one build alone.
func read(t *testing.T) (null []*Recorded, turns map[string][]*Recorded) {
	f, err := os.Open(*file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(*file, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	turns = map[string][]*Recorded{}
	d := json.NewDecoder(bufio.NewReader(from))
	for {
		r := &Recorded{}
		if err := d.Decode(r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Round == 0 {
			null = append(null, r)
		} else {
			turns[r.Build] = append(turns[r.Build], r)
		}
	}
	return null, turns
}

// side returns captures as an analysis would.
func side(captures ...*Recorded) *breakdown.Breakdown {
	e := breakdown.Endpoint{Name: endpoint, Kind: "http/1", Series: map[int]*breakdown.Series{}}
	walls := &breakdown.Histogram{}
	var totals [breakdown.NumBuckets]int64
	b := &breakdown.Breakdown{Source: captures[0].Source}
	b.Source.Instances = len(captures)
	for i, c := range captures {
		e.Series[i] = c.Series
		e.Requests += c.Series.Requests()
		for _, b := range c.Series.Blocks {
			e.Wall.Total += b.Wall
			for _, w := range b.Walls {
				walls.Record(w)
			}
			for k, t := range b.Buckets {
				totals[k] += t
			}
		}
		b.Captures = append(b.Captures, c.Capture)
	}
	e.Wall.Mean, e.Wall.Hist = e.Wall.Total/e.Requests, walls
	for k, t := range totals {
		e.Buckets = append(e.Buckets, breakdown.BucketTime{Bucket: breakdown.Bucket(k), Total: t, Mean: t / e.Requests})
	}
	b.Endpoints = []breakdown.Endpoint{e}
	return b
}

// gates are those of which false alarms are counted: the mean, a percentile, and a bucket.
var gates = []string{"mean > +10%", "p95 > +15%", "cpu mean > +10%"}

// compare compares two sides. noise may be nil.
func compare(t *testing.T, before, after, noise []*Recorded, conditions ...string) *breakdown.Comparison {
	var o analyze.CompareOptions
	for _, text := range conditions {
		g, err := analyze.ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		o.Gates = append(o.Gates, g)
	}
	if noise != nil {
		o.Noise = side(noise...)
	}
	c, err := analyze.Changes(side(before...), side(after...), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	return c
}

// broken reports whether any gate is broken.
func broken(c *breakdown.Comparison) bool {
	for _, g := range c.Gates {
		if g.Outcome == breakdown.GateBroken {
			return true
		}
	}
	return false
}
