package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/metrics"
)

// The page for admins and the dashboard mention every metric of the program, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics.New(registry)
	descriptions := make(chan *prometheus.Desc, 100)
	registry.Describe(descriptions)
	close(descriptions)
	labels := map[string]string{} // by metric, as the program has them
	described := regexp.MustCompile(`fqName: "(tocsin_\w+)".*variableLabels: \{([^}]*)\}`)
	for desc := range descriptions {
		found := described.FindStringSubmatch(desc.String())
		if found == nil {
			t.Fatalf("could not parse: %s", desc)
		}
		labels[found[1]] = found[2]
	}

	for _, file := range []string{"../../docs/ADMIN.md", "../../contrib/grafana/tocsin.json"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if strings.HasSuffix(file, ".json") {
			if !json.Valid(data) {
				t.Errorf("%s is not JSON", file)
			}
			text = strings.ReplaceAll(text, `\"`, `"`)
		} else {
			_, text, _ = strings.Cut(text, "\n## Metrics\n")
			text, _, _ = strings.Cut(text, "\n## ")
		}
		named := map[string]bool{}
		for _, use := range regexp.MustCompile(`(tocsin_[a-z_]*[a-z])(?:\{(\w+)=)?`).FindAllStringSubmatch(text, -1) {
			metric := strings.TrimSuffix(use[1], "_bucket")
			label, exists := labels[metric]
			if !exists {
				t.Errorf("%s: no such metric: %s", file, metric)
			}
			if use[2] != "" && use[2] != "job" && use[2] != label {
				t.Errorf("%s: %s has the label %q, not %s", file, metric, label, use[2])
			}
			named[metric] = true
		}
		for metric := range labels {
			if !named[metric] {
				t.Errorf("%s: %s is missing", file, metric)
			}
		}
	}
}
