package main

import (
	"testing"
	"time"

	"timesink/collect/capture"
)

func TestVersionsOfAService(t *testing.T) {
	s := capture.Service{Binary: "/srv/shop-1.4.2/bin/shop", BuildID: "ab12cd34ef", MainFile: "/go/pkg/mod/example.org/shop@v1.5.0-rc.1/main.go"}
	for text, want := range map[string]bool{"1.4.2": true, "v1.4.2": true, "1.4": false, "4.2": false, "1.5.0-rc.1": true, "1.5.0": false, "ab12": true, "ab1": false, "cd34": false, "": false} {
		if got := isVersion(&s, text); got != want {
			t.Errorf("%q is a version of it: %v", text, got)
		}
	}
	if isVersion(&capture.Service{Binary: "/srv/shop"}, "1.4.2") {
		t.Error("a service without a version has one")
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{"36h": 36 * time.Hour, "7d": 7 * 24 * time.Hour, "0.5d": 12 * time.Hour, "2w": 14 * 24 * time.Hour} {
		var a age
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%s is %v, %v", text, time.Duration(a), err)
		}
	}
	for _, text := range []string{"", "7", "-1d", "d", "0h", "NaNd"} {
		if new(age).Set(text) == nil {
			t.Errorf("%q is an age", text)
		}
	}
}
