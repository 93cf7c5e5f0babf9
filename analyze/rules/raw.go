package rules

import "timesink/analyze/breakdown"

// rawWrite writes to a connection, whatever its protocol.
const rawWrite = "net.(*conn).Write"

// raw are the functions of connections that the service's own code may use without any
// client that the rules know. A request that waits in one of them waits for another system.
var raw = []Rule{
	{Func: "net.(*conn).Read", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "tcp", Dialogue: true, Raw: true},
	{Func: rawWrite, Bucket: breakdown.Upstream, Phase: breakdown.RequestWrite, System: "tcp", Dialogue: true, Raw: true},
	{Func: "net.(*UDPConn).", Bucket: breakdown.Upstream, Phase: breakdown.ResponseWait, System: "udp", Dialogue: true, Raw: true},
}

// findRaw sets the rule of a stack that uses a connection, by nothing but the standard
// library, from the service's frame at index site. If a server called that frame in order
// to read from its client, or to write to it, the rule is the server's. Otherwise it is
// set if a handler leads to the frame: elsewhere the connection may be the one that the
// service serves.
func findRaw(c *Class, funcs []*function, site int) {
	if !c.InService {
		return
	}
	at := outermost(funcs[:site], func(f *function) bool { return f.raw != nil })
	if at < 0 || outermost(funcs[:site], func(f *function) bool { return !f.standard }) >= 0 {
		return
	}
	for i := site + 1; i < len(funcs) && funcs[i].dispatch == dispatchNone; i++ {
		if l := funcs[i].local; l != nil && l.Bucket == breakdown.ClientIO {
			c.own(l, l.Phase, i)
			return
		}
	}
	if c.Depth > 0 {
		c.own(funcs[at].raw, funcs[at].raw.Phase, at)
	}
}
