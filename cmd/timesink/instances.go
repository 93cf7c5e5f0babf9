package main

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"timesink/collect/capture"
	"timesink/collect/discover"
)

// instancesFlags holds the flags that find the instances of a service.
type instancesFlags struct {
	targetsFile string
	documents   []string
	labels      []string
	parallel    int

	k8s         string
	namespace   string
	selector    string
	port        string
	kubeContext string
	kubectl     string
	pprofPath   string
}

// mostAtOnce is how many instances are observed at once by default: each takes a
// connection, some memory, and up to several MB of trace a second.
const mostAtOnce = 32

func (f *instancesFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.targetsFile, "targets", "", "read more targets from `FILE`, one a line, each followed by labels such as zone=a")
	flags.StringArrayVar(&f.documents, "sd", nil, "read more targets from a Prometheus service discovery document in JSON, a `file or URL` (repeatable)")
	flags.StringVar(&f.k8s, "k8s", "", "observe the pods of this `workload`, such as deploy/checkout, through port-forwards of kubectl")
	flags.StringVarP(&f.selector, "selector", "l", "", "observe the pods with these `labels`, such as app=checkout")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "look for pods in this `namespace` (default that of kubectl's context)")
	flags.StringVar(&f.kubeContext, "context", "", "use this `context` of kubectl's configuration")
	flags.StringVar(&f.port, "port", "", "the pods' `port` with pprof, by number or name (default the one named pprof, debug or admin, else 6060)")
	flags.StringVar(&f.pprofPath, "pprof-path", "", "the `path` of the pods' pprof index (default /debug/pprof/)")
	flags.StringVar(&f.kubectl, "kubectl", "kubectl", "run this `program` as kubectl")
	flags.StringArrayVar(&f.labels, "label", nil, "note this property of the instances in their captures: `name=value`, such as version=1.5 (repeatable)")
	flags.IntVar(&f.parallel, "parallel", mostAtOnce, "observe at most this `number` of instances at once")
	completeFlag(cmd, "k8s", cobra.NoFileCompletions)
}

// several reports whether the targets and flags may stand for several instances.
func (f *instancesFlags) several(targets []string) bool {
	return len(targets) > 1 || f.targetsFile != "" || len(f.documents) > 0 || f.k8s != "" || f.selector != "" ||
		slices.ContainsFunc(targets, func(target string) bool {
			return strings.HasPrefix(strings.ToLower(target), "dns") && strings.Contains(target, "://")
		})
}

// check returns a usage error for flags that go together wrongly.
func (f *instancesFlags) check(targets []string) error {
	pods := f.k8s != "" || f.selector != ""
	switch {
	case len(targets) == 0 && !f.several(targets):
		return errNoTarget
	case !pods && (f.namespace != "" || f.kubeContext != "" || f.port != "" || f.pprofPath != ""):
		return usage("--namespace, --context, --port and --pprof-path are about pods", "say which with --k8s deploy/NAME or -l app=NAME")
	case f.k8s != "" && !strings.Contains(f.k8s, "/"):
		return usagef("write it as kind/name, such as deploy/"+f.k8s, "--k8s %q is no workload", f.k8s)
	case f.parallel < 1:
		return usagef("give a number such as 8", "--parallel cannot be %d", f.parallel)
	}
	_, err := f.common()
	return err
}

// common returns the labels of all instances.
func (f *instancesFlags) common() ([]capture.Label, error) {
	var labels []capture.Label
	for _, text := range f.labels {
		l, err := discover.ParseLabel(text)
		if err != nil {
			return nil, usagef("write it as name=value, such as version=1.5", "--label: %v", err)
		}
		labels = discover.With(labels, l)
	}
	return labels, nil
}

// find returns the instances that the targets and flags stand for, each once.
func (f *instancesFlags) find(ctx context.Context, targets []string) ([]discover.Instance, error) {
	common, err := f.common()
	if err != nil {
		return nil, err
	}
	var finder discover.Finder
	var list []discover.Instance
	for _, target := range targets {
		if file, ok := strings.CutPrefix(target, "@"); ok {
			if target, err = lineOf("the target", file); err != nil {
				return nil, err
			}
		}
		found, err := finder.Target(ctx, target)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	if f.targetsFile != "" {
		data, err := readFile("the targets", f.targetsFile)
		if err != nil {
			return nil, err
		}
		found, err := finder.Lines(ctx, f.targetsFile, bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	for _, from := range f.documents {
		found, err := discover.Document(ctx, from)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	if f.k8s != "" || f.selector != "" {
		k := &discover.Kubernetes{Kubectl: f.kubectl, Context: f.kubeContext, Namespace: f.namespace, Object: f.k8s, Selector: f.selector, Port: f.port, Path: f.pprofPath}
		found, err := k.Find(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	list = discover.Unique(list)
	for i := range list {
		list[i].Labels = discover.With(common, list[i].Labels...)
	}
	return list, nil
}
