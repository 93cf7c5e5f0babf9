package rules

import "timesink/analyze/breakdown"

// dns are the functions in which DNS servers write to their clients, and the clients.
var dns = []Rule{
	{Func: "github.com/miekg/dns.(*response).", Bucket: breakdown.ClientIO, System: "dns"},
	{Func: "github.com/miekg/dns.(*Server).readTCP", Bucket: breakdown.ClientIO, System: "dns"},
	{Func: "github.com/miekg/dns.(*Client).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "dns", Default: true},
	{Func: "github.com/miekg/dns.(*Conn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "dns", Default: true},
}

// dnsLoops: a goroutine for each packet, or for each connection, whose queries come one
// after another.
var dnsLoops = []Loop{
	{Func: "github.com/miekg/dns.(*Server).serveUDPPacket", Role: Stream, Served: true, Kind: "dns"},
	{Func: "github.com/miekg/dns.(*Server).serveTCPConn", Role: Connection, Kind: "dns"},
	{Func: "github.com/miekg/dns.(*Server).readTCP", Role: Idle},
	{Func: "github.com/miekg/dns.(*Server).serveDNS", Served: true},
}
