package work_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"steps/work"
)

var truth = flag.String("truth", "", "write what the requests measured to this `file`")

func peer(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"d", "body"} {
		d, _ := time.ParseDuration(r.FormValue(name))
		time.Sleep(d)
		io.WriteString(w, name)
		w.(http.Flusher).Flush()
	}
}

// TestWork sends requests from two clients. Its peer is in the same process, and
// so in the same trace.
func TestWork(t *testing.T) {
	asked := httptest.NewServer(http.HandlerFunc(peer))
	defer asked.Close()
	s := work.New(asked.URL, 1)
	go s.Clock().Log()
	served := httptest.NewServer(http.HandlerFunc(s.Work))
	defer served.Close()
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < 40; n++ {
				resp, err := http.Get(served.URL)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Error(resp.Status)
				}
			}
		}()
	}
	all.Wait()
	if *truth == "" {
		return
	}
	told, err := json.Marshal(s.Truth())
	if err == nil {
		err = os.WriteFile(*truth, told, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
