package lab_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/lab"
)

var update = flag.Bool("update", false, "record anew what the modules tell")

// recorder records a module's events step by step, for component/tap's tests: one batch per step, without what differs from
// run to run.
type recorder struct {
	t    *testing.T
	tap  *lab.Component
	host string
	rest string              // of the wire: an incomplete batch
	ids  map[string][]string // of sessions and of the archive, in order of appearance
	out  strings.Builder
	n    int
}

var (
	batchText = regexp.MustCompile(`(?s)<message [^>]*><tap ([^>]*)>(.*?)</tap></message>`)
	after     = regexp.MustCompile(`^(<[\w-]+) d='\d+'`)
	standing  = regexp.MustCompile(`^<roster.*( o='[^']*' j='[^']*') ro=`)
	version   = regexp.MustCompile(` server='(\w+) [^']*'`)
)

// madeUp are the ids that differ from run to run, by kind.
var madeUp = []struct {
	of string
	id *regexp.Regexp
}{
	{"k", regexp.MustCompile(`( k=')([^']*)'`)},
	{"k", regexp.MustCompile(`(^<resumed .* o=')([^']*)'`)},
	{"archive", regexp.MustCompile(`(^<stanza-id .* id='|<si id=')([^']*)'`)},
}

// step does something, and records the resulting events. If they have no fixed order, they are sorted by the given part of
// each.
func (r *recorder) step(name string, do func(), sortBy ...string) {
	r.t.Helper()
	r.tap.Forget()
	do()
	r.tap.Sync(r.host)
	r.write(name, sortBy...)
}

func (r *recorder) write(name string, sortBy ...string) {
	r.t.Helper()
	var events []string
	came := r.rest + r.tap.Wire()
	r.rest = came
	for _, at := range batchText.FindAllStringSubmatchIndex(came, -1) {
		events = append(events, r.split(came[at[4]:at[5]])...)
		r.rest = came[at[1]:]
	}
	if len(sortBy) > 0 {
		part := regexp.MustCompile(sortBy[0])
		slices.SortStableFunc(events, func(a, b string) int { return strings.Compare(part.FindString(a), part.FindString(b)) })
	}
	for i := len(events) - 1; i >= 0; i-- { // intermediate states of a roster depend on when the module looks
		if m := standing.FindStringSubmatch(events[i]); m != nil && slices.ContainsFunc(events[i+1:], func(e string) bool { return strings.Contains(e, m[1]) }) {
			events = slices.Delete(events, i, i+1)
		}
	}
	r.n++
	fmt.Fprintf(&r.out, "# %s\n", name)
	if len(events) == 0 {
		return
	}
	fmt.Fprintf(&r.out, "<message from='%s' to='%s' type='normal'><tap xmlns='urn:tocsin:tap:1' run='recorded1' n='%d' t='1795600000000'>\n", r.host, r.tap.Name(), r.n)
	for _, e := range events {
		e = after.ReplaceAllString(e, "$1")
		for _, x := range madeUp {
			e = x.id.ReplaceAllStringFunc(e, func(found string) string {
				m := x.id.FindStringSubmatch(found)
				return m[1] + r.named(x.of, m[2]) + "'"
			})
		}
		r.out.WriteString(version.ReplaceAllString(e, " server='$1 1'") + "\n")
	}
	r.out.WriteString("</tap></message>\n")
}

// named returns a name for a random id.
func (r *recorder) named(kind, id string) string {
	at := slices.Index(r.ids[kind], id)
	if at < 0 {
		at = len(r.ids[kind])
		r.ids[kind] = append(r.ids[kind], id)
	}
	return fmt.Sprintf("%s%d", kind, at+1)
}

// split returns the events of a batch as written. ejabberd's module ends some batches with an empty element.
func (r *recorder) split(text string) (events []string) {
	dec := xml.NewDecoder(strings.NewReader(text))
	for depth, start := 0, 0; ; {
		before := int(dec.InputOffset())
		tok, err := dec.RawToken()
		if err != nil {
			return events
		}
		switch tok.(type) {
		case xml.StartElement:
			if depth == 0 {
				start = before
			}
			depth++
		case xml.EndElement:
			if depth--; depth == 0 {
				if e := text[start:dec.InputOffset()]; e != "<end/>" {
					events = append(events, e)
				}
			}
		}
	}
}

// payloads are messages from Alice that contain, together, every payload of protocol §10, by name.
var payloads = []struct{ name, attrs, children string }{
	{"text", "", "<body>a &lt; b &amp; \"c\" 'd' &gt; e\nf 😀</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>"},
	{"other-language", " xml:lang='de'", "<body xml:lang='en'>hello</body><body xml:lang='de'>hallo</body>"},
	{"subject", " type='normal'", "<subject>news</subject><body>hello</body><thread>t1</thread>"},
	{"receipt", "", "<received xmlns='urn:xmpp:receipts' id='x'/>"},
	{"marker-received", "", "<received xmlns='urn:xmpp:chat-markers:0' id='x'/>"},
	{"marker-displayed", "", "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>"},
	{"marker-acknowledged", "", "<acknowledged xmlns='urn:xmpp:chat-markers:0' id='a&apos;b'/>"},
	{"reply", "", "<body>&gt; hello\nyes</body><reply xmlns='urn:xmpp:reply:0' id='x' to='bob@lab.test/desk'/>" +
		"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback>"},
	{"reaction", "", "<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>😀</reaction></reactions><store xmlns='urn:xmpp:hints'/>"},
	{"reaction-taken-back", "", "<reactions xmlns='urn:xmpp:reactions:0' id='x'/>"},
	{"correction", "", "<body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='text'/>"},
	{"retraction", "", "<body>gone</body><retract xmlns='urn:xmpp:message-retract:1' id='text'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>"},
	{"retraction-of-old", "", "<apply-to xmlns='urn:xmpp:fasten:0' id='text'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"},
	{"omemo", "", "<encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>" +
		"<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/><body>not for you</body>"},
	{"omemo-key", "", "<encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted>"},
	{"omemo2", "", "<encrypted xmlns='urn:xmpp:omemo:2'><header/><payload>x</payload></encrypted>"},
	{"openpgp", "", "<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>"},
	{"pgp", "", "<body>not for you</body><x xmlns='jabber:x:encrypted'>x</x>"},
	{"origin-id", "", "<body>hello</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"},
	{"origin-id-same", "", "<body>hello</body><origin-id xmlns='urn:xmpp:sid:0' id='origin-id-same'/>"},
	{"delay", "", "<body>hello</body><delay xmlns='urn:xmpp:delay' from='gateway.test' stamp='2026-11-24T01:00:00Z'/>"},
	{"no-store", "", "<body>hello</body><no-store xmlns='urn:xmpp:hints'/>"},
	{"call", "", "<propose xmlns='urn:xmpp:jingle-message:0' id='c1'/>"},
	{"hint", "", "<body>hello</body><track xmlns='urn:tocsin:escalation:0' until='displayed' timeout='600' priority='high'/>"},
	{"urgency", "", "<body>hello</body><headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>high</header></headers>"},
	{"forward", "", "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>x</body></message></forwarded>"},
	{"new", "", "<x xmlns='urn:example:new'/>"},
	{"typing", "", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"},
}

// What our modules report about one conversation equals the recording in component/tap/testdata/told, which the tap's tests
// read.
func TestModuleTells(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, lab.Options) *lab.Server{"prosody": lab.Prosody, "ejabberd": lab.Ejabberd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := lab.Options{Tap: lab.Module, SMTimeout: 3 * time.Second, Registration: true}
			if name == "prosody" {
				o.Extra = "bounce_blocked_messages = true\nComponent \"far.test\"\n	component_secret = \"" + farSecret + "\"\n	validate_from_addresses = false"
			}
			server := start(t, o)
			got := converse(t, server, routeFrom(t, name, server), name == "prosody")
			golden := filepath.Join("..", "..", "component", "tap", "testdata", "told", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
		})
	}
}

const farSecret = "far-secret-3Kp"

// routeFrom returns a function that sends a stanza from carol@far.test, a user of another server, to a local user.
func routeFrom(t *testing.T, name string, server *lab.Server) func(to, stanza string) {
	if name == "prosody" {
		gateway := *server
		gateway.Component, gateway.Target, gateway.Tap, gateway.Secret = "far.test", "far.test", lab.NoTap, farSecret
		far := gateway.Attach()
		return func(_, stanza string) { far.Send("%s", stanza) }
	}
	address, err := url.Parse(server.Websocket)
	if err != nil {
		t.Fatal(err)
	}
	return func(to, stanza string) {
		body, err := json.Marshal(map[string]string{"from": "carol@far.test/x", "to": to, "stanza": stanza})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post("http://"+address.Host+"/api/send_stanza", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("send_stanza: %s", resp.Status)
		}
	}
}

// converse makes the module report everything it can, and returns that. The end of a server that saysBye is recorded, too; another
// keeps what it has not sent when it closes the stream, and how much that is depends on time.
func converse(t *testing.T, server *lab.Server, route func(to, stanza string), saysBye bool) string {
	tap := server.NewComponent()
	tap.Record = true
	tap.Features = []string{"urn:tocsin:tap:1#ids", "urn:tocsin:tap:1#mds"}
	r := &recorder{t: t, tap: tap, host: server.Domain, ids: map[string][]string{}}
	var alice, desk, phone *lab.Client
	fate := func(id string) {
		tap.Wait(lab.Timeout, "the fate of "+id, func(e *lab.Element) bool {
			return e.Attr("i") == id && slices.Contains([]string{"acked", "handed", "bounce", "dropped", "offline"}, e.Name.Local)
		})
	}
	ended := func(c *lab.Client, why string) {
		tap.Expect("{urn:tocsin:tap:1}closed[@s='%s'][@why='%s']", c.JID(), why)
	}

	r.step("the component comes", func() {
		tap.Connect()
		tap.Expect("{urn:tocsin:tap:1}hello")
	})
	r.step("sessions", func() {
		alice, desk = server.Login("alice/phone", lab.Markers), server.Login("bob/desk", lab.Silent)
		desk.Available("<show>away</show>", "<status>private</status>", "<priority>5</priority>")
		desk.Sync()
	})
	r.step("contacts", func() {
		lab.Befriend(alice, desk)
		for _, pair := range [][2]*lab.Client{{alice, desk}, {desk, alice}} {
			tap.Expect("{urn:tocsin:tap:1}roster[@o='%s'][@j='%s'][@ro='both']", pair[0].Bare(), pair[1].Bare())
		}
	}, ` o='[^']*'`)
	for _, p := range payloads {
		r.step(p.name, func() {
			attrs := p.attrs
			if !strings.Contains(attrs, "type=") {
				attrs += " type='chat'"
			}
			alice.Send("<message id='%s' to='bob@lab.test'%s>%s</message>", p.name, attrs, p.children)
			alice.Sync()
			desk.Sync()
		})
	}
	r.step("an error of a client's", func() {
		desk.Send("<message id='text' to='%s' type='error'><body>hello</body><request xmlns='urn:xmpp:receipts'/><error type='cancel' by='bob@lab.test'>"+
			"<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", alice.JID())
		alice.Expect("message[@type='error']")
	})
	r.step("from elsewhere", func() {
		for _, m := range []string{"id='f1' type='chat'><body>hello</body>", "id='f2'><body>hello</body><delay xmlns='urn:xmpp:delay' from='far.test' stamp='2026-11-24T01:00:00Z'/>",
			"id='f3' type='error'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"} {
			route(desk.JID(), "<message from='carol@far.test/x' to='"+desk.JID()+"' "+m+"</message>")
			desk.Expect("message[@from='carol@far.test/x']")
		}
	})
	r.step("nobody", func() { alice.Say("nobody@lab.test", "n1", "hello"); fate("n1") })
	r.step("somebody who is away", func() {
		server.AddUser("dave", "secret")
		alice.Say("dave@lab.test", "d1", "hello")
		fate("d1")
	})
	r.step("stream management", func() {
		desk.Close()
		ended(desk, "left")
		phone = server.Login("bob/phone", lab.Silent)
		phone.Manage()
		phone.Sync()
		alice.Say(phone.Bare(), "s1", "hello")
		fate("s1")
	})
	r.step("no network", func() {
		phone.Quiet()
		alice.Say(phone.Bare(), "s2", "hello")
		phone.Expect("message[@id='s2']")
		phone.Drop()
		tap.Expect("{urn:tocsin:tap:1}hibernating[@s='%s']", phone.JID())
		phone.Resume()
		fate("s2")
	}, `^<\w+`)
	dead := func(user, id string, before func(*lab.Client)) *lab.Client {
		c := server.Login(user+"/dead", lab.Silent)
		before(c)
		c.Manage()
		c.Sync()
		c.Quiet()
		alice.Say(c.Bare(), id, "hello")
		c.Expect("message[@id='%s']", id)
		c.Drop()
		return c
	}
	r.step("sessions that are given up", func() {
		erin := dead("erin", "e1", func(*lab.Client) {})
		frank := dead("frank", "e2", func(c *lab.Client) { c.Must("set", "", "<query xmlns='urn:xmpp:mam:2'/>") })
		ended(erin, "timeout")
		ended(frank, "timeout")
	}, `(erin|frank)@`)
	r.step("lost, replaced", func() {
		grace := server.Login("grace/desk", lab.Silent)
		grace.Drop()
		ended(grace, "lost")
		grace = server.Login("grace/desk", lab.Silent)
		server.Login("grace/desk", lab.Silent)
		ended(grace, "replaced")
		tap.Sync(server.Domain)
		alice.Say(grace.Bare(), "g1", "hello")
		fate("g1")
	}, `^<\w+`)
	r.step("blocked", func() {
		henry := server.Login("henry/desk", lab.Silent)
		henry.Block(alice.Bare())
		alice.Say(henry.Bare(), "h1", "hello")
		fate("h1")
		alice.Say(henry.JID(), "h2", "hello")
		fate("h2")
		henry.Say(alice.Bare(), "h3", "hello")
		fate("h3")
	})
	r.step("blocked meanwhile", func() {
		iris := server.Client("iris/desk", lab.Silent)
		alice.Say(iris.Bare(), "i1", "hello")
		fate("i1")
		iris.Connect()
		iris.Block(alice.Bare())
		iris.Available()
		iris.Sync()
		fate("i1")
	})
	r.step("read on another device", func() {
		phone.Must("set", "", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='alice@lab.test'>"+
			"<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='bob@lab.test' id='a1'/></displayed></item></publish></pubsub>")
	})
	r.step("contacts no more", func() {
		phone.Must("set", "", "<query xmlns='jabber:iq:roster'><item jid='alice@lab.test' subscription='remove'/></query>")
		for _, pair := range [][2]*lab.Client{{alice, phone}, {phone, alice}} {
			tap.Expect("{urn:tocsin:tap:1}roster[@o='%s'][@j='%s'][@ro='none']", pair[0].Bare(), pair[1].Bare())
		}
	}, ` o='[^']*'`)
	r.step("an account is deleted", func() {
		judy := server.Login("judy/desk", lab.Silent)
		judy.Send("<iq type='set' id='remove'><query xmlns='jabber:iq:register'><remove/></query></iq>")
		tap.Expect("{urn:tocsin:tap:1}removed[@j='%s']", judy.Bare())
		tap.Expect("{urn:tocsin:tap:1}closed[@s='%s']", judy.JID())
	}, `^<\w+`)
	r.step("the component comes again, and wants less", func() {
		tap.Close()
		tap.Features = []string{"urn:tocsin:tap:1#no-text", "urn:tocsin:tap:1#no-reactions", "urn:tocsin:tap:1#no-presence"}
		tap.Connect()
		for _, who := range []string{alice.JID(), phone.JID(), "grace@lab.test/desk", "henry@lab.test/desk", "iris@lab.test/desk"} {
			tap.Expect("{urn:tocsin:tap:1}here[@s='%s']", who)
		}
	}, `^<here.* s='[^']*'`)
	for id, body := range map[string]string{"text": "hello", "blank": " \u200b", "otr": "?OTR:AAMDxxx.", "otr-auto": "?OTR:AAMKxxx."} {
		alice.Say(phone.Bare(), "less-"+id, body)
		fate("less-" + id)
	}
	r.step("no text", func() {
		alice.SendPayload(phone.Bare(), "<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction></reactions>")
		alice.Available("<show>away</show>")
		alice.Sync()
	}, ` i='[^']*'`)
	server.Stop()
	tap.ExpectEnd()
	if saysBye {
		r.write("the server stops", ` s='[^']*'|^<bye`)
	}
	return r.out.String()
}
