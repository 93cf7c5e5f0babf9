package discover

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"timesink/collect/bounded"
	"timesink/collect/capture"
)

// Kubernetes finds the pods of a workload through kubectl, with the user's own
// configuration and rights. It needs the rights to get the workload, to list pods and to
// forward ports of pods. With the right to list nodes it also learns their zones.
type Kubernetes struct {
	Kubectl   string // the program; "kubectl" if it is ""
	Context   string // of the configuration; "" means the current one
	Namespace string // "" means that of the context
	// Object is the workload: deploy/checkout, statefulset/checkout, service/checkout,
	// pod/checkout-0, or "" if Selector alone says which pods.
	Object   string
	Selector string // app=checkout; "" for no further condition
	// Port is where the pods serve pprof: a number, or the name of a container's port.
	// "" means the port named pprof, debug or admin, else DefaultPort.
	Port string
	// Scheme is http or https; "" means http. Path is that of the pprof index, "" for the
	// usual one.
	Scheme, Path string
}

// DefaultPort is where net/http/pprof is served by convention.
const DefaultPort = 6060

// portNames are the names of ports that serve pprof by convention, the likeliest first.
var portNames = []string{"pprof", "debug", "admin"}

// A pod is a pod to which a port may be forwarded.
type pod struct {
	of   *Kubernetes
	name string
	// namespace is set if the pods of several were listed.
	namespace string
	port      int
}

func (p *pod) key() string { return fmt.Sprintf("%s/%s:%d", p.namespace, p.name, p.port) }

// The parts of kubectl's JSON that are needed. Everything else is ignored.
type (
	object struct {
		Kind     string          `json:"kind"`
		Metadata metadata        `json:"metadata"`
		Spec     json.RawMessage `json:"spec"`
	}
	metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
		Deleted   string            `json:"deletionTimestamp"`
	}
	podList struct {
		Items []podObject `json:"items"`
	}
	podObject struct {
		Metadata metadata `json:"metadata"`
		Spec     struct {
			Node       string      `json:"nodeName"`
			Containers []container `json:"containers"`
		} `json:"spec"`
		Status struct {
			Phase      string      `json:"phase"`
			Reason     string      `json:"reason"`
			Containers []condition `json:"containerStatuses"`
		} `json:"status"`
	}
	container struct {
		Name  string `json:"name"`
		Image string `json:"image"`
		Ports []struct {
			Name string `json:"name"`
			Port int    `json:"containerPort"`
		} `json:"ports"`
	}
	condition struct {
		State struct {
			Waiting *struct {
				Reason string `json:"reason"`
			} `json:"waiting"`
		} `json:"state"`
	}
	selector struct {
		MatchLabels      map[string]string `json:"matchLabels"`
		MatchExpressions []struct {
			Key      string   `json:"key"`
			Operator string   `json:"operator"`
			Values   []string `json:"values"`
		} `json:"matchExpressions"`
	}
	nodeList struct {
		Items []struct {
			Metadata metadata `json:"metadata"`
		} `json:"items"`
	}
)

// Find returns the pods, sorted by name. Those that are not running have an Err.
func (k *Kubernetes) Find(ctx context.Context) ([]Instance, error) {
	pods, err := k.pods(ctx)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, &capture.Error{Op: "find the pods of " + k.what(), Err: ErrNone, Hint: "see kubectl get pods --show-labels, and choose the namespace with -n"}
	}
	if err := bound("find the pods of "+k.what(), len(pods)); err != nil {
		return nil, err
	}
	zones := k.zones(ctx)
	var list []Instance
	for i := range pods {
		list = append(list, k.instance(&pods[i], zones))
	}
	slices.SortFunc(list, func(a, b Instance) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// what names the pods for messages.
func (k *Kubernetes) what() string {
	if k.Object == "" {
		return "-l " + k.Selector
	}
	return k.Object
}

// pods lists the pods that belong to the object and match the selector.
func (k *Kubernetes) pods(ctx context.Context) ([]podObject, error) {
	selects := k.Selector
	if k.Object != "" {
		var o object
		if err := k.get(ctx, &o, k.Object); err != nil {
			return nil, err
		}
		if o.Kind == "Pod" {
			var p podObject
			if err := k.get(ctx, &p, k.Object); err != nil {
				return nil, err
			}
			return []podObject{p}, nil
		}
		of, err := selectorOf(&o)
		if err != nil {
			return nil, &capture.Error{Op: "find the pods of " + k.Object, Err: err, Hint: "select them by their labels with -l"}
		}
		selects = strings.Trim(of+","+selects, ",")
	}
	var list podList
	if err := k.get(ctx, &list, "pods", "-l", selects); err != nil {
		return nil, err
	}
	return list.Items, nil
}

// selectorOf returns the selector of an object's pods as kubectl takes it.
func selectorOf(o *object) (string, error) {
	var spec struct {
		Selector json.RawMessage `json:"selector"`
	}
	if err := json.Unmarshal(o.Spec, &spec); err != nil || len(spec.Selector) == 0 {
		return "", fmt.Errorf("a %s selects no pods", o.Kind)
	}
	var terms []string
	add := func(labels map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			terms = append(terms, name+"="+labels[name])
		}
	}
	if o.Kind == "Service" || o.Kind == "ReplicationController" {
		labels := map[string]string{}
		if err := json.Unmarshal(spec.Selector, &labels); err != nil {
			return "", err
		}
		add(labels)
	} else {
		var s selector
		if err := json.Unmarshal(spec.Selector, &s); err != nil {
			return "", err
		}
		add(s.MatchLabels)
		for _, e := range s.MatchExpressions {
			switch e.Operator {
			case "In":
				terms = append(terms, e.Key+" in ("+strings.Join(e.Values, ",")+")")
			case "NotIn":
				terms = append(terms, e.Key+" notin ("+strings.Join(e.Values, ",")+")")
			case "Exists":
				terms = append(terms, e.Key)
			case "DoesNotExist":
				terms = append(terms, "!"+e.Key)
			}
		}
	}
	if len(terms) == 0 {
		return "", fmt.Errorf("the %s selects pods without a condition", o.Kind)
	}
	return strings.Join(terms, ","), nil
}

// The labels of pods and nodes that tell a version and a zone.
var (
	versionLabels = []string{"app.kubernetes.io/version", "version", "pod-template-hash", "controller-revision-hash"}
	zoneLabels    = []string{"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"}
)

func firstOf(labels map[string]string, names []string) string {
	for _, name := range names {
		if v := labels[name]; v != "" {
			return v
		}
	}
	return ""
}

func (k *Kubernetes) instance(p *podObject, zones map[string]string) Instance {
	i := Instance{Name: p.Metadata.Name, Err: notRunning(p)}
	image := ""
	if len(p.Spec.Containers) > 0 {
		image = p.Spec.Containers[0].Image
	}
	for _, l := range []capture.Label{
		{Name: "namespace", Value: p.Metadata.Namespace},
		{Name: "node", Value: p.Spec.Node},
		{Name: "zone", Value: cmp.Or(firstOf(p.Metadata.Labels, zoneLabels), zones[p.Spec.Node])},
		{Name: "version", Value: firstOf(p.Metadata.Labels, versionLabels)},
		{Name: "image", Value: image[strings.LastIndexByte(image, '/')+1:]},
	} {
		if l.Value != "" {
			i.Labels = With(i.Labels, l)
		}
	}
	port, err := k.portOf(p)
	if err != nil && i.Err == nil {
		i.Err = err
	}
	i.pod = &pod{of: k, name: p.Metadata.Name, namespace: p.Metadata.Namespace, port: port}
	return i
}

// notRunning returns why nothing can be forwarded to a pod, nil if it can.
func notRunning(p *podObject) error {
	for _, c := range p.Status.Containers {
		if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			return fmt.Errorf("the pod is not running: %s", c.State.Waiting.Reason)
		}
	}
	switch {
	case p.Metadata.Deleted != "":
		return errors.New("the pod is being deleted")
	case p.Status.Phase != "Running":
		return fmt.Errorf("the pod is not running: %s", cmp.Or(p.Status.Reason, p.Status.Phase, "its phase is unknown"))
	}
	return nil
}

func (k *Kubernetes) portOf(p *podObject) (int, error) {
	if n, err := strconv.Atoi(k.Port); err == nil {
		if n < 1 || n > 65535 {
			return 0, fmt.Errorf("there is no port %d", n)
		}
		return n, nil
	}
	names := portNames
	if k.Port != "" {
		names = []string{k.Port}
	}
	for _, name := range names {
		for _, c := range p.Spec.Containers {
			for _, port := range c.Ports {
				if port.Name == name {
					return port.Port, nil
				}
			}
		}
	}
	if k.Port != "" {
		return 0, fmt.Errorf("no container of the pod has a port named %q", k.Port)
	}
	return DefaultPort, nil
}

// patienceWithZones is how long it may take to list nodes, which the user may not be
// allowed to.
const patienceWithZones = 3 * time.Second

// zones returns the zones of the nodes, none if they cannot be listed.
func (k *Kubernetes) zones(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, patienceWithZones)
	defer cancel()
	zones := map[string]string{}
	var list nodeList
	if k.get(ctx, &list, "nodes") != nil {
		return zones
	}
	for _, n := range list.Items {
		if zone := firstOf(n.Metadata.Labels, zoneLabels); zone != "" {
			zones[n.Metadata.Name] = zone
		}
	}
	return zones
}

// patienceWithKubectl is how long kubectl may take to answer.
const patienceWithKubectl = 30 * time.Second

// get runs kubectl get and decodes its answer.
func (k *Kubernetes) get(ctx context.Context, into any, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patienceWithKubectl)
	defer cancel()
	cmd := k.command(ctx, append([]string{"get"}, append(args, "-o", "json")...)...)
	op := "run kubectl get " + strings.Join(args, " ")
	stderr := &lastLines{}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return &capture.Error{Op: op, Err: err}
	}
	if err := cmd.Start(); err != nil {
		return notStarted(op, err)
	}
	data, read := bounded.ReadAll(out, maxDocument)
	if read != nil {
		cmd.Cancel()
		cmd.Wait()
		return &capture.Error{Op: op, Err: read, Hint: "select fewer pods"}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &capture.Error{Op: op, Err: errors.New(cmp.Or(stderr.last(), err.Error())), Hint: "try the same by hand: timesink uses kubectl's configuration and rights"}
	}
	if err := json.Unmarshal(data, into); err != nil {
		return &capture.Error{Op: op, Err: fmt.Errorf("it answered no JSON: %w", err), Hint: "check that kubectl is a usual one"}
	}
	return nil
}

// command returns a run of kubectl, in a process group of its own: an interrupt of the
// terminal ends the window, which needs the port-forwards to its end.
func (k *Kubernetes) command(ctx context.Context, args ...string) *exec.Cmd {
	var flags []string
	if k.Context != "" {
		flags = append(flags, "--context", k.Context)
	}
	if k.Namespace != "" {
		flags = append(flags, "-n", k.Namespace)
	}
	cmd := exec.CommandContext(ctx, cmp.Or(k.Kubectl, "kubectl"), append(args, flags...)...)
	apart(cmd)
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// notStarted is the error of a kubectl that cannot be run.
func notStarted(op string, err error) error {
	hint := "check that kubectl can be run"
	if errors.Is(err, exec.ErrNotFound) {
		hint = "install kubectl, or put it in the PATH"
	}
	return &capture.Error{Op: op, Err: err, Hint: hint}
}
