package programs

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"

	"timesink/analyze/breakdown"
)

// coredns is a DNS server. It has a main of its own, as a build with other plugins than
// the usual ones has.
var coredns = Program{
	Name: "coredns", Package: "github.com/coredns/coredns", Version: "v1.15.0",
	Own: "github.com/coredns/coredns",
	Thin: `package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/pprof"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
`,
	Start: startCoreDNS,
	Traffic: []Route{
		{Name: "whoami", Dial: dialDNS("udp", "%d.whoami.test."), Rate: 150, Clients: 2, Blocks: true,
			Endpoint: "github.com/coredns/coredns/plugin/whoami.Whoami.ServeDNS"},
		{Name: "hosts", Dial: dialDNS("tcp", "a.hosts.test."), Rate: 150, Clients: 2, Blocks: true,
			Endpoint: "github.com/coredns/coredns/plugin/hosts.Hosts.ServeDNS"},
		{Name: "cache", Dial: dialDNS("udp", "a.cache.test."), Rate: 100, Clients: 2, Blocks: true,
			Endpoint: "github.com/coredns/coredns/plugin/cache.(*Cache).ServeDNS"},
		{Name: "forward", Dial: dialDNS("udp", "%d.forward.test."), Rate: 60, Clients: 4, Blocks: true,
			Endpoint: "github.com/coredns/coredns/plugin/forward.(*Forward).ServeDNS",
			Split:    map[breakdown.Bucket]float64{breakdown.Upstream: 0.8},
			Sites:    []string{"github.com/coredns/coredns/plugin/"}},
		{Name: "metrics", Path: "/metrics", Rate: 2,
			Endpoint: "github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1"},
	},
}

func startCoreDNS(p Place) (Running, error) {
	address, metrics, debug := p.Free(), p.Free(), p.Free()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return Running{}, err
	}
	peer := p.Names(8 * time.Millisecond)
	config := filepath.Join(p.Folder, "Corefile")
	text := fmt.Sprintf("whoami.test:%s {\n\tbind 127.0.0.1\n\tprometheus %s\n\tpprof %s\n\terrors\n\twhoami\n}\n", port, metrics, debug)
	for zone, plugins := range map[string]string{
		"hosts":   "hosts {\n\t\t192.0.2.1 a.hosts.test\n\t}",
		"cache":   "cache 3600\n\tforward . " + peer,
		"forward": "forward . " + peer,
	} {
		text += fmt.Sprintf("%s.test:%s {\n\tbind 127.0.0.1\n\tprometheus %s\n\terrors\n\t%s\n}\n", zone, port, metrics, plugins)
	}
	series := map[string]Series{}
	for _, zone := range []string{"whoami", "hosts", "cache", "forward"} {
		series[zone] = Series{"coredns_dns_request_duration_seconds", []string{`zone="` + zone + `.test."`}}
	}
	base := "http://" + metrics
	return Running{
		Args:  []string{"-conf", config},
		Pprof: "http://" + debug, Base: base, Ready: base + "/metrics", Address: address,
		Count: scrape(base+"/metrics", series),
	}, os.WriteFile(config, []byte(text), 0o644)
}

// A resolver asks for one name, in which "%d" is replaced by the number of the query.
type resolver struct {
	*dns.Conn
	name string
}

func dialDNS(network, name string) func(string) (Client, error) {
	return func(address string) (Client, error) {
		conn, err := dns.Dial(network, address)
		return resolver{conn, name}, err
	}
}

func (r resolver) Send(i int) error {
	query := new(dns.Msg).SetQuestion(strings.ReplaceAll(r.name, "%d", fmt.Sprint(i)), dns.TypeA)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, _, err := new(dns.Client).ExchangeWithConnContext(ctx, query, r.Conn)
	if err != nil {
		return err
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("the answer for %s is %s", query.Question[0].Name, dns.RcodeToString[answer.Rcode])
	}
	return nil
}
