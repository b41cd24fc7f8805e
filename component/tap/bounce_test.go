package tap

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"tocsin/track"
)

// isWhole reports whether the text is the whole content of an element.
func isWhole(content string) bool {
	d := xml.NewDecoder(strings.NewReader("<x>" + content + "</x>"))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			if depth--; depth == 0 {
				return int(d.InputOffset()) == len("<x></x>")+len(content)
			}
		}
	}
}

func factsOf(frame string) (Verdict, []track.Fact) {
	var s Sighting
	return New(rulesConfig).Read([]byte(frame), track.At(rulesNow), &s), s.Facts
}

// FuzzBounce: Alice is blocked, and writes anything. If we count that as a message, its bounce is a refusal of that message
// and nothing else: as returned by ejabberd (with everything she wrote, and the error), in the other order, by Prosody (only
// the error), and by our modules.
func FuzzBounce(f *testing.F) {
	const wait = `<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
	for _, content := range []string{
		body, body + request + markable, body + `<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`, body + `<replace xmlns='urn:xmpp:message-correct:0' id='m0'/>`,
		body + wait, wait + body + wait, body + failure, body + `<error/>`, body + `<error xmlns='urn:x'/>`, retracts + body, receipt + body, displays, reacts, replying + body, omemoText, late + body,
		body + `<delay xmlns='urn:xmpp:delay' from='here.test' stamp='2026-11-24T01:00:00Z'/>`, body + `<origin-id xmlns='urn:xmpp:sid:0' id='m2'/>`,
		body + `<tap xmlns='urn:tocsin:tap:1'/>`, body + `<forwarded xmlns='urn:xmpp:forward:0'/>`, "<rq/><er type='wait' c='resource-constraint'/>", "<body is='text'/><er/>",
		strings.Repeat("<x xmlns='urn:x'/>", 100) + body, strings.Repeat("<x>", 40) + strings.Repeat("</x>", 40) + body,
	} {
		f.Add("m1", content)
	}
	f.Add(strings.Repeat("m", 1024), body)
	f.Add(strings.Repeat("m", 1025), body)
	f.Add("m&<'\"", body)
	f.Fuzz(func(t *testing.T, id, content string) {
		var quoted strings.Builder
		if xml.EscapeText(&quoted, []byte(id)) != nil || !isWhole(content) {
			t.Skip()
		}
		copied := func(typ, from, to, content string) string {
			return wrap("", `<message xmlns='jabber:client' type='`+typ+`' id='`+quoted.String()+`' from='`+from+`' to='`+to+`'>`+content+`</message>`)
		}
		const alice, bob = "alice@here.test/A", "bob@here.test"
		_, sent := factsOf(copied("chat", alice, bob, content))
		watched := slices.IndexFunc(sent, func(f track.Fact) bool { return f.Kind == track.Sent || f.Kind == track.Corrected })
		if watched < 0 {
			return // it has no row
		}
		key := sent[watched].Key
		refused := func(how, frame string) {
			verdict, facts := factsOf(frame)
			if len(facts) != 1 || facts[0].Kind != track.Bounced || !facts[0].Refusal || facts[0].Key != key {
				t.Errorf("%s: %s %+v", how, verdict, facts)
			}
		}
		refused("by ejabberd", copied("error", bob, alice, content+failure))
		refused("the error first", copied("error", bob, alice, failure+content))
		refused("by Prosody", copied("error", bob, alice, failure))
		event := func(payloads string) string {
			return batchOf("<bounce f='" + bob + "' t='" + alice + "' i='" + quoted.String() + "'>" + payloads + "</bounce>")
		}
		refused("by our modules", event("<er type='cancel' c='service-unavailable'/>"))
		refused("by our modules, with what came along", event(content+"<er type='cancel' c='service-unavailable'/>"))
	})
}
