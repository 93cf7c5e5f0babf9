//go:build whole

package queue

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"timesink/analyze"
	"timesink/collect/capture"
)

// TestABrokersMessagesAreUnits compares the units of a broker in this process with its
// own counter of the messages that it received.
func TestABrokersMessagesAreUnits(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not accept connections")
	}
	connect := func() *nats.Conn {
		conn, err := nats.Connect(s.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	from, to := connect(), connect()
	came := make(chan bool)
	if _, err := to.Subscribe("shop", func(*nats.Msg) { came <- true }); err != nil {
		t.Fatal(err)
	}
	if err := to.Flush(); err != nil {
		t.Fatal(err)
	}
	before := received(t, s)
	var data bytes.Buffer
	if err := trace.Start(&data); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if err := from.Publish("shop", []byte("hello")); err != nil {
			t.Error(err)
		}
		<-came
	}
	trace.Stop()
	messages := received(t, s) - before
	path := filepath.Join(t.TempDir(), capture.TracePart)
	if err := os.WriteFile(path, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := analyze.Captures(t.Context(), []*capture.Capture{c}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Endpoints {
		e := &b.Endpoints[i]
		if !strings.HasSuffix(e.Name, "server.(*client).readLoop") {
			continue
		}
		if e.Kind != "nats" || e.Requests < messages-messages/50 || e.Requests > messages+messages/50+2 {
			t.Errorf("%d units of kind %q, %d messages", e.Requests, e.Kind, messages)
		}
		return
	}
	t.Errorf("the broker's loop is no endpoint: %d others", len(b.Endpoints))
}

// received returns how many messages the broker has received from clients.
func received(t *testing.T, s *server.Server) int64 {
	v, err := s.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v.InMsgs
}
