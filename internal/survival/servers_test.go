package survival

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// Two instances on one PostgreSQL, on real servers: if the live one is killed or paused, the other one reports pending
// messages once. Prosody refuses a second connection while the first one exists, unless configured to prefer the new one;
// ejabberd accepts both, and splits stanzas between them.
func TestStandbyOnServers(t *testing.T) {
	t.Parallel()
	contacts := []string{"alice", "bob", "carol"} // silence of a stranger means nothing
	for _, tc := range []struct {
		name string
		open func(testing.TB, lab.Options) *lab.Server
		lab.Options
		denies bool   // refuses the new connection
		state  string // final state of a message whose recipient an instance has not seen: service_log reports presence only when it changes
	}{
		{"Prosody", prosody, lab.Options{Tap: lab.Module, Contacts: contacts}, true, "timeout-undelivered"},
		{"Prosody that kicks the old one", prosody, lab.Options{Tap: lab.Module, Contacts: contacts, Extra: `component_conflict_resolve = "kick_old"`}, false, "timeout-undelivered"},
		{"ejabberd", ejabberd, lab.Options{Tap: lab.ServiceLog}, false, "timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := tc.open(t, tc.Options)
			dsn := lab.Postgres(t)
			f := &fleet{}
			for range 2 {
				f.members = append(f.members, lab.NewTocsin(t, server, lab.Settings{
					"storage.dsn": dsn, "track.undelivered_after": "4s", "track.unread_after": "8s",
				}))
			}
			first := f.start(t)
			alice := server.Login("alice/phone", lab.Markers.Phone())
			alice.Greet(server.Component)
			alice.Expect("presence[@from='%s']", server.Component)
			bob, carol := server.Login("bob/desk", lab.Silent), server.Login("carol/desk", lab.Silent)
			first.Must("numbers", "set", bob.Bare(), number)

			alice.Say(bob.Bare(), "m1", "Are you there?")
			first.Counts("tocsin_pending_messages", "", 1)
			first.Kill9()
			began := time.Now()
			second := f.await(t)
			t.Logf("killed: the other one is live after %s", time.Since(began).Round(time.Millisecond))
			once(alice, "m1")

			first.Launch()
			alice.Say(carol.Bare(), "m2", "And you?")
			second.Counts("tocsin_pending_messages", "", 2)
			second.Signal(syscall.SIGSTOP)
			began = time.Now()
			if tc.denies {
				patiently(t, 30*time.Second, "the other one is refused", func() bool { return strings.Contains(first.Stderr(), "conflict") })
				second.Signal(syscall.SIGCONT)
			}
			patiently(t, time.Minute, "the other one serves", func() bool { return serves(first) })
			t.Logf("paused: the other one is live after %s", time.Since(began).Round(time.Millisecond))
			if !tc.denies {
				second.Signal(syscall.SIGCONT)
			}
			once(alice, "m2")
			patiently(t, 30*time.Second, "the paused instance is on standby", func() bool {
				_, body := second.Readiness()
				return strings.Contains(body, "standby")
			})

			began = time.Now()
			first.Stop()
			f.await(t)
			t.Logf("stopped: the other one is live after %s", time.Since(began).Round(time.Millisecond))
			alice.Say(carol.Bare(), "m3", "Still there?")
			alice.Expect("message[@type='headline']/{%s}status[@id='m3'][@state='%s']", ns, tc.state)
			second.Stop()
		})
	}
}

func prosody(t testing.TB, o lab.Options) *lab.Server  { return lab.Prosody(t, o) }
func ejabberd(t testing.TB, o lab.Options) *lab.Server { return lab.Ejabberd(t, o) }

// once checks that a timeout and one prompt arrive, and no second one.
func once(c *lab.Client, id string) {
	c.Expect("message/{%s}escalate[@id='%s']", ns, id)
	c.ExpectNone(2*time.Second, "message/{%s}escalate[@id='%s']", ns, id)
}
