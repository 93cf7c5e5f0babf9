package programs

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Series selects samples of a page in Prometheus's text format: those of a metric whose
// labels contain all of these parts, such as `handler="blob"`.
type Series struct {
	Metric string
	Labels []string
}

// fetch returns the body of a page.
func fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// scrape returns a Count that reads histograms or counters from a page of metrics, one
// Series for each route. Of a histogram, Metric is the name without _count and _sum,
// whose unit is the second.
func scrape(url string, routes map[string]Series) func(context.Context) (map[string]Counted, error) {
	return func(ctx context.Context) (map[string]Counted, error) {
		page, err := fetch(ctx, url)
		if err != nil {
			return nil, err
		}
		out := map[string]Counted{}
		for name, s := range routes {
			n := s.sum(page, s.Metric+"_count") + s.sum(page, s.Metric)
			out[name] = Counted{Requests: n, Time: time.Duration(s.sum(page, s.Metric+"_sum") * float64(time.Second))}
		}
		return out, nil
	}
}

// sum adds up the samples of a metric with the series' labels.
func (s Series) sum(page []byte, metric string) (sum float64) {
	lines := bufio.NewScanner(strings.NewReader(string(page)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), metric)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue // another metric
		}
		labels, value := "", rest
		if rest[0] == '{' {
			labels, value, _ = strings.Cut(rest, "} ")
		}
		if fields := strings.Fields(value); len(fields) == 0 || !containsAll(labels, s.Labels) {
			continue
		} else if v, err := strconv.ParseFloat(fields[0], 64); err == nil {
			sum += v
		}
	}
	return sum
}

func containsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// fetchJSON decodes a page of JSON.
func fetchJSON(ctx context.Context, url string, into any) error {
	page, err := fetch(ctx, url)
	if err != nil {
		return err
	}
	return json.Unmarshal(page, into)
}
