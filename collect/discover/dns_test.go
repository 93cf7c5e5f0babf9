package discover_test

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"testing"

	"timesink/collect/capture"
	"timesink/collect/discover"
)

// The types of DNS records that the tests need.
const (
	typeA   = 1
	typeSRV = 33
)

// A zone maps a name and a type to the data of its records.
type zone map[string]map[uint16][][]byte

// serveDNS answers questions from a zone over UDP, and returns a resolver that asks it.
func serveDNS(t *testing.T, z zone) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := z.answer(buf[:n]); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer returns the reply to a query with one question, as RFC 1035 lays it out.
func (z zone) answer(query []byte) []byte {
	if len(query) < 12 {
		return nil
	}
	name, at := "", 12
	for query[at] != 0 {
		name += string(query[at+1:at+1+int(query[at])]) + "."
		at += 1 + int(query[at])
	}
	question := query[12 : at+5]
	kind := binary.BigEndian.Uint16(query[at+1:])
	types, known := z[strings.ToLower(name)]
	records := types[kind]
	flags := uint16(0x8180)
	if !known {
		flags |= 3 // no such name
	}
	reply := slices.Clone(query[:2])
	for _, field := range []uint16{flags, 1, uint16(len(records)), 0, 0} {
		reply = binary.BigEndian.AppendUint16(reply, field)
	}
	reply = append(reply, question...)
	for _, data := range records {
		reply = append(reply, 0xc0, 12) // the question's name
		reply = binary.BigEndian.AppendUint16(reply, kind)
		reply = binary.BigEndian.AppendUint16(reply, 1)
		reply = binary.BigEndian.AppendUint32(reply, 60)
		reply = binary.BigEndian.AppendUint16(reply, uint16(len(data)))
		reply = append(reply, data...)
	}
	return reply
}

func srv(port uint16, target string) []byte {
	data := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, port)
	for _, label := range strings.Split(target, ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	return append(data, 0)
}

func TestNamesThatResolveToMany(t *testing.T) {
	f := discover.Finder{Resolver: serveDNS(t, zone{
		"checkout.shop.svc.":             {typeA: {{10, 0, 0, 9}, {10, 0, 0, 7}, {10, 0, 0, 7}}},
		"_pprof._tcp.checkout.shop.svc.": {typeSRV: {srv(6061, "b.shop"), srv(6060, "a.shop")}},
		"nobody.shop.svc.":               {},
	})}
	zone := capture.Label{Name: "zone", Value: "a"}
	for _, c := range []struct {
		target string
		want   []string
	}{
		{"dns://checkout.shop.svc.:6060", []string{"10.0.0.7:6060 http://10.0.0.7:6060 [{zone a}]", "10.0.0.9:6060 http://10.0.0.9:6060 [{zone a}]"}},
		{"dns+https://checkout.shop.svc.:6060/internal/pprof/", []string{"10.0.0.7:6060 https://10.0.0.7:6060/internal/pprof/ [{zone a}]", "10.0.0.9:6060 https://10.0.0.9:6060/internal/pprof/ [{zone a}]"}},
		{"dns+srv://_pprof._tcp.checkout.shop.svc.", []string{"a.shop:6060 http://a.shop:6060 [{zone a}]", "b.shop:6061 http://b.shop:6061 [{zone a}]"}},
		{"dns+srv+https://_pprof._tcp.checkout.shop.svc.", []string{"a.shop:6060 https://a.shop:6060 [{zone a}]", "b.shop:6061 https://b.shop:6061 [{zone a}]"}},
	} {
		list, err := f.Target(t.Context(), c.target, zone)
		if got := shown(list); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", c.target, got, err)
		}
	}
	for target, want := range map[string]string{
		"dns://gone.shop.svc.:6060":         "no such host",
		"dns://nobody.shop.svc.:6060":       "no such host",
		"dns://checkout.shop.svc.":          "no port",
		"dns+srv://_pprof._tcp.gone.shop.":  "no such host",
		"dns+srv://name:secret@checkout:60": "no name",
		"dns://":                            "no name",
	} {
		if list, err := f.Target(t.Context(), target); err == nil || !strings.Contains(err.Error(), want) || capture.Hint(err) == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", target, shown(list), err)
		}
	}
}
