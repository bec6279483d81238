package deploy

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/cairnhub/cairn/internal/testhub"
)

var (
	metricName  = regexp.MustCompile(`\b(cairn|process|go)_[a-z_]+`)
	exportedAs  = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	ofHistogram = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// exported is what a hub on S3 exports, which is everything, by name.
func exported(t *testing.T) map[string]string {
	t.Helper()
	h := testhub.NewScaled(t)
	h.Do(h.Admin, "GET", "/metrics", nil) // so that a request is counted
	a := h.Do(h.Admin, "GET", "/metrics", nil)
	if a.Status != 200 {
		t.Fatalf("/metrics: %d", a.Status)
	}
	kinds := map[string]string{}
	for _, m := range exportedAs.FindAllStringSubmatch(string(a.Body), -1) {
		kinds[m[1]] = m[2]
	}
	return kinds
}

// TestMetricsAreThere holds the dashboard, the alerts and their page to what a hub exports.
func TestMetricsAreThere(t *testing.T) {
	kinds := exported(t)
	page := read(t, "docs/monitoring.md")
	for name := range kinds {
		if strings.HasPrefix(name, "cairn_") && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/monitoring.md does not explain %s", name)
		}
	}
	used := 0
	for where, expression := range expressions(t) {
		for _, name := range metricName.FindAllString(expression, -1) {
			used++
			if kinds[name] == "" && kinds[ofHistogram.ReplaceAllString(name, "")] != "histogram" {
				t.Errorf("%s: no hub exports %s", where, name)
			}
		}
	}
	for _, name := range metricName.FindAllString(page, -1) {
		if strings.HasPrefix(name, "cairn_") && kinds[name] == "" {
			t.Errorf("docs/monitoring.md: no hub exports %s", name)
		}
	}
	if used < 30 {
		t.Errorf("only %d uses of metrics were found: is the dashboard read at all?", used)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// expressions are the queries of the dashboard and of the alerts, whose names the page must have.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/cairn.json")), &board); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			out["dashboard: "+p.Title] += q.Expr + " "
		}
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/alerts.yml")), &file); err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/monitoring.md")
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			out["alert "+r.Alert] = r.Expr
			if !slices.Contains(strings.FieldsFunc(page, func(c rune) bool { return c == '`' }), r.Alert) {
				t.Errorf("docs/monitoring.md does not say what to do at %s", r.Alert)
			}
		}
	}
	return out
}
