package rules

// The outer parts of a DNS server's stacks.
const (
	dnsServed  = "main.(*Zone).Answer < github.com/miekg/dns.HandlerFunc.ServeDNS < github.com/miekg/dns.(*ServeMux).ServeDNS < github.com/miekg/dns.(*Server).serveDNS < "
	dnsPacket  = "github.com/miekg/dns.(*Server).serveUDPPacket < github.com/miekg/dns.(*Server).serveUDP.gowrap2"
	dnsConn    = "github.com/miekg/dns.(*Server).serveTCPConn < github.com/miekg/dns.(*Server).serveTCP.gowrap1"
	dnsHandled = " by main.(*Zone).Answer at main.(*Zone).Answer"
)

var dnsCases = []tableCase{
	{"a packet's goroutine begins", "github.com/miekg/dns.(*Server).serveUDPPacket", "stream dns served"},
	{"a query that came in a packet waits", "time.Sleep < " + dnsServed + dnsPacket, "sleep stream dns served" + dnsHandled},
	{"a query that came in a packet is refused", "syscall.sendto < github.com/miekg/dns.(*Server).serveDNS < " + dnsPacket, "stream dns served"},
	{"an answer is sent", "internal/poll.(*FD).WriteMsg < net.(*UDPConn).WriteMsgUDP < github.com/miekg/dns.(*response).Write < github.com/miekg/dns.(*response).WriteMsg < " + dnsServed + dnsPacket,
		"client_io dns stream dns served" + dnsHandled},
	{"a connection waits for a query", netRead + " < io.ReadAtLeast < encoding/binary.Read < github.com/miekg/dns.(*Server).readTCP < github.com/miekg/dns.defaultReader.ReadTCP < " + dnsConn,
		"client_io dns idle dns"},
	{"a query on a connection waits", "time.Sleep < " + dnsServed + dnsConn, "sleep connection dns served" + dnsHandled},
	{"a query on a connection is refused", "runtime.chansend1 < github.com/miekg/dns.(*Server).serveDNS < " + dnsConn, "connection dns served"},
	{"plugins lead a query on", "time.Sleep < shop/plugin.(*Rewrite).ServeDNS < github.com/coredns/coredns/plugin.NextOrFailure < shop/plugin.(*Log).ServeDNS < github.com/miekg/dns.(*Server).serveDNS < " + dnsPacket,
		"sleep stream dns served by shop/plugin.(*Rewrite).ServeDNS at shop/plugin.(*Rewrite).ServeDNS"},
	{"a query is asked of another server", netRead + " < github.com/miekg/dns.(*Client).ExchangeWithConnContext < github.com/miekg/dns.(*Client).Exchange < " + handler, "upstream/response_wait dns" + served},
	{"an answer is read from a connection of the service's own", netRead + " < github.com/miekg/dns.(*Conn).ReadMsg < " + handler, "upstream/response_wait dns" + served},
}
