package programs

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"timesink/analyze/breakdown"
)

// etcd is a key-value store that replies to a write once its log is on disk. It writes
// the log for all that came meanwhile at once. Its go.mod has replacements, which go
// install refuses, so it is built as a library.
var etcd = Program{
	Name: "etcd", Package: "go.etcd.io/etcd/server/v3", Version: "v3.7.3",
	Own: "go.etcd.io/etcd/",
	Thin: `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`,
	Start: startEtcd,
	Traffic: []Route{
		{Name: "Put", Dial: dialEtcd(put), Rate: 160, Clients: 4, Burst: 4, Blocks: true,
			Endpoint: "go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc.(*quotaKVServer).Put",
			Split:    map[breakdown.Bucket]float64{breakdown.File: 0.15}},
		{Name: "Range", Dial: dialEtcd(get), Rate: 100, Clients: 2, Blocks: true,
			Endpoint: "go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc.(*kvServer).Range"},
	},
}

func startEtcd(p Place) (Running, error) {
	address, metrics, peers := p.Free(), "http://"+p.Free(), "http://"+p.Free()
	base := "http://" + address
	series := map[string]Series{"fsync": {Metric: "etcd_disk_wal_fsync_duration_seconds"}}
	for _, method := range []string{"Put", "Range"} {
		series[method] = Series{"grpc_server_handling_seconds", []string{`grpc_method="` + method + `"`}}
	}
	scraped := scrape(metrics+"/metrics", series)
	return Running{
		Args: []string{"--data-dir", filepath.Join(p.Folder, "data"), "--listen-client-urls", base, "--advertise-client-urls", base,
			"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=" + peers,
			"--listen-metrics-urls", metrics, "--metrics", "extensive", "--enable-pprof", "--log-level", "error"},
		Pprof: base, Ready: metrics + "/readyz", Address: address,
		Count: func(ctx context.Context) (map[string]Counted, error) {
			counts, err := scraped(ctx)
			if err != nil {
				return nil, err
			}
			of := counts["Put"]
			of.Part, of.Parts, of.PartsTime = breakdown.File, counts["fsync"].Requests, counts["fsync"].Time
			counts["Put"] = of
			return counts, nil
		},
	}, nil
}

// A store sends requests of one kind to etcd.
type store struct {
	*grpc.ClientConn
	send func(ctx context.Context, kv etcdserverpb.KVClient, i int) error
}

func dialEtcd(send func(context.Context, etcdserverpb.KVClient, int) error) func(string) (Client, error) {
	return func(address string) (Client, error) {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		return store{conn, send}, err
	}
}

func (s store) Send(i int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.send(ctx, etcdserverpb.NewKVClient(s.ClientConn), i)
}

// put writes one of a hundred keys.
func put(ctx context.Context, kv etcdserverpb.KVClient, i int) error {
	_, err := kv.Put(ctx, &etcdserverpb.PutRequest{Key: fmt.Appendf(nil, "key/%02d", i%100), Value: []byte(strings.Repeat("v", 200))})
	return err
}

// get reads those of the keys that were written.
func get(ctx context.Context, kv etcdserverpb.KVClient, i int) error {
	_, err := kv.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte("key/"), RangeEnd: []byte("key0")})
	return err
}
