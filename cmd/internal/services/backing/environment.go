package backing

import (
	"slices"
	"testing"

	"timesink/cmd/internal/services/scenario"
	"timesink/cmd/internal/testbin"
)

// An Environment holds the servers that services need. Each is started at its first use
// and serves all later ones.
type Environment struct {
	t         testing.TB // their lifetime
	exe       string
	peers     []scenario.Peer
	addresses scenario.Env
}

// NewEnvironment returns an environment without servers. They end with the test. Those
// that are not in Servers are peers: exe serves them.
func NewEnvironment(t testing.TB, exe string, peers []scenario.Peer) *Environment {
	return &Environment{t: t, exe: exe, peers: peers, addresses: scenario.Env{}}
}

// Arguments starts the needs that are not running and returns the flags with their
// addresses.
func (e *Environment) Arguments(needs []string) (args []string) {
	for _, need := range needs {
		if _, ok := e.addresses[need]; !ok {
			e.addresses[need] = e.start(need)
		}
		args = append(args, "-with", need+"="+e.addresses[need])
	}
	return args
}

func (e *Environment) start(need string) (address string) {
	if start, ok := Servers[need]; ok {
		return start(e.t)
	}
	i := slices.IndexFunc(e.peers, func(p scenario.Peer) bool { return p.Name == need })
	if i < 0 {
		e.t.Fatalf("there is no server %q", need)
	}
	testbin.Start(e.t, e.exe, slices.Concat([]string{"peer"}, e.Arguments(e.peers[i].Needs), []string{need}), &address)
	return address
}
