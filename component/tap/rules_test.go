package tap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/track"
)

const (
	receipt   = `<received xmlns='urn:xmpp:receipts' id='a1'/>`
	displays  = `<displayed xmlns='urn:xmpp:chat-markers:0' id='a1'/>`
	reacts    = `<reactions xmlns='urn:xmpp:reactions:0' id='a1'><reaction>👍</reaction></reactions>`
	replying  = `<reply xmlns='urn:xmpp:reply:0' id='a1' to='alice@here.test'/>`
	retracts  = `<retract xmlns='urn:xmpp:message-retract:1' id='b0'/>`
	corrects  = `<replace xmlns='urn:xmpp:message-correct:0' id='b0'/>`
	body      = `<body>hi</body>`
	request   = `<request xmlns='urn:xmpp:receipts'/>`
	markable  = `<markable xmlns='urn:xmpp:chat-markers:0'/>`
	omemoText = `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted>`
	omemoKey  = `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>`
	late      = `<delay xmlns='urn:xmpp:delay' from='here.test' stamp='2026-11-24T01:00:00Z'/>`
	failure   = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
)

var (
	rulesConfig = Config{Domains: []string{"here.test", "also.test"}, Component: "tocsin.here.test", Ignore: []track.Pattern{"rooms.here.test", "*@irc.here.test"},
		ReplyReads: true, KeepText: true, TextLimit: 20}
	rulesNow = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
)

// copyOf wraps a message from Bob to Alice with these children in a copy.
func copyOf(children string) string {
	return wrap("", `<message xmlns='jabber:client' type='chat' id='b1' from='bob@here.test/B' to='alice@here.test/A'>`+children+`</message>`)
}

// quotes marks a part of the body as a quotation.
func quotes(start, end int) string {
	return fmt.Sprintf(`<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='%d' end='%d'/></fallback>`, start, end)
}

// wrap makes a copy, as our module does if event is not "".
func wrap(event, inner string) string {
	if event == "" {
		return `<message from='here.test' to='tocsin.here.test'><forwarded xmlns='urn:xmpp:forward:0'>` + inner + `</forwarded></message>`
	}
	return `<message from='here.test' to='tocsin.here.test'><tap xmlns='urn:tocsin:tap:0' event='` + event + `'/>` +
		`<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-24T01:59:00.250Z'/>` + inner + `</forwarded></message>`
}

// take returns a frame's verdict and facts as lines.
func take(config Config, frame string) []string {
	var s Sighting
	now := track.At(rulesNow)
	verdict := New(config).Read([]byte(frame), now, &s)
	lines := []string{verdict.String()}
	for _, f := range s.Facts {
		lines = append(lines, factLine(f, now))
	}
	if s.VoidHint {
		lines = append(lines, "void hint")
	}
	return lines
}

// The facts from the children of a message from Bob to Alice.
func TestContents(t *testing.T) {
	const (
		replied = "replied alice@here.test → bob@here.test by=reply"
		sent    = "sent bob@here.test → alice@here.test id=b1 resource=B"
		passed  = "passed bob@here.test → alice@here.test id=b1"
		about   = " alice@here.test → bob@here.test id=a1"
		fixes   = "corrected bob@here.test → alice@here.test id=b1 original=b0 resource=B"
	)
	for _, tt := range []struct {
		name, children string
		want           []string
	}{
		{"nothing", "", []string{"dropped"}},
		{"body", body, []string{"message", replied, sent + ` text="hi"`}},
		{"asks", body + request + markable, []string{"message", replied, sent + ` asks-receipt markable text="hi"`}},
		{"chat state", `<composing xmlns='http://jabber.org/protocol/chatstates'/>`, []string{"dropped"}},
		{"two bodies", `<body xml:lang='de'>hallo</body>` + body, []string{"message", replied, sent + ` lang=de text="hallo"`}},
		{"body of another namespace", `<body xmlns='http://www.w3.org/1999/xhtml'>x</body>`, []string{"message", passed}},
		{"markable without a body", markable, []string{"message", passed}},
		{"a payload that is unknown", `<file xmlns='urn:example'/>`, []string{"message", passed}},
		{"cut", `<body>123456789 123456789 123456789</body>`, []string{"message", replied, sent + ` text="123456789 123456789 1"`}},
		{"cut between people", `<body>12345678901234567890👩‍👩‍👧‍👦👩‍👩‍👧‍👦</body>`, []string{"message", replied, sent + ` text="12345678901234567890👩\u200d👩\u200d👧\u200d👦"`}},
		{"escapes", `<body>&lt;b&gt; &amp;amp; &#x1F44D; &apos;&quot;</body>`, []string{"message", replied, sent + ` text="<b> &amp; 👍 '\""`}},
		{"CDATA", `<body>a<![CDATA[<b>]]>c</body>`, []string{"message", replied, sent + ` text="a<b>c"`}},
		{"line ends", "<body>a\r\nb</body>", []string{"message", replied, sent + ` text="a\nb"`}},
		{"no-store", body + `<no-store xmlns='urn:xmpp:hints'/>`, []string{"message", replied, sent + ` no-store`}},

		// XEP-0184, XEP-0333.
		{"receipt", receipt, []string{"evidence", "received" + about + " by=receipt"}},
		{"receipt that asks for one", receipt + request, []string{"evidence", "received" + about + " by=receipt"}},
		{"receipt without id", `<received xmlns='urn:xmpp:receipts'/>`, []string{"dropped"}},
		{"two receipts", receipt + `<received xmlns='urn:xmpp:receipts' id='a2'/>`, []string{"evidence", "received" + about + " by=receipt", "received alice@here.test → bob@here.test id=a2 by=receipt"}},
		{"displayed", displays, []string{"evidence", "read" + about + " by=marker"}},
		{"old received", `<received xmlns='urn:xmpp:chat-markers:0' id='a1'/>`, []string{"evidence", "received" + about + " by=marker"}},
		{"old acknowledged", `<acknowledged xmlns='urn:xmpp:chat-markers:0' id='a1'/>`, []string{"evidence", "read" + about + " by=marker"}},
		{"receipt in a receipt", `<x xmlns='urn:example'>` + receipt + `</x>`, []string{"message", passed}},

		// XEP-0461, XEP-0444.
		{"reply", body + replying, []string{"message", "read" + about + " by=reply", replied, sent + ` text="hi"`}},
		{"reply to himself", body + `<reply xmlns='urn:xmpp:reply:0' id='a1' to='bob@here.test/B'/>`, []string{"message", replied, sent + ` text="hi"`}},
		{"reply to nobody", body + `<reply xmlns='urn:xmpp:reply:0' id='a1'/>`, []string{"message", "read" + about + " by=reply", replied, sent + ` text="hi"`}},
		{"reaction", reacts, []string{"message", "read" + about + " by=reaction", passed}},
		{"reaction with a body", reacts + body, []string{"message", "read" + about + " by=reaction", passed}},
		{"several at once", replying + displays + receipt, []string{"evidence", "received" + about + " by=receipt", "read" + about + " by=marker", "read" + about + " by=reply"}},
		{"the quoted part", `<body>alice wrote:&#10;Hätte gern 🍰&#10;yes</body>` + replying + quotes(0, 26), []string{"message", "read" + about + " by=reply", replied, sent + ` text="yes"`}},
		{"nothing but the quoted part", `<body>&gt; hi&#10;</body>` + replying + quotes(0, 5), []string{"evidence", "read" + about + " by=reply"}},
		{"a part that is not there", body + replying + quotes(5, 99), []string{"message", "read" + about + " by=reply", replied, sent + ` text="hi"`}},
		{"parts that are none", body + replying + quotes(2, 1) + quotes(-1, 2) + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'/>`, []string{"message", "read" + about + " by=reply", replied, sent + ` text="hi"`}},
		{"a part for something else", body + strings.Replace(quotes(0, 1), "urn:xmpp:reply:0", "urn:example", 1), []string{"message", replied, sent + ` text="hi"`}},

		// XEP-0308, XEP-0424.
		{"correction", body + corrects, []string{"message", fixes + ` text="hi"`}},
		{"correction, encrypted", omemoText + body + corrects, []string{"message", fixes + ` encrypted`}},
		{"correction of itself", body + `<replace xmlns='urn:xmpp:message-correct:0' id='b1'/>`, []string{"message", sent + ` text="hi"`}},
		{"retraction", retracts, []string{"evidence", "retracted bob@here.test → alice@here.test id=b0"}},
		{"retraction with a body", retracts + body, []string{"message", "retracted bob@here.test → alice@here.test id=b0", passed}},
		{"retraction, older", `<apply-to xmlns='urn:xmpp:fasten:0' id='b0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>`, []string{"evidence", "retracted bob@here.test → alice@here.test id=b0"}},
		{"something else fastened", `<apply-to xmlns='urn:xmpp:fasten:0' id='b0'><x xmlns='urn:example'/></apply-to>`, []string{"dropped"}},
		{"moderated", `<retract xmlns='urn:xmpp:message-retract:1' id='b0'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>`, []string{"dropped"}},
		{"moderated, older", `<apply-to xmlns='urn:xmpp:fasten:0' id='b0'><moderated xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderated></apply-to>`, []string{"dropped"}},

		// Encryption.
		{"OMEMO", omemoText + body, []string{"message", replied, sent + ` encrypted`}},
		{"OMEMO without a body", omemoText, []string{"message", replied, sent + ` encrypted`}},
		{"OMEMO keys", omemoKey, []string{"dropped"}},
		{"OMEMO keys, named", omemoKey + `<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>`, []string{"dropped"}},
		{"OMEMO 2", `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>x</payload></encrypted>` + body, []string{"message", replied, sent + ` encrypted sealed`}},
		{"OMEMO 2 without a body", `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>x</payload></encrypted>`, []string{"dropped"}},
		{"OMEMO 2 without a body, that asks", `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>x</payload></encrypted>` + request + markable, []string{"dropped"}},
		{"OMEMO without a payload, with a body", omemoKey + body, []string{"dropped"}},
		{"OX", `<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>` + body, []string{"message", replied, sent + ` encrypted sealed`}},
		{"OpenPGP", `<x xmlns='jabber:x:encrypted'>x</x>` + body, []string{"message", replied, sent + ` encrypted`}},
		{"encryption named", `<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example'/>` + body, []string{"message", replied, sent + ` encrypted`}},

		// Not written by a person (protocol §2).
		{"empty body", `<body/>`, []string{"dropped"}},
		{"empty body of a chat state", `<body></body><inactive xmlns='http://jabber.org/protocol/chatstates'/>` + request, []string{"dropped"}},
		{"blank body", "<body> \n\t\u00a0\u3000</body>" + markable, []string{"message", passed}},
		{"body that nobody sees", "<body>\u200b\u2060\ufeff\u2800\u115f\ufe0f\u00ad\U000e0020</body>", []string{"dropped"}},
		{"body of one emoji", "<body>\u2764\ufe0f</body>", []string{"message", replied, sent + " text=\"❤\ufe0f\""}},
		{"receipt with a body", receipt + body, []string{"message", "received" + about + " by=receipt", passed}},
		{"marker with a body", displays + body, []string{"message", "read" + about + " by=marker", passed}},
		{"ringing", `<ringing xmlns='urn:xmpp:jingle-message:0' id='c1'/>`, []string{"dropped"}},
		{"ringing with a body", `<ringing xmlns='urn:xmpp:jingle-message:0' id='c1'/>` + body, []string{"message", passed}},
		{"a call", `<propose xmlns='urn:xmpp:jingle-message:0' id='c1'/>`, []string{"message", passed}},

		// Hints (protocol §3).
		{"hint", body + `<track xmlns='urn:tocsin:escalation:0' until='displayed' timeout='600' priority='high' escalate='ask' other='x'/>`, []string{"message", replied, sent + ` hint={2 600 3 1} text="hi"`}},
		{"hint for nothing", body + `<track xmlns='urn:tocsin:escalation:0'/>`, []string{"message", replied, sent + ` text="hi"`}},
		{"not tracked", body + `<track xmlns='urn:tocsin:escalation:0' until='none'/>`, []string{"message", replied, sent + ` hint={3 0 0 0} text="hi"`}},
		{"void timeout", body + `<track xmlns='urn:tocsin:escalation:0' timeout='0' priority='high'/>`, []string{"message", replied, sent + ` text="hi"`, "void hint"}},
		{"timeout too long", body + `<track xmlns='urn:tocsin:escalation:0' timeout='1234567890'/>`, []string{"message", replied, sent + ` text="hi"`, "void hint"}},
		{"timeout with a sign", body + `<track xmlns='urn:tocsin:escalation:0' timeout='+5'/>`, []string{"message", replied, sent + ` text="hi"`, "void hint"}},
		{"void word", body + `<track xmlns='urn:tocsin:escalation:0' escalate=''/>`, []string{"message", replied, sent + ` text="hi"`, "void hint"}},
		{"two hints", body + strings.Repeat(`<track xmlns='urn:tocsin:escalation:0' timeout='60'/>`, 2), []string{"message", replied, sent + ` text="hi"`, "void hint"}},
		{"urgency", body + `<headers xmlns='http://jabber.org/protocol/shim'><header name='Keywords'>low</header><header name='Urgency'>high</header></headers>`, []string{"message", replied, sent + ` hint={0 0 3 0} text="hi"`}},
		{"urgency unknown", body + `<headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>urgent</header></headers>`, []string{"message", replied, sent + ` text="hi"`}},
		{"hint before urgency", body + `<headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>high</header></headers><track xmlns='urn:tocsin:escalation:0' timeout='60'/>`, []string{"message", replied, sent + ` hint={0 60 0 0} text="hi"`}},

		// Never evidence, never tracked.
		{"carbon", `<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></received>` + receipt, []string{"dropped"}},
		{"not to be copied", body + `<private xmlns='urn:xmpp:carbons:2'/>`, []string{"message", replied, sent + ` text="hi"`}},
		{"archive", `<result xmlns='urn:xmpp:mam:2'/>` + receipt, []string{"dropped"}},
		{"archived", body + `<archived xmlns='urn:xmpp:mam:tmp' by='here.test' id='1'/>`, []string{"message", replied, sent + ` text="hi"`}},
		{"occupant of a room", body + `<x xmlns='http://jabber.org/protocol/muc#user'/>`, []string{"dropped"}},
		{"replay of a message", late + body, []string{"dropped"}},
		{"replay of a receipt", late + receipt, []string{"dropped"}},
		{"replay by the addressee's archive", strings.Replace(late, "here.test", "alice@here.test", 1) + receipt, []string{"dropped"}},
		{"delayed by nobody", `<delay xmlns='urn:xmpp:delay' stamp='2026-11-24T01:00:00Z'/>` + receipt, []string{"evidence", "received" + about + " by=receipt"}},
		{"delayed by a gateway", strings.Replace(late, "here.test", "gateway.test", 1) + receipt, []string{"evidence", "received" + about + " by=receipt"}},
		{"reply delayed by a gateway", strings.Replace(late, "here.test", "gateway.test", 1) + body, []string{"message", replied + " written=01:01:00", sent + ` text="hi"`}},
		{"reply delayed by a gateway, a moment", strings.NewReplacer("here.test", "gateway.test", "01:00:00", "01:59:30").Replace(late) + body, []string{"message", replied, sent + ` text="hi"`}},
		{"reply delayed in the old way", `<x xmlns='jabber:x:delay' from='far.test' stamp='20261124T01:00:00'/>` + body, []string{"message", replied + " written=01:01:00", sent + ` text="hi"`}},
		{"replay in the old way", `<x xmlns='jabber:x:delay' from='here.test' stamp='20261124T01:00:00'/>` + body, []string{"dropped"}},
		{"delayed many times, and a replay", strings.Repeat(strings.Replace(late, "here.test", "gateway.test", 1), 20) + late + receipt, []string{"dropped"}},
		{"delayed by its author", `<delay xmlns='urn:xmpp:delay' from='bob@here.test/B' stamp='2026-11-24T01:00:00Z'/>` + receipt, []string{"evidence", "received" + about + " by=receipt"}},
		{"delayed by its author, and a replay", `<delay xmlns='urn:xmpp:delay' from='bob@here.test/B' stamp='2026-11-24T01:00:00Z'/>` + late + receipt, []string{"dropped"}},
		// XEP-0359.
		{"origin-id", body + `<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>`, []string{"message", replied, "sent bob@here.test → alice@here.test id=b1 origin=o1 resource=B" + ` text="hi"`}},
		{"origin-id like the id", body + `<origin-id xmlns='urn:xmpp:sid:0' id='b1'/>`, []string{"message", replied, sent + ` text="hi"`}},
		{"origin-id of the original", body + corrects + `<origin-id xmlns='urn:xmpp:sid:0' id='b0'/>`, []string{"message", fixes + ` text="hi"`}},
		{"the addressee's archive", body + `<stanza-id xmlns='urn:xmpp:sid:0' id='s1' by='alice@here.test'/>`, []string{"message", replied, "sent bob@here.test → alice@here.test id=b1 archive=s1 resource=B" + ` text="hi"`}},
		{"other archives", body + `<stanza-id xmlns='urn:xmpp:sid:0' id='s1' by='bob@here.test'/><stanza-id xmlns='urn:xmpp:sid:0' id='s2' by='room.test'/>`, []string{"message", replied, sent + ` text="hi"`}},

		{"message with a message in it", body + `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>` + receipt + `</message></forwarded>`, []string{"message", replied, passed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := take(rulesConfig, copyOf(tt.children)); !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// Sender and recipient of facts.
func TestAddresses(t *testing.T) {
	all := body + request + `<reply xmlns='urn:xmpp:reply:0' id='a1'/>`
	for _, tt := range []struct {
		name, typ, from, to string
		want                []string
	}{
		{"two vhosts", "chat", "dora@also.test/D", "bob@here.test", []string{"message", "read bob@here.test → dora@also.test id=a1 by=reply", "replied bob@here.test → dora@also.test by=reply", `sent dora@also.test → bob@here.test id=m resource=D asks-receipt text="hi"`}},
		{"to a remote user", "chat", "bob@here.test/B", "eve@far.test/x", []string{"message", `sent bob@here.test → eve@far.test id=m resource=B asks-receipt text="hi"`}},
		{"from a remote user", "chat", "eve@far.test/x", "bob@here.test/B", []string{"evidence", "read bob@here.test → eve@far.test id=a1 by=reply", "replied bob@here.test → eve@far.test by=reply"}},
		{"between remote users", "chat", "eve@far.test/x", "mallory@far.test", []string{"dropped"}},
		{"no type", "", "bob@here.test/B", "eve@far.test/x", []string{"message", `sent bob@here.test → eve@far.test id=m resource=B asks-receipt text="hi"`}},
		{"normal: no reply", "normal", "eve@far.test/x", "bob@here.test/B", []string{"evidence", "read bob@here.test → eve@far.test id=a1 by=reply"}},
		{"unknown type", "letter", "bob@here.test/B", "eve@far.test/x", []string{"message", `sent bob@here.test → eve@far.test id=m resource=B asks-receipt text="hi"`}},
		{"headline", "headline", "bob@here.test/B", "alice@here.test/x", []string{"dropped"}},
		{"group chat", "groupchat", "bob@here.test/B", "alice@here.test/x", []string{"dropped"}},
		{"to himself", "chat", "bob@here.test/B", "bob@here.test/C", []string{"dropped"}},
		{"to nobody", "chat", "bob@here.test/B", "", []string{"dropped"}},
		{"from nobody", "chat", "", "bob@here.test/B", []string{"dropped"}},
		{"to a domain", "chat", "bob@here.test/B", "here.test", []string{"dropped"}},
		{"to a service", "chat", "bob@here.test/B", "bot.far.test/x", []string{"dropped"}},
		{"from a domain", "chat", "here.test", "bob@here.test/B", []string{"dropped"}},
		{"to us", "chat", "bob@here.test/B", "sms@tocsin.here.test", []string{"dropped"}},
		{"from us", "chat", "sms@tocsin.here.test/x", "bob@here.test/B", []string{"dropped"}},
		{"to a room's occupant", "chat", "bob@here.test/B", "room@rooms.here.test/al", []string{"dropped"}},
		{"from a room's occupant", "chat", "room@rooms.here.test/al", "bob@here.test/B", []string{"dropped"}},
		{"through a gateway", "chat", "bob@here.test/B", "nick@irc.here.test", []string{"dropped"}},
		{"in capitals", "chat", "BOB@Here.Test/B", "EVE@far.TEST", []string{"message", `sent bob@here.test → eve@far.test id=m resource=B asks-receipt text="hi"`}},
		{"of another script", "chat", "bøb@here.test/B", "ève@xn--mnchen-3ya.test", []string{"message", `sent bøb@here.test → ève@münchen.test id=m resource=B asks-receipt text="hi"`}},
		{"as the server compares it", "chat", "bosse@here.test/B", "boße@HERE.test", []string{"dropped"}},
		{"what PRECIS refuses", "chat", "i♥x@here.test/\U0001FAE8", "alice@exa_mple.test", []string{"message", "sent i♥x@here.test → alice@exa_mple.test id=m resource=\U0001FAE8 asks-receipt text=\"hi\""}},
		{"no address", "chat", "b b@here.test/B", "alice@here.test", []string{"malformed"}},
		{"no address to reach", "chat", "bob@here.test", "al'ice@far.test", []string{"malformed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			attrs := ""
			for _, a := range [][2]string{{"type", tt.typ}, {"from", tt.from}, {"to", tt.to}} {
				if a[1] != "" {
					attrs += fmt.Sprintf(" %s='%s'", a[0], a[1])
				}
			}
			if got := take(rulesConfig, wrap("", `<message xmlns='jabber:client' id='m'`+attrs+`>`+all+`</message>`)); !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// What our own module adds to a copy.
func TestEvents(t *testing.T) {
	m := func(attrs, children string) string {
		return `<message xmlns='jabber:client' type='chat' id='m' from='bob@here.test/B' to='alice@here.test'` + attrs + `>` + children + `</message>`
	}
	bounce := `<message xmlns='jabber:client' type='error' id='m' from='alice@here.test' to='bob@here.test/B'>` + failure + `</message>`
	const (
		at    = " at=01:59:00.25"
		sent  = "sent bob@here.test → alice@here.test id=m once" + at + ` resource=B text="hi"`
		reply = "replied alice@here.test → bob@here.test by=reply" + at
	)
	for _, tt := range []struct {
		name, frame string
		want        []string
	}{
		{"out", wrap("out", m("", body)), []string{"message", reply, sent}},
		{"out with a delay of the author's client", wrap("out", m("", late+body)), []string{"message", reply + " written=01:01:00", sent}},
		{"in", wrap("in", m("", body)), []string{"message", reply, strings.Replace(sent, " once", "", 1)}},
		{"in, a replay", wrap("in", m("", late+receipt)), []string{"dropped"}},
		{"stored", wrap("offline", m("", body)), []string{"evidence", "stored bob@here.test → alice@here.test id=m" + at}},
		{"stored again", wrap("offline", m("", late+body)), []string{"evidence", "stored bob@here.test → alice@here.test id=m" + at}},
		{"a stored receipt", wrap("offline", m("", receipt)), []string{"dropped"}},
		{"acked", wrap("acked", m("", late+body)), []string{"evidence", "received bob@here.test → alice@here.test id=m by=ack" + at}},
		{"acked, encrypted", wrap("acked", m("", omemoText)), []string{"evidence", "received bob@here.test → alice@here.test id=m by=ack" + at}},
		{"acked by somebody else", strings.Replace(wrap("acked", m("", body)), "event=", "session='carol@here.test/C' event=", 1), []string{"dropped"}},
		{"acked receipt", wrap("acked", m("", receipt)), []string{"dropped"}},
		{"acked error", wrap("acked", bounce), []string{"dropped"}},
		{"acked, from a remote user", wrap("acked", `<message xmlns='jabber:client' type='chat' id='m' from='eve@far.test' to='alice@here.test'>`+body+`</message>`), []string{"dropped"}},
		{"bounce", wrap("bounce", bounce), []string{"evidence", "bounced bob@here.test → alice@here.test id=m by=error refusal" + at}},
		{"bounce that is none", wrap("bounce", m("", body)), []string{"dropped"}},
		{"an event that is unknown", wrap("typing", m("", body)), []string{"dropped"}},
		{"a time to come", strings.Replace(wrap("offline", m("", body)), "01:59:00.250Z", "02:01:00Z", 1), []string{"evidence", "stored bob@here.test → alice@here.test id=m"}},
		{"no time", strings.Replace(wrap("offline", m("", body)), "01:59:00.250Z", "25:00", 1), []string{"evidence", "stored bob@here.test → alice@here.test id=m"}},
		{"another zone", strings.Replace(wrap("offline", m("", body)), "01:59:00.250Z", "04:29:00+03:00", 1), []string{"evidence", "stored bob@here.test → alice@here.test id=m at=01:29:00"}},
		{"a delay that is not our module's", strings.Replace(wrap("offline", m("", body)), ns, "urn:example", 1), []string{"message", "replied alice@here.test → bob@here.test by=reply", `sent bob@here.test → alice@here.test id=m resource=B text="hi"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := take(rulesConfig, tt.frame); !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestBounces(t *testing.T) {
	condition := func(typ, name string) string {
		return `<error type='` + typ + `'><` + name + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
	}
	const bounced, refused, deferred = "bounced bob@here.test → alice@here.test id=m by=error", "bounced bob@here.test → alice@here.test id=m by=error refusal", "deferred bob@here.test → alice@here.test id=m by=error"
	for _, tt := range []struct {
		name, children string
		want           []string
	}{
		{"blocked", failure, []string{"evidence", refused}},
		{"no such user", condition("cancel", "item-not-found"), []string{"evidence", bounced}},
		{"no such server", condition("cancel", "remote-server-not-found"), []string{"evidence", bounced}},
		{"forbidden", condition("auth", "forbidden"), []string{"evidence", refused}},
		{"nothing said", ``, []string{"evidence", bounced}},
		{"with the message", body + request + failure, []string{"evidence", refused}},
		{"type wait", condition("wait", "recipient-unavailable"), []string{"evidence", deferred}},
		{"server timeout", condition("cancel", "remote-server-timeout"), []string{"evidence", deferred}},
		{"no room", condition("cancel", "resource-constraint"), []string{"evidence", deferred}},
		{"condition of another namespace", `<error type='cancel'><remote-server-timeout xmlns='urn:example'/></error>`, []string{"evidence", bounced}},
		{"of what was sent with a receipt", receipt + failure, []string{"evidence", refused}},
		{"of a message with a receipt", receipt + body + failure, []string{"evidence", refused}},
		{"of what calls itself a correction", body + corrects + failure, []string{"evidence", refused}},
		{"of what calls itself a retraction", retracts + body + failure, []string{"evidence", refused}},
		{"of several errors the gravest", condition("wait", "resource-constraint") + failure, []string{"evidence", refused}},
		{"of several errors the gravest, the other way round", failure + condition("wait", "resource-constraint"), []string{"evidence", refused}},
		{"of several errors the gravest, in between", condition("wait", "resource-constraint") + condition("cancel", "item-not-found") + condition("wait", "resource-constraint"), []string{"evidence", bounced}},
		{"of several errors that may pass", condition("cancel", "remote-server-timeout") + condition("wait", "resource-constraint"), []string{"evidence", deferred}},
		{"refused for the moment", condition("wait", "service-unavailable"), []string{"evidence", deferred}},
		{"not acceptable, by blocking", `<error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/></error>`, []string{"evidence", refused}},
		{"a session that has ended", condition("cancel", "recipient-unavailable"), []string{"evidence", bounced}},
		{"late", late + failure, []string{"evidence", refused}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := wrap("", `<message xmlns='jabber:client' type='error' id='m' from='alice@here.test' to='bob@here.test/B'>`+tt.children+`</message>`)
			if got := take(rulesConfig, frame); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			remote := strings.Replace(frame, "bob@here.test", "eve@far.test", 1)
			if got := take(rulesConfig, remote); !slices.Equal(got, []string{"dropped"}) {
				t.Errorf("for a remote sender: %q", got)
			}
		})
	}
}

// Which copies are believed.
func TestBelief(t *testing.T) {
	good := copyOf(receipt)
	if got := take(rulesConfig, good)[0]; got != "evidence" {
		t.Fatal(got)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"a user", "from='here.test'", "from='mallory@here.test/x'", "rejected"},
		{"a user of the domain's name", "from='here.test'", "from='here.test@here.test'", "rejected"},
		{"a resource of the domain", "from='here.test'", "from='here.test/x'", "rejected"},
		{"a domain below", "from='here.test'", "from='x.here.test'", "rejected"},
		{"another domain", "from='here.test'", "from='far.test'", "rejected"},
		{"nobody", "from='here.test'", "", "rejected"},
		{"no address", "from='here.test'", "from='♥@here.test'", "rejected"},
		{"the other vhost", "from='here.test'", "from='also.test'", "evidence"},
		{"the vhost in capitals", "from='here.test'", "from='HERE.test'", "evidence"},
		{"a user's error", "<message from='here.test'", "<message type='error' from='mallory@here.test'", "rejected"},
		{"an error", "<message from=", "<message type='error' from=", "dropped"},
		{"a child of another namespace", "urn:xmpp:forward:0", "urn:example", "dropped"},
		{"no message outside", "<message from='here.test'", "<message xmlns='urn:example' from='here.test'", "dropped"},
		{"no message inside", "xmlns='jabber:client'", "xmlns='urn:example'", "dropped"},
		{"two messages inside", "</forwarded>", "<message xmlns='jabber:client'/></forwarded>", "dropped"},
		{"two forwards", "</forwarded>", "</forwarded><forwarded xmlns='urn:xmpp:forward:0'/>", "dropped"},
		{"broken", "</forwarded>", "</forwarded", "malformed"},
		{"crossed", "</forwarded></message>", "</message></forwarded>", "malformed"},
		{"the inner stanza of the wrapper's namespace", "xmlns='jabber:client' ", "", "dropped"},
		{"server's namespace", "jabber:client", "jabber:server", "evidence"},
	} {
		frame := strings.Replace(good, tt.old, tt.new, 1)
		if frame == good {
			t.Fatalf("%s: no difference", tt.name)
		}
		if tt.name == "crossed" {
			frame = strings.Replace(frame, "</forwarded>", "", 1)
		}
		if got := take(rulesConfig, frame)[0]; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Truncated frames are malformed.
func TestFragments(t *testing.T) {
	frame := wrap("out", `<message xmlns='jabber:client' type='chat' id='m' from='bob@here.test/B' to='alice@here.test/A'>`+request+`<body>&lt;</body></message>`)
	for i := 1; i < len(frame); i++ {
		for _, fragment := range []string{frame[:i], frame[i:]} {
			if got := take(rulesConfig, fragment)[0]; got != "malformed" {
				t.Fatalf("%s: %s", got, fragment)
			}
		}
	}
}

func TestSwitches(t *testing.T) {
	quiet := rulesConfig
	quiet.ReplyReads, quiet.KeepText = false, false
	want := []string{"message", "sent bob@here.test → alice@here.test id=b1 resource=B"}
	if got := take(quiet, copyOf(body+replying)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := take(quiet, copyOf(reacts)); !slices.Equal(got, []string{"message", "passed bob@here.test → alice@here.test id=b1"}) {
		t.Errorf("reaction: %q", got)
	}
}

// A further copy of a reply, which ejabberd makes where it is received, does not cover messages written in between.
func TestFurtherCopies(t *testing.T) {
	tap := New(rulesConfig)
	replies := func(frame string, at time.Duration) bool {
		var s Sighting
		tap.Read([]byte(frame), track.At(rulesNow.Add(at)), &s)
		return slices.ContainsFunc(s.Facts, func(f track.Fact) bool { return f.Kind == track.Replied })
	}
	frame := copyOf(body)
	if !replies(frame, 0) || replies(frame, time.Second) || !replies(frame, time.Hour) {
		t.Error("a message replies once within a minute")
	}
	if !replies(strings.Replace(frame, "b1", "b2", 1), time.Second) {
		t.Error("so does the next")
	}
}
