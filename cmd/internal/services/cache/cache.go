// Package cache contains the scenarios of caches.
package cache

import (
	"context"
	"io"
	"net"
	"slices"
	"time"

	"timesink/cmd/internal/services/scenario"
)

// Scenarios lists the scenarios of this package.
var Scenarios = slices.Concat(goRedis, rueidisScenarios, redigoScenarios, memcached)

// Peers lists the proxies that delay caches which would answer at once.
var Peers = []scenario.Peer{slow("redis"), slow("memcached")}

// behind is how long a proxy delays what a client sends.
const behind = 6 * time.Millisecond

// slow returns a delaying proxy in front of a cache.
func slow(cache string) scenario.Peer {
	return scenario.Peer{Name: "slow " + cache, Needs: []string{cache},
		Serve: func(ctx context.Context, env scenario.Env, ready func(string)) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			context.AfterFunc(ctx, func() { l.Close() })
			ready(l.Addr().String())
			for {
				conn, err := l.Accept()
				if err != nil {
					return nil // the context has ended
				}
				go pass(conn, env[cache])
			}
		}}
}

// pass connects a client to a cache until one of them closes the connection.
func pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		io.Copy(client, server)
	}()
	for buf := make([]byte, 4096); ; {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		time.Sleep(behind)
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}
