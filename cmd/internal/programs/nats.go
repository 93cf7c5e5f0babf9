package programs

import (
	"context"
	"strings"
)

// nats is a broker. Its status pages are polled here: requests that compute and write.
var nats = Program{
	Name: "nats-server", Package: "github.com/nats-io/nats-server/v2", Version: "v2.15.3",
	Own:   "github.com/nats-io/nats-server/v2",
	Start: startNATS,
	Traffic: []Route{
		{Name: "/varz", Path: "/varz", Rate: 100, Clients: 2, Endpoint: "github.com/nats-io/nats-server/v2/server.(*Server).HandleVarz"},
		{Name: "/connz", Path: "/connz?subs=1", Rate: 50, Clients: 2, Endpoint: "github.com/nats-io/nats-server/v2/server.(*Server).HandleConnz"},
	},
}

func startNATS(p Place) (Running, error) {
	_, monitor, _ := strings.Cut(p.Free(), ":")
	_, port, _ := strings.Cut(p.Free(), ":")
	_, prof, _ := strings.Cut(p.Free(), ":")
	base := "http://127.0.0.1:" + monitor
	return Running{
		Args:  []string{"-a", "127.0.0.1", "-p", port, "-m", monitor, "--profile", prof},
		Pprof: "http://127.0.0.1:" + prof, Base: base, Ready: base + "/healthz",
		Count: func(ctx context.Context) (map[string]Counted, error) {
			var varz struct {
				Requests map[string]float64 `json:"http_req_stats"`
			}
			if err := fetchJSON(ctx, base+"/varz", &varz); err != nil {
				return nil, err
			}
			out := map[string]Counted{}
			for path, n := range varz.Requests {
				out[path] = Counted{Requests: n}
			}
			return out, nil
		},
	}, nil
}
