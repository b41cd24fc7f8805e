package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The dashboard and the page for admins name metrics that exist.
func TestMetricsAreNamedRightly(t *testing.T) {
	sources, err := filepath.Glob("../../component/metrics/*.go")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`tocsin_[a-z_]+[a-z]`)
	exists := map[string]bool{}
	for _, file := range sources {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range name.FindAllString(string(source), -1) {
			exists[metric] = true
		}
	}
	for _, file := range []string{"../../contrib/grafana/tocsin.json", "../../docs/ADMIN.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		for _, metric := range name.FindAllString(string(text), -1) {
			switch metric = strings.TrimSuffix(metric, "_bucket"); metric {
			case "tocsin_component", "tocsin_backlog", "tocsin_sm_acks", "tocsin_presence": // options of mod_tocsin
			default:
				if !exists[metric] {
					t.Errorf("%s: there is no metric %s", file, metric)
				}
			}
		}
	}
}
