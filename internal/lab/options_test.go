package lab_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"

	"tocsin/internal/lab"
)

// Options used by tests elsewhere: browsers can connect, the component gets its privileges and users can register.
func TestOptions(t *testing.T) {
	t.Parallel()
	o := lab.Options{Privilege: true, Registration: true}
	for name, server := range map[string]*lab.Server{"prosody": lab.Prosody(t, o), "ejabberd": lab.Ejabberd(t, o)} {
		t.Run(name, func(t *testing.T) {
			upgrade(t, server.Websocket)
			tap := server.Attach()
			tap.Expect("message//perm[@access='presence'][@type='managed_entity']")
			alice := server.Login("alice/phone", lab.Markers)
			tap.Expect("presence[@from='%s']", alice.JID())
			if !alice.Must("get", server.Domain, "<query xmlns='jabber:iq:register'/>").Has("query/registered") {
				t.Error("alice is not registered")
			}
			bob := server.Login("bob/desk", lab.Markers)
			lab.Befriend(alice, bob)
			alice.Open()
			bob.Say(alice.Bare(), "m1", "hello")
			bob.Expect("message/displayed[@id='m1']")
		})
	}
}

// upgrade opens a websocket and closes it (RFC 7395 §3.1).
func upgrade(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\nOrigin: http://127.0.0.1\r\n\r\n", u.Path, u.Host)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("%s: %s", address, resp.Status)
	}
}
