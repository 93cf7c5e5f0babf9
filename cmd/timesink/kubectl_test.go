package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// kubectlMain stands in for kubectl, as far as timesink uses it: get, and port-forward with
// the output, the errors and the exit codes of the real one (1.30). The cluster is the file
// $KUBE. A port-forward copies bytes to a pod's address, as the real one does.
//
// A pod vanishes when the file vanish.NAME exists beside $KUBE. Every command line is
// appended to the file kubectl.log there, and so is the end of each port-forward.
func kubectlMain() {
	data, err := os.ReadFile(os.Getenv("KUBE"))
	if err != nil {
		kubectlFails("The connection to the server localhost:8080 was refused - did you specify the right host or port?")
	}
	var c cluster
	if err := json.Unmarshal(data, &c); err != nil {
		kubectlFails("error: " + err.Error())
	}
	kubectlNotes(strings.Join(os.Args[1:], " "))
	var words []string
	namespace, selector := "default", ""
	for i := 1; i < len(os.Args); i++ {
		switch arg := os.Args[i]; arg {
		case "-n":
			i++
			namespace = os.Args[i]
		case "-l":
			i++
			selector = os.Args[i]
		case "-o", "--address", "--pod-running-timeout":
			i++
		case "--context":
			i++
			if os.Args[i] != c.Context {
				kubectlFails(fmt.Sprintf("error: context %q does not exist", os.Args[i]))
			}
		default:
			words = append(words, arg)
		}
	}
	switch {
	case len(words) == 2 && words[0] == "get":
		c.get(words[1], namespace, selector)
	case len(words) == 3 && words[0] == "port-forward":
		c.forward(strings.TrimPrefix(words[1], "pod/"), strings.TrimPrefix(words[2], ":"))
	default:
		kubectlFails(fmt.Sprintf("error: unknown command %q", words))
	}
}

// A cluster is what the fake kubectl sees.
type cluster struct {
	Context   string
	Workloads map[string]json.RawMessage // by kind/name
	Pods      []struct {
		// Address is where the pod's port is served, "" if nothing listens there.
		Address string
		// Denied is set if the user may not forward ports of the pod.
		Denied bool
		Object json.RawMessage
	}
	Nodes json.RawMessage // null if the user may not list them
}

func kubectlFails(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}

func kubectlNotes(text string) {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(os.Getenv("KUBE")), "kubectl.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		fmt.Fprintln(f, text)
		f.Close()
	}
}

type podMeta struct {
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Status struct{ Phase string }
}

func metaOf(object json.RawMessage) (m podMeta) {
	json.Unmarshal(object, &m)
	return m
}

func (c *cluster) get(what, namespace, selector string) {
	switch {
	case namespace == "forbidden":
		kubectlFails(`Error from server (Forbidden): pods is forbidden: User "jo" cannot list resource "pods" in API group "" in the namespace "forbidden"`)
	case what == "nodes" && c.Nodes == nil:
		kubectlFails(`Error from server (Forbidden): nodes is forbidden: User "jo" cannot list resource "nodes" in API group "" at the cluster scope`)
	case what == "nodes":
		os.Stdout.Write(c.Nodes)
	case what == "pods":
		items := []json.RawMessage{}
		for _, p := range c.Pods {
			if m := metaOf(p.Object); selects(selector, m.Metadata.Labels) {
				items = append(items, p.Object)
			}
		}
		json.NewEncoder(os.Stdout).Encode(map[string]any{"kind": "List", "items": items})
	case c.Workloads[what] != nil:
		os.Stdout.Write(c.Workloads[what])
	default:
		kind, name, _ := strings.Cut(what, "/")
		kubectlFails(fmt.Sprintf("Error from server (NotFound): %s %q not found", map[string]string{"deploy": "deployments.apps"}[kind], name))
	}
}

// selects reports whether labels match a selector of equalities and sets.
func selects(selector string, labels map[string]string) bool {
	for selector != "" {
		term := selector
		if i := strings.IndexByte(selector, ','); i >= 0 && !strings.Contains(selector[:i], "(") {
			term, selector = selector[:i], selector[i+1:]
		} else if i := strings.IndexByte(selector, ')'); i >= 0 {
			term, selector = selector[:i+1], strings.TrimPrefix(selector[i+1:], ",")
		} else {
			selector = ""
		}
		if name, set, ok := strings.Cut(strings.TrimSuffix(term, ")"), " in ("); ok {
			if !slices.Contains(strings.Split(set, ","), labels[name]) {
				return false
			}
		} else if name, value, ok := strings.Cut(term, "="); !ok || labels[name] != value {
			return false
		}
	}
	return true
}

// forward forwards a port of a pod until it vanishes, or this process is killed.
func (c *cluster) forward(name, port string) {
	at := slices.IndexFunc(c.Pods, func(p struct {
		Address string
		Denied  bool
		Object  json.RawMessage
	}) bool {
		return metaOf(p.Object).Metadata.Name == name
	})
	switch {
	case at < 0:
		kubectlFails(fmt.Sprintf("Error from server (NotFound): pods %q not found", name))
	case c.Pods[at].Denied:
		kubectlFails(fmt.Sprintf(`Error from server (Forbidden): pods %q is forbidden: User "jo" cannot create resource "pods/portforward" in API group "" in the namespace "default"`, name))
	case metaOf(c.Pods[at].Object).Status.Phase != "Running":
		kubectlFails("error: unable to forward port because pod is not running. Current status=" + metaOf(c.Pods[at].Object).Status.Phase)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		kubectlFails("error: " + err.Error())
	}
	local := l.Addr().(*net.TCPAddr).Port
	fmt.Printf("Forwarding from 127.0.0.1:%d -> %s\n", local, port)
	fails := func(why string) {
		fmt.Fprintf(os.Stderr, "E%s   17073 portforward.go:424] \"Unhandled Error\" err=\"%s\"\n", time.Now().Format("0102 15:04:05.000000"), why)
		fmt.Fprintln(os.Stderr, "error: lost connection to pod")
		kubectlNotes("lost " + name)
		os.Exit(1)
	}
	go func() {
		for {
			time.Sleep(20 * time.Millisecond)
			if _, err := os.Stat(filepath.Join(filepath.Dir(os.Getenv("KUBE")), "vanish."+name)); err == nil {
				fails(fmt.Sprintf("an error occurred forwarding %d -> %s: error forwarding port %s to pod %s, uid : network namespace for sandbox is closed", local, port, port, name))
			}
		}
	}()
	for {
		client, err := l.Accept()
		if err != nil {
			kubectlFails("error: " + err.Error())
		}
		fmt.Printf("Handling connection for %d\n", local)
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", c.Pods[at].Address)
			if c.Pods[at].Address == "" {
				err = errors.New("dial tcp4 127.0.0.1:" + port + ": connect: connection refused")
			}
			if err != nil {
				fails(fmt.Sprintf("an error occurred forwarding %d -> %s: error forwarding port %s to pod %s, uid : failed to execute portforward in network namespace: failed to connect to localhost:%s inside namespace, IPv4: %v", local, port, port, name, port, err))
			}
			defer server.Close()
			var both sync.WaitGroup
			both.Go(func() { io.Copy(server, client); server.(*net.TCPConn).CloseWrite() })
			both.Go(func() { io.Copy(client, server); client.(*net.TCPConn).CloseWrite() })
			both.Wait()
		}()
	}
}

// endlessMain answers everything with endless spaces.
func endlessMain() {
	w := bufio.NewWriterSize(os.Stdout, 1<<16)
	for err := error(nil); err == nil; {
		_, err = w.WriteString(strings.Repeat(" ", 1<<15) + strconv.Itoa(0))
	}
}
