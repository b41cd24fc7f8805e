package fakeserver

import (
	"context"
	"encoding/xml"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/component/session"
)

// toy is a minimal component: two minutes after a message without a receipt it notifies the sender. Its database is a map.
type toy struct {
	mu      sync.Mutex
	due     map[string]time.Time // by id
	numbers map[string]string

	session *session.Session
	stop    context.CancelFunc
	done    sync.WaitGroup
}

func newToy(*testing.T) Subject {
	return &toy{due: map[string]time.Time{}, numbers: map[string]string{}}
}

func (c *toy) Prefer(string, string, string) error { return nil }

func (c *toy) Number(jid, number string, _ bool) error {
	c.numbers[jid] = number
	return nil
}

func (c *toy) Phone(string, string, string, string) error { return nil }

func (c *toy) Start(_ string, dial func(context.Context) (net.Conn, error), _ func(to, from, text string)) error {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.session = session.New(session.Options{JID: jid.MustParse(component), Secret: secret, Dial: dial, RetryMax: time.Second})
	c.done.Go(func() { c.session.Run(ctx, session.Inbound{Handler: c}) }) //nolint:errcheck // it is stopped
	c.done.Go(func() { c.watch(ctx) })
	return nil
}

func (c *toy) Crash() {
	c.stop()
	c.done.Wait()
}

func (c *toy) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		c.mu.Lock()
		for id, due := range c.due {
			if !time.Now().Before(due) {
				delete(c.due, id)
				c.session.Send(ctx, session.Message{To: "alice@example.org", Type: "headline", Payload: []any{ //nolint:errcheck
					status{ID: id, State: "timeout"}, noStore{}}})
			}
		}
		c.mu.Unlock()
	}
}

type status struct {
	XMLName xml.Name `xml:"urn:tocsin:escalation:0 status"`
	ID      string   `xml:"id,attr"`
	State   string   `xml:"state,attr"`
}

type noStore struct {
	XMLName xml.Name `xml:"urn:xmpp:hints no-store"`
}

func (c *toy) Message(m *session.Stanza) {
	p := m.Child("urn:xmpp:forward:0", "forwarded")
	if p == nil {
		return
	}
	var forwarded struct {
		Message struct {
			ID       string `xml:"id,attr"`
			Body     string `xml:"jabber:client body"`
			Received *struct {
				ID string `xml:"id,attr"`
			} `xml:"urn:xmpp:receipts received"`
		} `xml:"jabber:client message"`
	}
	if p.Decode(&forwarded) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := forwarded.Message.Received; r != nil {
		delete(c.due, r.ID)
	} else if forwarded.Message.Body != "" {
		c.due[forwarded.Message.ID] = time.Now().Add(2 * time.Minute)
	}
}

func (c *toy) Presence(*session.Stanza) {}

func (c *toy) IQ(iq *session.Stanza) {
	c.done.Go(func() {
		c.session.Send(context.Background(), session.Result(iq, iqAnswer{Text: "pong"})) //nolint:errcheck
	})
}

type iqAnswer struct {
	XMLName xml.Name `xml:"urn:toy answer"`
	Text    string   `xml:",chardata"`
}

const story = `Bob says nothing.
-- story --
online alice/phone T
tap out alice/phone → bob id=m1 "Hello" request

advance 1m
! expect status alice m1 timeout
expect nothing
# Time is up.
advance 1m1s
expect status alice m1 timeout
! expect status alice m1 timeout

tap out alice/phone → bob id=m2 "Hello again" request
tap out bob/desk → alice/phone id=r2 receipt=m2
advance 5m
expect nothing

# It is written down.
tap out alice/phone → bob id=m3 "…" request
restart
advance 2m2s
expect status alice m3 timeout
ask alice/phone get <q xmlns='urn:toy'/> → ok
expect <answer>po$x</answer>
`

func TestStorySucceeds(t *testing.T) {
	if err := play(t, story, Module, Firewall, Ejabberd); err != nil {
		t.Error(err)
	}
}

// play plays a story with the toy; the first error counts.
func play(t *testing.T, text string, shapes ...Shape) (first error) {
	t.Helper()
	s, err := Parse("toy.txtar", []byte(text))
	if err != nil {
		return err
	}
	for _, shape := range shapes {
		synctest.Test(t, func(t *testing.T) {
			if err := s.Play(newToy(t), shape); err != nil && first == nil {
				first = err
			}
		})
	}
	return first
}

// Our module keeps events while the component is away; other taps don't.
func TestBacklog(t *testing.T) {
	const outage = "-- story --\ntap out alice/phone → bob id=m1 \"Hi\"\ndown\ntap out bob/desk → alice id=r1 receipt=m1\nadvance 1m\nup\nadvance 2m\n"
	if err := play(t, outage+"expect nothing", Module); err != nil {
		t.Error(err)
	}
	if err := play(t, outage+"expect status alice m1 timeout", Firewall, Ejabberd); err != nil {
		t.Error(err)
	}
}

func TestStoryFails(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"-- story --\nwhat", "toy.txtar:2: what: unknown command"},
		{"-- story --\n\n# nothing", "toy.txtar: no story"},
		{"-- tale --\nadvance 1m", `toy.txtar: unknown section "tale"`},
		{"-- story --\nshape wave", `toy.txtar:2: shape wave: unknown shape "wave"`},
		{"About it.\n-- config --\nx = 1\n-- story --\n\nexpect chat alice \"x", "toy.txtar:6: expect chat alice \"x: unterminated quote"},
		{"-- story --\nexpect status alice m1 timeout", "received instead: nothing"},
		{"-- story --\nexpect status alice", "status needs 3 words"},
		{"-- story --\nexpect status alice m1 timeout colour=red", `unknown option "colour"`},
		{"-- story --\ntap out alice → bob colour=red", `unknown word "colour=red"`},
		{"-- story --\ntap over alice → bob \"x\"", `unknown event "over"`},
		{"-- story --\ntap out alice bob", "→ TO"},
		{"-- story --\ntap out alice → bob id=m1 \"x\"\nadvance 3m\n! expect status alice m1 …", "received:\n\t<message"},
		{"-- story --\ntap out alice → bob id=m1 \"x\"\nadvance 3m\nexpect nothing", "received:\n\t<message"},
		{"-- story --\nask alice/phone get <q xmlns='urn:toy'/> → item-not-found", "answered <iq"},
		{"-- story --\noffline alice/phone", "not online"},
	} {
		if err := play(t, tc.text, Firewall); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.text, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	const stanza = `<message to='alice@example.org' type='chat'><a xmlns='urn:a' x='1'><b/><b y='2'/></a><body>Say "sent 7f3c" now</body></message>`
	e, err := ParseElement(stanza)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`<message/>`:                                                              true,
		`<presence/>`:                                                             false,
		`<message type='chat' to='alice@…'/>`:                                     true,
		`<message type='normal'/>`:                                                false,
		`<message from='∅'/>`:                                                     true,
		`<message to='∅'/>`:                                                       false,
		`<message from='…'/>`:                                                     false,
		`<message><a/></message>`:                                                 true,
		`<message><a xmlns='urn:a'/></message>`:                                   true,
		`<message><a xmlns='urn:b'/></message>`:                                   false,
		`<message><a><b/><b/></a></message>`:                                      true,
		`<message><a><b/><b/><b/></a></message>`:                                  false,
		`<message><a><b y='2'/><b/></a></message>`:                                true,
		`<message><a><not:c/></a></message>`:                                      true,
		`<message><a><not:b/></a></message>`:                                      false,
		`<message><a><not:b y='3'/></a></message>`:                                true,
		`<message><body>…"sent $code"…</body></message>`:                          true,
		`<message><body>…"sent $code" or "no $code"…</body></message>`:            false,
		`<message><body>Say</body></message>`:                                     false,
		`<message><body>…now</body><body>…</body></message>`:                      false,
		`<message><a x='$v'/><body>…"sent $v"…</body></message>`:                  false,
		`<message><a x='$v'><b y='$w'/></a><body>…"sent $code"…</body></message>`: true,
	} {
		p, err := ParseElement(text)
		if err != nil {
			t.Fatal(err)
		}
		v := vars{}
		if got := v.try(p, e); got != want {
			t.Errorf("%s: %t", text, got)
		}
		if strings.Contains(text, "$code") && want && v["$code"] != "7f3c" {
			t.Errorf("%s: caught %q", text, v["$code"])
		}
		if !want && len(v) > 0 {
			t.Errorf("%s: caught %v", text, v)
		}
	}
}

// The copies equal those recorded from real servers.
func TestShapes(t *testing.T) {
	at := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	inner, err := message("alice@example.org/A1", "bob@example.org", []string{"id=m1", `"hello"`, "request"})
	if err != nil {
		t.Fatal(err)
	}
	const body = `<message xmlns='jabber:client' from='alice@example.org/A1' to='bob@example.org' type='chat' id='m1'>` +
		`<body>hello</body><request xmlns='urn:xmpp:receipts'/>`
	const forwarded = `<forwarded xmlns='urn:xmpp:forward:0'>`
	const end = `</message></forwarded></message>`
	const delay = `<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2026-11-24T02:00:00.000Z'>Offline storage</delay>`
	tap := func(event string) string {
		return `<message from='example.org' to='tocsin.example.org' type='normal'><tap xmlns='urn:tocsin:tap:0' event='` + event + `'/>` +
			forwarded + `<delay xmlns='urn:xmpp:delay' stamp='2026-11-24T02:00:00.000Z'/>` + body + end
	}
	plain := func(id string) string {
		return `<message from='example.org' to='tocsin.example.org'` + id + `>` + forwarded + body
	}
	for _, tc := range []struct {
		shape Shape
		event string
		there bool
		want  []string
	}{
		{Module, eventOut, true, []string{tap("out")}},
		{Module, eventAcked, true, []string{tap("acked")}},
		{Module, eventOffline, false, []string{tap("offline")}},
		{Module, eventReplay, true, nil},
		{Firewall, eventOut, true, []string{plain("") + end}},
		{Firewall, eventOffline, false, nil},
		{Ejabberd, eventOut, true, []string{plain(" id='1'") + end, plain(" id='2'") + end}},
		{Ejabberd, eventOut, false, []string{plain(" id='1'") + end}},
		{Ejabberd, eventAcked, true, nil},
		{Ejabberd, eventReplay, true, []string{plain(" id='4'") + delay + end}},
	} {
		got := tc.shape.copies(tc.event, "alice@example.org/A1", "bob@example.org", inner, at, tc.there)
		if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tc.shape, tc.event, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
	cross := Ejabberd.copies(eventOut, "dave@second.example/D1", "alice@example.org", "<message/>", at, true)
	if len(cross) != 2 || !strings.Contains(cross[0], "from='second.example'") || !strings.Contains(cross[1], "from='example.org'") {
		t.Errorf("between virtual hosts: %s", strings.Join(cross, "\n"))
	}
}
