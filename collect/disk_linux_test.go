package collect_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"timesink/collect"
	"timesink/collect/capture"
	"timesink/collect/capture/capturetest"
)

func TestADiskThatFillsUpEndsTheWindow(t *testing.T) {
	wake(t)
	path := filepath.Join(capturetest.SmallDisk(t, "400m"), "case.zip")
	cfg := short(t, serve(t, newMux()))
	cfg.Window = time.Minute
	cfg.Reserve = 399 << 20
	m, err := collect.Run(context.Background(), cfg, path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Window.Ended != capture.EndedDisk || len(m.Warnings) != 2 {
		t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	readTrace(t, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskKeepsTheCollectedData(t *testing.T) {
	wake(t)
	path := filepath.Join(capturetest.SmallDisk(t, "256k"), "case.zip")
	cfg := short(t, serve(t, newMux()))
	cfg.Window = time.Minute
	cfg.Reserve = 1
	m, err := collect.Run(context.Background(), cfg, path)
	switch {
	case err == nil: // the watch noticed it in time to write the file
		if m.Window.Ended != capture.EndedDisk {
			t.Errorf("ended %s, warnings %v", m.Window.Ended, m.Warnings)
		}
	case errors.Is(err, capture.ErrDiskFull):
		checkError(t, err, capture.ErrDiskFull, "no space left", path+capture.PartialSuffix)
	default:
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	readTrace(t, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
