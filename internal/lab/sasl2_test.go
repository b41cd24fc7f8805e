package lab_test

import (
	"testing"

	"tocsin/internal/lab"
)

// A client that resumes during authentication (XEP-0388) reports there what it has received.
func TestModuleSASL2(t *testing.T) {
	t.Parallel()
	if lab.Servers == "" {
		t.Skip("Prosody 0.12 has no SASL2: make matrix runs it on a later one")
	}
	server := lab.Prosody(t, lab.Options{
		Tap: lab.Module, NoPresence: true, Modules: []string{"sasl2", "sasl2_bind2", "sasl2_sm"}, Extra: "allow_unencrypted_plain_auth = true",
	})
	tap := server.Attach()
	alice := server.Login("alice/phone", lab.Silent)
	bob := server.Login("bob/phone", lab.Silent)
	bob.Manage()
	bob.Quiet()
	alice.Say(bob.Bare(), "m1", "hello")
	bob.Expect("message[@id='m1']/body")
	bob.Drop()
	alice.Say(bob.Bare(), "m2", "still there?")
	alice.Sync()
	diff(t, "no network", told(tap, server.Domain), []string{"out m1", "out m2"})
	bob.ResumeInline()
	bob.Expect("message[@id='m2']/body")
	bob.Sync()
	diff(t, "resumed", told(tap, server.Domain), []string{"acked m1", "acked m2"})
}
