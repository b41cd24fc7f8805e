package lab_test

import (
	"testing"

	"tocsin/internal/lab"
)

// What Bob's devices synchronise as read (XEP-0490) is reported to a component that requests it, and to no other.
func TestModuleDisplays(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, lab.Options) *lab.Server{"prosody": lab.Prosody, "ejabberd": lab.Ejabberd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t, lab.Options{Tap: lab.Module})
			tap := server.Attach()
			bob := server.Login("bob/phone", lab.Silent)
			read := func(id string) {
				t.Helper()
				bob.Must("set", "", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='alice@lab.test'>"+
					"<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='bob@lab.test' id='"+id+"'/></displayed>"+
					"</item></publish></pubsub>")
			}
			read("a1")
			tap.Sync(server.Domain)
			if told := tap.Events("mds"); len(told) > 0 {
				t.Errorf("nobody has asked for %s", told)
			}
			tap.Close()
			tap.Features = []string{"urn:tocsin:tap:1#mds"}
			tap.Connect()
			tap.Sync(server.Domain) // it has processed the component's features
			read("a2")
			mds := tap.Expect("{urn:tocsin:tap:1}mds[@id='a2']")
			for attr, want := range map[string]string{"o": "bob@lab.test", "with": "alice@lab.test", "by": "bob@lab.test"} {
				if got := mds.Attr(attr); got != want {
					t.Errorf("%s is %q, want %q: %s", attr, got, want, mds)
				}
			}
		})
	}
}
