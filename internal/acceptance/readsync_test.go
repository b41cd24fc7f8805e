package acceptance

import (
	"fmt"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// What a recipient has displayed on one device, as synchronised with the others (XEP-0490), counts as they choose: by
// default not at all, then like a marker.
func TestReadSync(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, lab.Options) *lab.Server{"Prosody": lab.Prosody, "ejabberd": lab.Ejabberd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, lab.Options{Tap: lab.Module})
			h := &host{s, lab.Tocsin(t, s, lab.Settings{"track.undelivered_after": "1h", "track.unread_after": "1h"}), lab.Module}
			alice := h.capable("alice/phone", lab.Markers)
			bob := h.Login("bob/phone", lab.Receipts)
			displays := func(id string) {
				alice.Say(bob.Bare(), id, "Hello")
				own := bob.Expect("message[@id='%s']/{urn:xmpp:sid:0}stanza-id[@by='%s']", id, bob.Bare()).Find("{urn:xmpp:sid:0}stanza-id").Attr("id")
				status(alice, id, "delivered")
				bob.Must("set", "", fmt.Sprintf("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='%s'>"+
					"<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' id='%s' by='%s'/></displayed></item></publish></pubsub>", alice.Bare(), own, bob.Bare()))
			}
			read := func(id string, within time.Duration) bool {
				for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
					if len(alice.Received("message/{%s}status[@id='%s'][@state='displayed'][@basis='marker']", ns, id)) > 0 {
						return true
					} else if time.Now().After(end) {
						return false
					}
				}
			}
			displays("m0")
			completed(t, h.command(bob, "preferences", "read_sync", "tell"))
			for i := 1; ; i++ { // as soon as the server knows that it is wanted
				id := fmt.Sprintf("m%d", i)
				displays(id)
				if read(id, time.Second) {
					break
				} else if i == 60 {
					t.Fatal("what bob has displayed does not count as read")
				}
			}
			completed(t, h.command(bob, "preferences", "read_sync", "off"))
			displays("last")
			alice.ExpectNone(time.Second, "message/{%s}status[@id='last'][@state='displayed']", ns)
		})
	}
}
