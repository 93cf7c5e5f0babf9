package server

import (
	"context"
	"net"
	"net/http"

	"github.com/miekg/dns"

	"timesink/cmd/internal/load"
	"timesink/cmd/internal/services/scenario"
)

// DNS lists the scenarios of DNS servers.
var DNS = []scenario.Scenario{
	serving("miekg/dns over UDP", scenario.Server{Listen: listenDNS("udp"), Dial: dialDNS("udp")}, "dns", "(*zone).ServeDNS"),
	serving("miekg/dns over TCP", scenario.Server{Listen: listenDNS("tcp"), Dial: dialDNS("tcp")}, "dns", "(*zone).ServeDNS"),
}

// A zone answers every query.
type zone struct{ do func(context.Context) error }

func (z *zone) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	answer := new(dns.Msg).SetReply(query)
	if z.do(context.Background()) != nil {
		answer.Rcode = dns.RcodeServerFailure
	}
	w.WriteMsg(answer)
}

func listenDNS(network string) func(context.Context, scenario.Env, func(context.Context) error) (string, error) {
	return func(ctx context.Context, _ scenario.Env, do func(context.Context) error) (address string, err error) {
		s := &dns.Server{Net: network, Handler: &zone{do}}
		if network == "udp" {
			if s.PacketConn, err = net.ListenPacket("udp", "127.0.0.1:0"); err == nil {
				address = s.PacketConn.LocalAddr().String()
			}
		} else if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			address = s.Listener.Addr().String()
		}
		if err != nil {
			return "", err
		}
		go s.ActivateAndServe()
		context.AfterFunc(ctx, func() { s.Shutdown() })
		return address, nil
	}
}

func dialDNS(network string) func(scenario.Env, string) load.Session {
	return func(_ scenario.Env, address string) load.Session {
		return &resolver{client: dns.Client{Net: network}, address: address}
	}
}

// A resolver sends queries on one connection.
type resolver struct {
	client  dns.Client
	address string
	conn    *dns.Conn
}

func (r *resolver) Get(ctx context.Context, _ string) (int, error) {
	if r.conn == nil {
		conn, err := r.client.DialContext(ctx, r.address)
		if err != nil {
			return 0, err
		}
		r.conn = conn
	}
	stop := context.AfterFunc(ctx, func() { r.conn.Close() })
	defer stop()
	answer, _, err := r.client.ExchangeWithConnContext(ctx, new(dns.Msg).SetQuestion("shop.example.", dns.TypeA), r.conn)
	if err != nil {
		return 0, err
	}
	if answer.Rcode != dns.RcodeSuccess {
		return http.StatusInternalServerError, nil
	}
	return http.StatusOK, nil
}

func (r *resolver) Close() {
	if r.conn != nil {
		r.conn.Close()
	}
}
