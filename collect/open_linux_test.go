package collect_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"timesink/collect"
)

// A port that answers from other than the loopback interface without authentication is
// told. Linux answers at all addresses of 127.0.0.0/8, so 127.0.0.2 stands for another.
func TestAnOpenPortIsToldFromAClosedOne(t *testing.T) {
	other := []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	all := httptest.NewUnstartedServer(newMux())
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	all.Listener.Close()
	all.Listener = l
	all.Start()
	t.Cleanup(all.Close)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, target, want string }{
		{"it listens on all addresses", "127.0.0.1:" + port, "http://127.0.0.2:" + port},
		{"it is asked by a name of the loopback interface", "localhost:" + port, "http://127.0.0.2:" + port},
		{"it listens on one", serve(t, newMux()), ""},
		{"credentials are needed elsewhere", strings.Replace(serve(t, http.NotFoundHandler()), "http://", "http://me:secret@", 1), ""},
	} {
		if got := collect.OpenAt(t.Context(), target(t, tt.target), other); got != tt.want {
			t.Errorf("%s: open at %q, want %q", tt.name, got, tt.want)
		}
	}
}
