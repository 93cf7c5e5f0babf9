package programs

import (
	"fmt"
	"os"
	"path/filepath"
)

// prometheus is a time series database that scrapes itself.
var prometheus = Program{
	Name: "prometheus", Package: "github.com/prometheus/prometheus/cmd/prometheus", Version: "v0.316.0",
	Own:   "github.com/prometheus/prometheus",
	Start: startPrometheus,
	Traffic: []Route{
		{Name: "query", Path: "/api/v1/query_range?query=sum(rate(prometheus_http_requests_total[30s]))&start=1&end=3000&step=1", Rate: 100, Clients: 2,
			Endpoint: "github.com/prometheus/prometheus/web/api/v1.(*API).queryRange"},
		{Name: "instant", Path: "/api/v1/query?query=sum(rate(prometheus_http_requests_total[30s]))by(handler)", Rate: 100, Clients: 2,
			Endpoint: "github.com/prometheus/prometheus/web/api/v1.(*API).query"},
		{Name: "labels", Path: "/api/v1/label/__name__/values?match[]=%7Bjob%3D%22itself%22%7D", Rate: 100, Clients: 2,
			Endpoint: "github.com/prometheus/prometheus/web/api/v1.(*API).labelValues"},
		{Name: "metrics", Path: "/metrics", Rate: 10,
			Endpoint: "github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1"},
	},
}

func startPrometheus(p Place) (Running, error) {
	address := p.Free()
	config := filepath.Join(p.Folder, "prometheus.yml")
	err := os.WriteFile(config, fmt.Appendf(nil, `global:
  scrape_interval: 1s
scrape_configs:
  - job_name: itself
    static_configs:
      - targets: ["%s"]
`, address), 0o644)
	base := "http://" + address
	return Running{
		Args:  []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(p.Folder, "data"), "--web.listen-address=" + address, "--log.level=error"},
		Pprof: base, Base: base, Ready: base + "/-/ready",
		// It counts /metrics too, but others ask for that as well.
		Count: scrape(base+"/metrics", map[string]Series{
			"query":   {"prometheus_http_request_duration_seconds", []string{`handler="/api/v1/query_range"`}},
			"instant": {"prometheus_http_request_duration_seconds", []string{`handler="/api/v1/query"`}},
			"labels":  {"prometheus_http_request_duration_seconds", []string{`handler="/api/v1/label/:name/values"`}},
		}),
	}, err
}
