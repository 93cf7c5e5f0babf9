package discover

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// maxDocument is the largest service discovery document, in bytes, and
// patienceWithDocuments how long one may take to arrive.
const (
	maxDocument           = 16 << 20
	patienceWithDocuments = 15 * time.Second
)

// A targetGroup is an element of a Prometheus service discovery document, as in file_sd
// and http_sd configurations.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// The labels of a document that say how to reach its targets, and are no labels of
// instances. The path is where the pprof index is, not that of the metrics.
const (
	schemeLabel = "__scheme__"
	pathLabel   = "__pprof_path__"
)

// metaLabels are the labels that discovery adds and relabeling would drop, and what they
// are called here. Other labels that begin with two underscores are left out.
var metaLabels = map[string]string{
	"__meta_kubernetes_pod_name":                               "pod",
	"__meta_kubernetes_namespace":                              "namespace",
	"__meta_kubernetes_pod_node_name":                          "node",
	"__meta_kubernetes_pod_label_version":                      "version",
	"__meta_kubernetes_pod_label_app_kubernetes_io_version":    "version",
	"__meta_kubernetes_node_label_topology_kubernetes_io_zone": "zone",
	"__meta_kubernetes_endpointslice_endpoint_zone":            "zone",
	"__meta_ec2_availability_zone":                             "zone",
	"__meta_ec2_instance_id":                                   "node",
	"__meta_gce_zone":                                          "zone",
	"__meta_gce_instance_name":                                 "node",
	"__meta_azure_machine_location":                            "zone",
	"__meta_azure_machine_name":                                "node",
	"__meta_consul_dc":                                         "zone",
	"__meta_consul_node":                                       "node",
	"__meta_nomad_node_id":                                     "node",
	"__meta_nomad_dc":                                          "zone",
	"__meta_dockerswarm_node_hostname":                         "node",
}

// Document returns the instances of a service discovery document, which is the name of a
// file or an http(s) URL.
func Document(ctx context.Context, from string) ([]Instance, error) {
	shown := from
	u, err := url.Parse(from)
	remote := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	if remote {
		u.RawQuery = ""
		shown = u.Redacted()
	}
	op := "read the targets of " + shown
	var data []byte
	if remote {
		data, err = download(ctx, from)
	} else {
		data, err = readFile(from)
	}
	if err != nil {
		return nil, &capture.Error{Op: op, Err: err, Hint: `it must be a JSON document of Prometheus's file or HTTP service discovery: [{"targets": ["10.0.0.7:6060"], "labels": {"zone": "a"}}]`}
	}
	list, err := Parse(data)
	if err != nil {
		return nil, &capture.Error{Op: op, Err: err, Hint: `write it as [{"targets": ["10.0.0.7:6060"], "labels": {"zone": "a"}}]`}
	}
	return list, bound(op, len(list))
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bounded.ReadAll(f, maxDocument)
}

// download gets a document. Its errors do not quote the URL, which may hold a password.
func download(ctx context.Context, from string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patienceWithDocuments)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := bounded.ReadAll(resp.Body, 200)
		return nil, fmt.Errorf("%s: %q", resp.Status, strings.TrimSpace(string(said)))
	}
	return bounded.ReadAll(resp.Body, maxDocument)
}

// Parse returns the instances of a service discovery document, in its order.
func Parse(document []byte) ([]Instance, error) {
	var groups []targetGroup
	if err := json.Unmarshal(document, &groups); err != nil {
		return nil, err
	}
	var list []Instance
	for _, g := range groups {
		labels := labelsOf(g.Labels)
		name := ""
		for _, l := range labels {
			if l.Name == "pod" {
				name = l.Value
			}
		}
		for _, target := range g.Targets {
			if target == "" {
				return nil, errors.New("a target is empty")
			}
			i := Instance{Name: nameOf(target), Target: targetOf(target, g.Labels), Labels: labels}
			if len(g.Targets) == 1 {
				i.Name = cmp.Or(name, i.Name)
			}
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return nil, ErrNone
	}
	return list, nil
}

// targetOf returns a target with the scheme and the path that its labels ask for.
func targetOf(target string, labels map[string]string) string {
	if strings.Contains(target, "://") {
		return target
	}
	target = cmp.Or(labels[schemeLabel], "http") + "://" + target
	if path := labels[pathLabel]; path != "" {
		target += "/" + strings.TrimPrefix(path, "/")
	}
	return target
}

// labelsOf returns the labels of instances among those of a document.
func labelsOf(all map[string]string) []capture.Label {
	var labels []capture.Label
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if known := metaLabels[name]; known != "" {
			name = known
		} else if strings.HasPrefix(name, "__") {
			continue
		}
		if value != "" && (all[name] == "" || all[name] == value) {
			labels = With(labels, capture.Label{Name: name, Value: value})
		}
	}
	return labels
}
