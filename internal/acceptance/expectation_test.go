package acceptance

import (
	"testing"
	"time"

	"tocsin/internal/lab"
)

// What silence means, on real servers with our modules: by the roster, and changes of it; by sessions with and without
// XEP-0198; for offline recipients, for messages that are only in the archive, and for a dead device.
func TestWhatSilenceMeans(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, lab.Options) *lab.Server{"Prosody": lab.Prosody, "ejabberd": lab.Ejabberd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, lab.Options{Tap: lab.Module, SMTimeout: time.Second})
			times := lab.Settings{"track.undelivered_after": "6s", "track.unread_after": "6s"}
			silence(t, &host{s, lab.Tocsin(t, s, times), lab.Module})
		})
	}
}

func silence(t *testing.T, h *host) {
	alice := h.capable("alice/phone", lab.Markers)
	contact := func(c *lab.Client) *lab.Client { lab.Befriend(alice, c); return c }
	plain := func(jid string) *lab.Client { return h.Login(jid, lab.Silent) }
	managed := func(jid string) *lab.Client {
		c := plain(jid)
		c.Must("set", "", "<query xmlns='urn:xmpp:mam:2'/>") // it uses the archive
		c.Manage()
		return c
	}
	asleep := func(jid string) *lab.Client {
		c := managed(jid)
		c.Quiet()
		return c
	}
	says := func(id string, to *lab.Client) { alice.Say(to.Bare(), id, "Hello") }

	// Sessions with XEP-0198: whoever they belong to, what they don't acknowledge has not arrived. Contacts learn whether
	// others were online.
	says("awake", contact(managed("awake/x")))
	wants(t, "basis of who acknowledges", status(alice, "awake", "delivered").Attr("basis"), "ack")
	says("asleep", contact(asleep("asleep/x")))
	says("asleep stranger", asleep("asleepstranger/x"))

	// Sessions without it: a receipt is expected from contacts.
	says("plain", contact(plain("plain/x")))
	stranger := plain("stranger/x")
	says("plain stranger", stranger)
	status(alice, "plain stranger", "unknown")

	// Nobody is online: the server stores it.
	says("away", h.Client("away/x", lab.Silent))

	// One device is dead, another one has the message.
	dead := asleep("two/dead")
	says("two", contact(managed("two/desk")))
	status(alice, "two", "delivered")
	dead.Drop()

	// A session dies with a message, which is then only in the archive. The next session gets it from there, and confirms
	// nothing.
	dies := func(user string) {
		c := contact(managed(user + "/x"))
		says("before "+user, c)
		status(alice, "before "+user, "delivered")
		c.Quiet()
		says(user, c)
		c.Expect("message[@id='%s']/body", user)
		c.Drop()
		alice.Expect("presence[@type='unavailable'][@from='%s']", c.JID())
	}
	dies("archived")
	dies("fetched")
	fetches := plain("fetched/y")
	fetches.Must("set", "", "<query xmlns='urn:xmpp:mam:2'/>")

	// Rosters change while a message is under way.
	parted := contact(plain("parted/x"))
	says("parted", parted)
	parted.Send("<presence type='unsubscribed' to='%s'/>", alice.Bare())
	met := plain("met/x")
	says("met", met)
	status(alice, "met", "unknown")
	contact(met)

	for _, id := range []string{"asleep", "plain", "archived", "met"} {
		status(alice, id, "timeout-undelivered")
	}
	for _, id := range []string{"asleep stranger", "away"} {
		status(alice, id, "timeout")
	}
	// All others were sent before that: their timeouts have passed.
	for _, id := range []string{"awake", "plain stranger", "two", "fetched", "parted"} {
		for _, state := range []string{"timeout-undelivered", "timeout", "failed"} {
			alice.ExpectNone(0, "message/{%s}status[@id='%s'][@state='%s']", ns, id, state)
		}
	}
}
