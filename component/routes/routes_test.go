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
		{"+14165550123", false, ""}, // Canada, though the code is that of the US
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

func TestSender(t *testing.T) {
	table := &Table{From: []string{"+1", "+2"}}
	for want, from := range map[string][]string{"+1": nil, "ACME": {"ACME"}} {
		if got := table.Sender(&Route{From: from}); got != want {
			t.Errorf("from %v: %q", from, got)
		}
	}
	if got := (&Table{}).Sender(&Route{}); got != "" {
		t.Errorf("from nothing: %q", got)
	}
}
