package intake

import (
	"context"
	"encoding/xml"
	"io"
	"net"
	"testing"
	"time"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/mux"
	"mellium.im/xmpp/stanza"
)

// serve plays a server that sends stanzas, one after the other, to a session of the library, and reports whether the
// session lived until the last one.
func serve(t *testing.T, wrap bool, handler func(last func()) xmpp.Handler, stanzas ...string) bool {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	go io.Copy(io.Discard, theirs)
	go func() {
		for _, s := range append([]string{hello, "<handshake/>"}, stanzas...) {
			if _, err := theirs.Write([]byte(s)); err != nil {
				return
			}
		}
		theirs.Write([]byte("<message id='last'/></stream:stream>"))
	}()
	var conn net.Conn = ours
	if wrap {
		conn = NewConn(ours, Limits{}, func([]byte) {})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := component.NewSession(ctx, jid.MustParse("tocsin.test"), []byte("secret"), conn)
	if err != nil {
		t.Fatal(err)
	}
	alive := false
	session.Serve(handler(func() { alive = true }))
	return alive
}

// reading is a handler that reads everything.
func reading(last func()) xmpp.Handler {
	return xmpp.HandlerFunc(func(t xmlstream.TokenReadEncoder, start *xml.StartElement) error {
		for _, a := range start.Attr {
			if a.Value == "last" {
				last()
			}
		}
		_, err := xmlstream.Copy(xmlstream.Discard(), t)
		return err
	})
}

// muxing is the library's own multiplexer.
func muxing(last func()) xmpp.Handler {
	return mux.New("jabber:component:accept",
		mux.MessageFunc("", xml.Name{}, func(m stanza.Message, t xmlstream.TokenReadEncoder) error {
			if m.ID == "last" {
				last()
			}
			return nil
		}),
		mux.PresenceFunc("", xml.Name{}, func(stanza.Presence, xmlstream.TokenReadEncoder) error { return nil }),
	)
}

// Everything that is dropped would end the library's session.
func TestSessionOutlivesEverything(t *testing.T) {
	var all []string
	for _, p := range pieces {
		if p.name == "handshake" || p.name == "stream error" || p.name == "end" {
			continue
		}
		all = append(all, p.xml)
		if p.dropped != "" && serve(t, false, reading, p.xml) && serve(t, false, muxing, p.xml) {
			t.Errorf("%s: the session would survive it", p.name)
		}
		if p.dropped == "" && !p.taken && !serve(t, true, reading, p.xml) {
			t.Errorf("%s: the session does not survive it", p.name)
		}
	}
	if !serve(t, true, reading, all...) {
		t.Error("the session does not survive all of it")
	}
}
