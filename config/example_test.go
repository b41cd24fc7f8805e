package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// compare compares templates by their text.
var compare = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}),
	cmpopts.IgnoreFields(Config{}, "source"),
	cmp.Comparer(func(a, b *template.Template) bool { return a.Root.String() == b.Root.String() }),
}

const example = "../config.example.toml"

func readExample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExampleHasTheDefaults(t *testing.T) {
	got, err := Load(example, env("TOCSIN_COMPONENT_SECRET=hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Component.JID = "tocsin.example.org"
	want.Component.Secret = "hunter2"
	want.Tap.Domains = []string{"example.org"}
	want.Storage.DSN = "sqlite:../tocsin.db"
	if diff := cmp.Diff(want, got, compare, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the example differs from the defaults (-default +example):\n%s", diff)
	}
}

// uncommented returns the example with the commented-out keys and tables enabled.
func uncommented(t *testing.T) string {
	return regexp.MustCompile(`(?m)^# (\w+ = |\[)`).ReplaceAllString(readExample(t), "$1")
}

func TestExampleHasEveryKey(t *testing.T) {
	var table map[string]any
	meta, err := toml.Decode(uncommented(t), &table)
	if err != nil {
		t.Fatal(err)
	}
	stands := map[string]bool{}
	for _, key := range meta.Keys() {
		stands[key.String()] = true
	}
	for _, key := range append(Keys(), "track.priority", "escalate.step", "sms") {
		if !stands[key] && key != "escalate.template" {
			t.Errorf("%s is missing from the example", key)
		}
	}
}

func TestExampleKeysInCommentsAreValid(t *testing.T) {
	doc := uncommented(t)
	doc = strings.ReplaceAll(doc, "\nsecret_file = ", "\n# ") // these files do not exist
	doc = strings.ReplaceAll(doc, "\nca_file = ", "\n# ")
	doc = strings.ReplaceAll(doc, `do = "prompt"`, `do = "webhook"`) // url and secret belong to webhooks
	if _, err := parse("config.toml", doc, env("TOCSIN_COMPONENT_SECRET=hunter2")); err != nil {
		t.Error(err)
	}
}
