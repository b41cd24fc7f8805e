package routes

import (
	"strings"
	"testing"
)

func TestFor(t *testing.T) {
	table := &Table{
		Countries: []string{"CN", "DE", "US"},
		Routes: []Route{
			{Name: "any", Messages: true, Codes: true},
			{Name: "china", Countries: []string{"CN"}, Messages: true},
			{Name: "codes", Countries: []string{"CN"}, Codes: true},
			{Name: "mobile", Prefixes: []string{"+8613"}, Messages: true},
			{Name: "unicom", Prefixes: []string{"+86130", "+86186"}, Messages: true},
			{Name: "france", Countries: []string{"FR"}, Messages: true},
		},
	}
	for _, c := range []struct {
		number string
		code   bool
		want   string
	}{
		{"+8613012345678", false, "unicom mobile any china"},
		{"+8613812345678", false, "mobile any china"},
		{"+8618612345678", false, "unicom any china"},
		{"+8615912345678", false, "any china"},
		{"+8615912345678", true, "any codes"},
		{"+4915112345678", false, "any"},
		{"+12025550123", false, "any"},
		{"+14165550123", false, ""}, // Canada, which shares the US code
		{"+33612345678", false, ""},
		{"+99912345678", false, ""},
		{"", false, ""},
	} {
		var names []string
		for _, r := range table.For(c.number, c.code) {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s, code %v: %q, want %q", c.number, c.code, got, c.want)
		}
	}
	everywhere := &Table{Countries: []string{Everywhere}, Routes: []Route{{Name: "any", Messages: true}}}
	for _, number := range []string{"+8613012345678", "+99912345678"} {
		if len(everywhere.For(number, false)) != 1 {
			t.Errorf("%s: not everywhere", number)
		}
	}
}

func TestSenders(t *testing.T) {
	table := &Table{From: []string{"+1", "+2"}, Routes: []Route{{From: []string{"ACME", "+3"}}}}
	for want, r := range map[string]*Route{"+1 +2": {}, "ACME +3": &table.Routes[0]} {
		if got := strings.Join(table.Senders(r), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, r := range map[string]*Route{"": {Fixed: true, From: []string{"+3"}}, "+1": {Nameless: true}} {
		if got := strings.Join(table.Senders(r), " "); got != want {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
	if got := (&Table{}).Senders(&Route{}); len(got) > 0 {
		t.Errorf("from nothing: %q", got)
	}
	for number, want := range map[string]bool{"+2": true, "+3": true, "+4": false, "": false} {
		if table.IsOwn(number) != want {
			t.Errorf("%q is ours: %v", number, !want)
		}
	}
}
