package tap

import (
	"strings"
	"testing"

	"tocsin/track"
)

// Who counts as seen, and why.
func TestSeen(t *testing.T) {
	p := func(event, attrs, children string) string {
		return wrap(event, `<presence xmlns='jabber:client' `+attrs+`>`+children+`</presence>`)
	}
	caps := `<c xmlns='http://jabber.org/protocol/caps' node='n' ver='v' hash='sha-1'/>`
	for _, tt := range []struct{ name, frame, want string }{
		{"available", p("presence", `from='bob@here.test/B'`, caps), "bob@here.test/B available caps=n#v(sha-1)"},
		{"unavailable", p("presence", `from='bob@here.test/B' type='unavailable'`, ""), "bob@here.test/B unavailable"},
		{"ejabberd's copy", p("", `from='bob@here.test/B' to='bob@here.test'`, caps), "bob@here.test/B available caps=n#v(sha-1)"},
		{"reflection", p("", `from='bob@here.test/B' to='bob@here.test/B'`, caps), ""},
		{"directed", p("", `from='bob@here.test/B' to='alice@here.test'`, caps), ""},
		{"to a resource of the same beginning", p("", `from='bob@here.test/B' to='bob@here.tes'`, caps), ""},
		{"subscription", p("", `from='bob@here.test/B' to='bob@here.test' type='subscribe'`, caps), ""},
		{"error", p("", `from='bob@here.test/B' to='bob@here.test' type='error'`, caps), ""},
		{"remote", p("", `from='eve@far.test/B'`, caps), ""},
		{"no resource", p("", `from='bob@here.test'`, caps), ""},
		{"a message's event", p("out", `from='bob@here.test/B'`, caps), ""},
		{"writes", copyOf(body), "bob@here.test/B active"},
		{"confirms", copyOf(receipt), "bob@here.test/B active"},
		{"says nothing", copyOf(""), ""},
		{"is said to be unknown", wrap("", `<message xmlns='jabber:client' type='error' id='m' from='bob@here.test/B' to='alice@here.test/A'>`+failure+`</message>`), ""},
		{"replay", copyOf(late + body), ""},
		{"stored for", wrap("offline", `<message xmlns='jabber:client' id='m' from='bob@here.test/B' to='alice@here.test'>`+body+`</message>`), ""},
		{"writes and confirms in a batch", batchOf("<out" + fromBob + "><body>x</body></out><out" + fromBob + "><rc id='a1'/></out>"), "bob@here.test/B active"},
		{"the same, for encoding/xml", batchOf("<out" + fromBob + "><body>x</body></out><out" + fromBob + "><rc id='a1'/></out><!-- -->"), "bob@here.test/B active"},
		{"acknowledges", strings.Replace(wrap("acked", `<message xmlns='jabber:client' id='m' from='bob@here.test/B' to='alice@here.test'>`+body+`</message>`), "event=", "session='alice@here.test/A' event=", 1), "alice@here.test/A active"},
	} {
		var s Sighting
		New(rulesConfig).Read([]byte(tt.frame), track.At(rulesNow), &s)
		var got []string
		for _, r := range s.Seen {
			got = append(got, r.JID+" "+[]string{"active", "available", "unavailable"}[r.Kind]+capsLine(r.Caps))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
