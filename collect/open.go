package collect

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	openPatience = time.Second
	mostOwn      = 4 // addresses of this machine that are tried
)

// openAt returns an address at which the pprof port answers from other than the loopback
// interface without any credential, or "". If the target is at a loopback address, it tries
// the given addresses of this machine: a service that listens on all interfaces answers
// there, and a forwarded port does not.
func (c *client) openAt(ctx context.Context, index answer, own []netip.Addr) string {
	_, socket := socketPath(c.target.base.Host)
	if index.err != nil || socket || c.target.hasCredentials() {
		return ""
	}
	host := c.target.base.Hostname()
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return c.target.String()
	}
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	for _, ip := range own[:min(len(own), mostOwn)] {
		elsewhere := *c
		elsewhere.target.base.Host = net.JoinHostPort(ip.String(), c.target.port())
		if a := elsewhere.fetch(ctx, "", maxIndex); a.err == nil && indexRow.Match(a.body) {
			return elsewhere.target.String()
		}
	}
	return ""
}

func (t Target) hasCredentials() bool {
	a := t.Access
	return a.Bearer != "" || a.Username != "" || a.Password != "" || len(a.Header) > 0 || t.query != "" || t.TLS.CertFile != ""
}

func (t Target) port() string {
	switch port := t.base.Port(); {
	case port != "":
		return port
	case t.base.Scheme == "https":
		return "443"
	}
	return "80"
}

// ownAddresses returns the addresses of this machine at which others reach it.
func ownAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var own []netip.Addr
	for _, a := range list {
		prefix, err := netip.ParsePrefix(a.String())
		if ip := prefix.Addr().Unmap(); err == nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			own = append(own, ip)
		}
	}
	slices.SortFunc(own, netip.Addr.Compare)
	return own
}
