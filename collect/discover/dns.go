package discover

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"timesink/collect/capture"
)

// The schemes of names that resolve to several instances. The +https ones are for
// services that serve their pprof index over TLS.
var dnsSchemes = map[string]struct {
	srv    bool
	scheme string
}{
	"dns":           {false, "http"},
	"dns+https":     {false, "https"},
	"dns+srv":       {true, "http"},
	"dns+srv+https": {true, "https"},
}

func isDNS(scheme string) bool {
	_, ok := dnsSchemes[strings.ToLower(scheme)]
	return ok
}

// patienceWithNames is how long a name may take to resolve.
const patienceWithNames = 10 * time.Second

// resolve returns the instances that a name stands for, sorted by address.
func (f *Finder) resolve(ctx context.Context, target string, labels []capture.Label) ([]Instance, error) {
	const hint = "write it as dns://host:port, or dns+srv://_pprof._tcp.host for a name with SRV records"
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return nil, &capture.Error{Op: "resolve a target", Err: errors.New("it is no name"), Hint: hint}
	}
	kind := dnsSchemes[strings.ToLower(u.Scheme)]
	ctx, cancel := context.WithTimeout(ctx, patienceWithNames)
	defer cancel()
	find := f.addresses
	if kind.srv {
		find = f.services
	}
	hosts, err := find(ctx, u)
	if err != nil {
		return nil, &capture.Error{Op: "resolve " + target, Err: err, Hint: hint}
	}
	if err := bound("resolve "+target, len(hosts)); err != nil {
		return nil, err
	}
	var list []Instance
	for _, host := range hosts {
		at := url.URL{Scheme: kind.scheme, Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
		list = append(list, Instance{Name: host, Target: at.String(), Labels: With(nil, labels...)})
	}
	return list, nil
}

func (f *Finder) resolver() *net.Resolver { return cmp.Or(f.Resolver, net.DefaultResolver) }

// addresses returns the addresses of a host, with the port.
func (f *Finder) addresses(ctx context.Context, u *url.URL) (hosts []string, err error) {
	if u.Port() == "" {
		return nil, errors.New("it has no port")
	}
	found, err := f.resolver().LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	for _, ip := range slices.Compact(found) {
		hosts = append(hosts, net.JoinHostPort(ip.String(), u.Port()))
	}
	return hosts, nil
}

// services returns the hosts and ports of a name's SRV records, whatever their priority:
// all of them serve.
func (f *Finder) services(ctx context.Context, u *url.URL) (hosts []string, err error) {
	_, records, err := f.resolver().LookupSRV(ctx, "", "", u.Hostname())
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		hosts = append(hosts, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}
