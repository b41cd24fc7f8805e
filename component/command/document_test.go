package command

import (
	"os"
	"strings"
	"testing"

	"tocsin/track"
	"tocsin/xep/forms"
)

// The page for client developers lists every command, every field of its form, and every possible value.
func TestClientsPageHasAllFields(t *testing.T) {
	page, err := os.ReadFile("../../docs/CLIENTS.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	for _, who := range []string{"admin@example.net", "alice@example.org"} {
		w.numbers[who] = track.Number{JID: who, E164: "+8613800138000", Consent: true, Source: track.FromUser}
	}
	w.phone.Pending = true
	w.messages = []Watched{{Message: track.Message{Key: track.Key{Sender: "alice@example.org", Recipient: "bob@example.org", ID: "m1"}}, State: track.StatePending}}
	c := newClient(t, w, func(o *Options) {
		o.SMS, o.Domains = true, []string{"example.org", "example.net"}
	})
	for _, cmd := range commands {
		c.options.Verify = cmd.admin // otherwise there are codes, and no opt-out of SMS
		row := ""
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "| `"+cmd.name+"` |") {
				row = line
			}
		}
		if row == "" {
			t.Errorf("CLIENTS.md has no row for %s", cmd.name)
			continue
		}
		who := alice
		if cmd.admin {
			who = admin
		}
		form := c.begin(who, cmd.name).Form
		if form == nil || form.Type != forms.Ask {
			continue
		}
		for _, field := range form.Fields {
			if field.Type == "fixed" || field.Type == "hidden" {
				continue
			}
			if !strings.Contains(row, "`"+field.Var+"`") {
				t.Errorf("%s: no field `%s` in %s", cmd.name, field.Var, row)
			}
			for _, o := range field.Options {
				if field.Var != "id" && !strings.Contains(row, "`"+o.Value+"`") {
					t.Errorf("%s: no value `%s` of %s in %s", cmd.name, o.Value, field.Var, row)
				}
			}
		}
	}
}
