package programs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"timesink/analyze/breakdown"
)

// caddy is a web server. It is built as xcaddy does: with a main of its own, which only
// calls a library.
var caddy = Program{
	Name: "caddy", Package: "github.com/caddyserver/caddy/v2", Version: "v2.11.9",
	Own: "github.com/caddyserver/caddy/v2",
	Thin: `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
`,
	Start: startCaddy,
	Traffic: []Route{
		{Name: "proxy", Path: "/proxy/%d", Rate: 100, Clients: 4, Blocks: true,
			Endpoint: "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy.(*Handler).ServeHTTP",
			Split:    map[breakdown.Bucket]float64{breakdown.Upstream: 0.8},
			Sites:    []string{"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy."}},
		{Name: "files", Path: "/files/large", Rate: 40, Clients: 2, Blocks: true,
			Endpoint: "github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver.(*FileServer).ServeHTTP"},
	},
}

func startCaddy(p Place) (Running, error) {
	if err := os.MkdirAll(filepath.Join(p.Folder, "files"), 0o755); err != nil {
		return Running{}, err
	}
	if err := os.WriteFile(filepath.Join(p.Folder, "files", "large"), make([]byte, 1<<20), 0o644); err != nil {
		return Running{}, err
	}
	peer := p.Peer(func(string) (time.Duration, int) { return 8 * time.Millisecond, 200 })
	address, admin := p.Free(), p.Free()
	config := filepath.Join(p.Folder, "Caddyfile")
	err := os.WriteFile(config, fmt.Appendf(nil, `{
	admin %s
	auto_https off
	metrics
}
http://:%s {
	bind 127.0.0.1
	reverse_proxy /proxy/* %s
	root * %s
	file_server /files/*
}
`, admin, address[strings.LastIndexByte(address, ':')+1:], peer, p.Folder), 0o644) // a host would put all routes into one, whose name the metrics have
	return Running{
		Args:  []string{"run", "--config", config},
		Env:   []string{"HOME=" + p.Folder, "XDG_DATA_HOME=" + p.Folder, "XDG_CONFIG_HOME=" + p.Folder},
		Pprof: "http://" + admin, Base: "http://" + address, Ready: "http://" + admin + "/config/",
		Count: scrape("http://"+admin+"/metrics", map[string]Series{
			"proxy": {"caddy_http_request_duration_seconds", []string{`handler="reverse_proxy"`}},
			"files": {"caddy_http_request_duration_seconds", []string{`handler="file_server"`}},
		}),
	}, err
}
