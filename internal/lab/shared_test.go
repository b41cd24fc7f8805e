package lab_test

import (
	"os"
	"testing"
	"time"

	"tocsin/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// Tests use one server in turn, and none finds what another left: neither accounts, nor messages, nor sessions.
func TestSharedEjabberd(t *testing.T) {
	o := lab.Options{Tap: lab.ServiceLog, SMTimeout: 2 * time.Minute}
	var dir string
	t.Run("first", func(t *testing.T) {
		server := lab.SharedEjabberd(t, o)
		dir = server.Dir
		server.Attach()
		alice := server.Login("alice/phone", lab.Markers)
		alice.Manage()
		alice.Sync()
		bob := server.Client("bob/phone", lab.Markers)
		alice.Say(bob.Bare(), "m1", "hello") // kept for bob
		alice.Sync()
		alice.Drop() // kept for two minutes
	})
	t.Run("second", func(t *testing.T) {
		server := lab.SharedEjabberd(t, o)
		if server.Dir != dir {
			t.Error("a different server")
		}
		tap := server.Attach()
		bob := server.Login("bob/desk", lab.Markers)
		bob.ExpectNone(0, "message/body")
		archived := bob.Must("set", "", "<query xmlns='urn:xmpp:mam:2'/>")
		if count := archived.Find("fin/set/count"); count == nil || count.Text != "0" {
			t.Errorf("messages in the archive: %s", archived)
		}
		bob.Say("alice@lab.test", "m2", "hello")
		bob.Expect("message[@id='m2']/error/service-unavailable") // alice does not exist
		tap.Sync(server.Domain)
		if old := tap.Received("message//message[@id='m1']"); len(old) > 0 {
			t.Errorf("a copy of another test's message: %s", old[0])
		}
		server.Kill()
	})
	t.Run("third", func(t *testing.T) {
		if server := lab.SharedEjabberd(t, o); server.Dir == dir {
			t.Error("the killed server was used again")
		}
	})
}
