package session_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/component/session"
	"tocsin/internal/fakeserver"
)

type note struct {
	XMLName xml.Name `xml:"urn:example note"`
	Text    string   `xml:",chardata"`
}

func TestSend(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	for _, tc := range []struct {
		stanza any
		want   string
	}{
		{session.Message{To: "alice@example.org", Type: "chat", ID: "1", Lang: "en", Body: "a < b", Payload: []any{note{Text: "x"}, &note{}}},
			`<message from='tocsin.example.org' to='alice@example.org' type='chat' id='1' xml:lang='en'><body>a &lt; b</body><note xmlns='urn:example'>x</note><note xmlns='urn:example'/></message>`},
		{&session.Message{From: "sms@tocsin.example.org", To: "alice@example.org/phone", ID: "2"},
			`<message from='sms@tocsin.example.org' to='alice@example.org/phone' id='2'/>`},
		{session.Presence{To: "alice@example.org", ID: "3"},
			`<presence from='tocsin.example.org' to='alice@example.org' id='3'/>`},
	} {
		if err := r.session.Send(soon(t), tc.stanza); err != nil {
			t.Errorf("%+v: %v", tc.stanza, err)
			continue
		}
		if got := next(t, p); got.XML != tc.want {
			t.Errorf("got  %s\nwant %s", got.XML, tc.want)
		}
	}
}

func TestSendRefuses(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	for _, tc := range []struct {
		stanza any
		want   error
	}{
		{session.Message{From: "alice@example.org", To: "bob@example.org"}, session.ErrForeignFrom},
		{session.Message{From: "x@tocsin.example.org.evil.example", To: "bob@example.org"}, session.ErrForeignFrom},
		{session.Message{From: "a b@", To: "bob@example.org"}, session.ErrForeignFrom},
		{session.Presence{}, session.ErrNoTo},
		{session.Message{To: "bob@example.org", Body: strings.Repeat("&", session.MaxStanza/5)}, session.ErrTooBig},
		{session.Message{To: "a b@example.org"}, nil},
		{session.Message{To: "bob@example.org", Payload: []any{make(chan int)}}, nil},
		{"a string", nil},
	} {
		err := r.session.Send(soon(t), tc.stanza)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%.80s: %v", fmt.Sprint(tc.stanza), err)
		}
	}
	if err := r.session.Send(soon(t), session.Message{To: "bob@example.org", ID: "after"}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, p); got.Attr["id"] != "after" {
		t.Errorf("something went out: %s", got.XML)
	}
}

func TestManySenders(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	const senders, each = 8, 200
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				body := strings.Repeat(fmt.Sprint(i), 1+(j*37)%5000)
				if err := r.session.Send(context.Background(), session.Message{To: "bob@example.org", ID: fmt.Sprint(i), Body: body}); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	next := make(map[string]int)
	for range senders * each {
		e, err := p.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		id := e.Attr["id"]
		if want := strings.Repeat(id, 1+(next[id]*37)%5000); len(e.Children) != 1 || e.Children[0].Text != want {
			t.Fatalf("stanza %d of sender %s is spoilt", next[id], id)
		}
		next[id]++
	}
	wg.Wait()
}

// A server that stops reading fills the buffers of the connection, which is then closed.
func TestStuckWriteEndsTheConnection(t *testing.T) {
	r := start(t, func(_ *fakeserver.Server, o *session.Options) { o.WriteWithin = 50 * time.Millisecond })
	p := r.accept()
	resume := p.Stall()
	defer resume()
	for {
		err := r.session.Send(soon(t), session.Message{To: "bob@example.org", Body: strings.Repeat("x", 256<<10)})
		if errors.Is(err, session.ErrDown) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := within(t, r.down); !strings.Contains(err.Error(), "write") {
		t.Errorf("down: %v", err)
	}
	resume()
	r.accept()
}

func TestReceive(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	send(t, p, `<message xml:lang='de' type='chat' from='alice@example.org/Phone' to='sms@tocsin.example.org' id='m1' xmlns:f='urn:example'>`+
		`text<body>hi &amp; <b>x</b>bye</body><f:note>a</f:note><f xmlns='f' xmlns:f='urn:other'><f/></f></message><presence from='alice@example.org'/>`)
	m := within(t, r.got)
	if m.Name != "message" || m.Type != "chat" || m.ID != "m1" || m.Lang != "de" || m.From.String() != "alice@example.org/Phone" || m.To.String() != "sms@tocsin.example.org" {
		t.Errorf("%+v", m)
	}
	if m.Body() != "hi & bye" {
		t.Errorf("body %q", m.Body())
	}
	within(t, r.got)
	for range 2 { // it can be decoded later, and again
		var n note
		if err := m.Child("urn:example", "note").Decode(&n); err != nil || n.Text != "a" {
			t.Errorf("%+v, %v", n, err)
		}
	}
	var f struct {
		XMLName xml.Name  `xml:"f f"`
		F       *struct{} `xml:"f f"`
	}
	if err := m.Child("f", "f").Decode(&f); err != nil || f.F == nil {
		t.Errorf("namespaces: %+v, %v", f, err)
	}
	if m.Child("", "note") != nil || m.Child("urn:example", "body") != nil {
		t.Error("found a child by a wrong name")
	}
}

func TestPanicsAreSurvived(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	send(t, p, `<message from='alice@example.org' to='tocsin.example.org'><body>panic</body></message>`)
	if line := r.logs("handler failed"); strings.Contains(line, "body: ") {
		t.Errorf("the log has the body: %s", line)
	}
	send(t, p, `<iq type='get' id='1' from='alice@example.org/x' to='tocsin.example.org'><panic xmlns='urn:panic'/></iq>`)
	if e := next(t, p); e.Attr["id"] != "1" || e.Attr["type"] != "error" || e.Attr["to"] != "alice@example.org/x" || !strings.Contains(e.XML, "<internal-server-error ") {
		t.Errorf("answer: %s", e.XML)
	}
	send(t, p, `<presence from='alice@example.org'/>`)
	within(t, r.got)
}

func TestRequests(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	send(t, p, `<iq type='get' id='1' from='alice@example.org/x' to='sms@tocsin.example.org'><note xmlns='urn:example'>?</note></iq>`)
	iq := within(t, r.got)
	if iq.Name != "iq" || iq.Type != "get" || len(iq.Payloads) != 1 {
		t.Fatalf("%+v", iq)
	}
	for _, answer := range []any{
		session.Result(iq, nil),
		session.Result(iq, note{Text: "!"}),
		session.Error(iq, stanza.Gone, stanza.Cancel, note{Text: "extra"}),
		session.Error(iq, stanza.ItemNotFound, stanza.Modify, nil),
	} {
		if err := r.session.Send(soon(t), answer); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`<iq from='sms@tocsin.example.org' to='alice@example.org/x' type='result' id='1'/>`,
		`<iq from='sms@tocsin.example.org' to='alice@example.org/x' type='result' id='1'><note xmlns='urn:example'>!</note></iq>`,
		`<iq from='sms@tocsin.example.org' to='alice@example.org/x' type='error' id='1'><error type='cancel'>` +
			`<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><note xmlns='urn:example'>extra</note></error></iq>`,
		`<iq from='sms@tocsin.example.org' to='alice@example.org/x' type='error' id='1'><error type='modify'>` +
			`<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
	} {
		if got := next(t, p); got.XML != want {
			t.Errorf("got  %s\nwant %s", got.XML, want)
		}
	}
}

// A malformed request is refused, and never reaches the handler; other odd IQs are ignored.
func TestOddIQs(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	for _, tc := range []struct{ in, want string }{
		{`<iq type='get' id='1' from='a@example.org' to='tocsin.example.org'><a xmlns='a'/><b xmlns='b'/></iq>`, "bad-request"},
		{`<iq type='set' id='1' from='a@example.org' to='tocsin.example.org'> </iq>`, "bad-request"},
		{`<iq type='set' from='a@example.org' to='tocsin.example.org'><a xmlns='a'/></iq>`, "bad-request"},
		{`<iq type='what' id='1' from='a@example.org' to='tocsin.example.org'><a xmlns='a'/></iq>`, "bad-request"},
		{`<iq id='1' from='a@example.org' to='tocsin.example.org'><a xmlns='a'/></iq>`, "bad-request"},
		{`<iq type='result' id='1' from='a@example.org' to='tocsin.example.org'/>`, ""},
		{`<iq type='error' id='1' from='a@example.org' to='tocsin.example.org'><error type='cancel'/></iq>`, ""},
		{`<iq type='get' id='1' from='a b@example.org' to='tocsin.example.org'><a xmlns='a'/></iq>`, ""},
		{`<iq xmlns='jabber:client' type='get' id='1' from='a@example.org' to='tocsin.example.org'><a xmlns='a'/></iq>`, ""},
		{`<what xmlns='urn:what'/>`, ""},
	} {
		send(t, p, tc.in)
		send(t, p, `<message from='a@example.org' to='tocsin.example.org'/>`)
		if got := within(t, r.got); got.Name != "message" {
			t.Errorf("%s reached the handler", tc.in)
		}
		within(t, r.dropped)
		if tc.want != "" {
			if e := next(t, p); e.Attr["type"] != "error" || !strings.Contains(e.XML, tc.want) {
				t.Errorf("%s was answered by %s", tc.in, e.XML)
			}
		}
	}
	if rest := p.Take(); len(rest) > 0 {
		t.Errorf("sent: %s", rest[0].XML)
	}
}

func TestAsk(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	go func() {
		for range 100 { // each response is the question's own text; they come in any order
			e, err := p.Next(soon(t))
			if err != nil {
				return
			}
			text := e.Children[0].Text
			p.Send(fmt.Sprintf(`<iq type='result' id='%s' from='mallory@example.org' to='tocsin.example.org'><note xmlns='urn:example'>forged</note></iq>`, e.Attr["id"]))
			p.Send(fmt.Sprintf(`<iq type='result' id='%s' from='%s' to='%s'><note xmlns='urn:example'>%s</note></iq>`, e.Attr["id"], e.Attr["to"], e.Attr["from"], text))
		}
	}()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			var got note
			want := fmt.Sprint(i)
			if err := r.session.Query(soon(t), fmt.Sprintf("u%d@example.org/x", i), "get", note{Text: want}, &got); err != nil || got.Text != want {
				t.Errorf("%d: %q, %v", i, got.Text, err)
			}
		})
	}
	wg.Wait()
}

func TestAskFails(t *testing.T) {
	r := start(t, nil)
	p := r.accept()
	answer := func(format string) {
		e := next(t, p)
		p.Send(fmt.Sprintf(format, e.Attr["id"], e.Attr["to"], e.Attr["from"])) //nolint:errcheck
	}
	go answer(`<iq type='error' id='%s' from='%s' to='%s'><note xmlns='urn:example'/><error type='cancel'>` +
		`<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></iq>`)
	var refused *session.StanzaError
	err := r.session.QueryAs(soon(t), "sms@tocsin.example.org", "bob@example.org/x", "get", note{}, &note{})
	if !errors.As(err, &refused) || refused.Type != "cancel" || refused.Condition != "service-unavailable" || refused.Text != "no" ||
		!refused.From.Equal(jid.MustParse("bob@example.org/x")) {
		t.Errorf("error: %v, %+v", err, refused)
	}
	go answer(`<iq type='result' id='%s' from='%s' to='%s'><other xmlns='urn:example'/></iq>`)
	if err := r.session.Query(soon(t), "bob@example.org/x", "get", note{}, &note{}); err == nil || errors.Is(err, session.ErrDown) {
		t.Errorf("another payload: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		next(t, p)
		cancel()
	}()
	if err := r.session.Query(ctx, "bob@example.org/x", "get", note{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ctx: %v", err)
	}
	go func() {
		next(t, p)
		p.Cut()
	}()
	if err := r.session.Query(soon(t), "bob@example.org/x", "get", note{}, nil); !errors.Is(err, session.ErrDown) {
		t.Errorf("down: %v", err)
	}
	if err := r.session.Query(soon(t), "a b@", "get", note{}, nil); err == nil {
		t.Error("asked without an address")
	}
	if err := r.session.QueryAs(soon(t), "bob@example.org", "bob@example.org", "get", note{}, nil); err == nil {
		t.Error("asked from a foreign address")
	}
}
