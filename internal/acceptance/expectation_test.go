package acceptance

import (
	"testing"
	"time"

	"tocsin/internal/lab"
)

// What silence means, on real servers with our modules: by the roster, by sessions with and without XEP-0198, for who is away, for who
// has the message in the archive alone, and for a session that is dead.
func TestWhatSilenceMeans(t *testing.T) {
	t.Parallel()
	for _, server := range []struct {
		name  string
		start func(testing.TB, lab.Options) *lab.Server
	}{{"Prosody", lab.Prosody}, {"ejabberd", lab.Ejabberd}} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			s := server.start(t, lab.Options{Tap: lab.Module, SMTimeout: time.Second})
			settings := lab.Settings{"track.undelivered_after": "10s"}
			silence(t, &house{s, lab.Tocsin(t, s, settings), lab.Module})
		})
	}
}

func silence(t *testing.T, h *house) {
	alice := h.capable("alice/phone", lab.Markers)
	login := func(jid string, p lab.Profile, managed bool) *lab.Client {
		c := h.Server.Login(jid, p)
		if managed {
			c.Manage()
		}
		return c
	}

	// Of who acknowledges it is known who has the message; of a stranger too, but only contacts are told that somebody is there.
	awake, asleep := login("awake/x", lab.Silent, true), login("asleep/x", lab.Silent, true)
	lab.Befriend(alice, awake)
	asleep.Quiet()
	alice.Say(awake.Bare(), "awake", "Hello")
	alice.Say(asleep.Bare(), "asleep", "Hello")
	wants(t, "basis of who acknowledges", status(alice, "awake", "delivered").Attr("basis"), "ack")

	// Of who does not, a receipt is expected only of a contact: clients send strangers none.
	stranger, friend := login("stranger/x", lab.Silent, false), login("friend/x", lab.Silent, false)
	lab.Befriend(alice, friend)
	alice.Say(stranger.Bare(), "stranger", "Hello")
	alice.Say(friend.Bare(), "friend", "Hello")
	status(alice, "stranger", "unknown")

	// Who is away has the message at the server.
	away := h.Client("away/x", lab.Silent)
	alice.Say(away.Bare(), "away", "Hello")

	// A session dies with a message; the next one could fetch it from the archive, and confirms nothing.
	dead := login("gajim/x", lab.Gajim, true)
	lab.Befriend(alice, dead)
	alice.Say(dead.Bare(), "before", "Hello")
	status(alice, "before", "delivered")
	dead.Quiet()
	dead.Become(lab.Silent)
	alice.Say(dead.Bare(), "archived", "Hello")
	dead.Expect("message[@id='archived']/body")
	dead.Drop()
	back := h.Client("gajim/y", lab.Silent)
	back.Connect()
	back.Available()

	// One device is dead, another one has the message.
	desk, phone := login("two/desk", lab.Markers, true), login("two/phone", lab.Silent, true)
	lab.Befriend(alice, desk)
	phone.Quiet()
	alice.Say(desk.Bare(), "two", "Hello")
	status(alice, "two", "delivered")
	phone.Drop()

	for _, id := range []string{"asleep", "friend", "away", "archived"} {
		status(alice, id, "timeout")
	}
	alice.ExpectNone(settle, "message/{%s}status[@id='two'][@state='failed']", ns)
	alice.ExpectNone(0, "message/{%s}status[@id='stranger'][@state='timeout']", ns)
	alice.ExpectNone(0, "message/{%s}status[@id='awake'][@state='timeout']", ns)
}
