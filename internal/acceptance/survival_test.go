package acceptance

import (
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// Killed between message and timeout: the timeout fires once after the restart.
func TestKilledBeforeTheTimeout(t *testing.T) {
	everywhere(t, lab.Settings{"track.undelivered_after": "5s"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		h.tocsin.Counts("tocsin_pending_messages", "", 1)
		h.tocsin.Kill9()
		h.tocsin.Start()
		alice.Greet(h.Component)
		status(alice, "m1", "timeout-undelivered")
		h.prompt(alice, "m1")
		h.noPrompt(alice, settle)
		alice.ExpectNone(0, "message/{%s}status[@state='timeout-undelivered']", ns)
	})
}

// The server restarts: the component reconnects, and nothing pending is lost.
func TestServerRestart(t *testing.T) {
	everywhere(t, lab.Settings{"track.undelivered_after": "1h"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		h.tocsin.Counts("tocsin_pending_messages", "", 1)

		h.Restart()
		h.tocsin.Ready()
		alice = h.capable("alice/phone", lab.Markers)
		h.tocsin.Set(lab.Settings{"track.undelivered_after": "2s"}) // not before she is back: she would get a digest
		h.tocsin.Reload()
		status(alice, "m1", "timeout-undelivered")
		h.prompt(alice, "m1")
	})
}

// Whatever users send, the stream survives.
func TestGarbage(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())
		connects := h.tocsin.Metric("tocsin_stream_connects_total", "")

		for _, to := range []string{h.Component, h.contact(), bob.Bare()} {
			for _, xml := range []string{
				"<message to='%s' type='chat' id='g1'>" + strings.Repeat("<x xmlns='urn:x'>", 400) + strings.Repeat("</x>", 400) + "</message>",
				"<message to='%s' type='chat' id='g2'><body>" + strings.Repeat("<b/>", 5000) + "</body></message>",
				"<message to='%s' type='chat' id='g3'><track xmlns='" + ns + "' timeout='-1'/><track xmlns='" + ns + "'/><body>&#x1F4A9;&amp;&lt;</body></message>",
				"<message to='%s' type='normal'><forwarded xmlns='urn:xmpp:forward:0'><forwarded xmlns='urn:xmpp:forward:0'/></forwarded></message>",
				"<iq to='%s' type='set' id='g4'><answer xmlns='" + ns + "' prompt='p-nothing' action='dance'/></iq>",
				"<iq to='%s' type='get' id='g5'><sync xmlns='" + ns + "' after='x' max='-4'/></iq>",
				"<iq to='%s' type='get' id='g6'><what xmlns='urn:unknown'/></iq>",
				"<presence to='%s' type='subscribe'/>", "<presence to='%s' type='probe'/>",
			} {
				alice.Send(xml, to)
			}
		}
		alice.Sync()
		alice.Expect("iq[@from='%s'][@id='g6'][@type='error']/error/service-unavailable", h.Component)
		alice.Expect("iq[@from='%s'][@id='g4'][@type='error']/error/bad-request", h.Component)

		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "delivered")
		bob.Read()
		status(alice, "m1", "displayed")
		if now := h.tocsin.Metric("tocsin_stream_connects_total", ""); now != connects {
			t.Errorf("%g streams, want %g", now, connects)
		}
	})
}

// A wrong secret at startup leads to one clear line and exit code 1.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			server := kind.server(t, lab.Options{Tap: kind.tap})
			d := lab.NewTocsin(t, server, lab.Settings{"component.secret": "wrong"})
			d.Launch()
			if code := d.Exit(); code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			contains(t, "stderr", d.Stderr(), "tocsin: ", "secret")
		})
	}
}

// An invalid configuration: all faults at once, each with its line.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	server := lab.Prosody(t, lab.Options{Tap: lab.Module})
	d := lab.NewTocsin(t, server, nil)
	path := write(t, d.Dir, "bad.toml", "[component]\njid = 'tocsin.lab.test'\nsecret = 's'\n[tap]\ndomains = ['lab.test']\n[track]\nunread_after = '10x'\ncolour = 'red'\n")
	_, stderr, code := d.Run("run", "-config", path)
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	contains(t, "stderr", stderr, filepath.Base(path)+":7: track.unread_after: invalid duration \"10x\" (example: 10m)", filepath.Base(path)+":8: track.colour: unknown key")
}

// The sender is offline at the timeout: nothing is sent, and on return there is one digest, and the prompt.
func TestSenderAway(t *testing.T) {
	everywhere(t, lab.Settings{"track.undelivered_after": "4s"}, func(t *testing.T, h *host) {
		if h.tap == lab.Firewall {
			t.Skip("the stock firewall tells no presence: that alice is away can't be known")
		}
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		h.tocsin.Counts("tocsin_pending_messages", "", 1)
		alice.Close()
		h.tocsin.Counts("tocsin_timeouts_total", `kind="undelivered"`, 1)
		h.tocsin.Counts("tocsin_outbox_messages", "", 1) // the prompt waits for her

		alice = h.capable("alice/phone", lab.Markers)
		alice.Expect("message[@type='headline']/{%s}statuses/status[@id='m1'][@state='timeout-undelivered']", ns)
		h.prompt(alice, "m1")
	})
}

// A changed policy applies at once, also to pending messages; an invalid file changes nothing and is reported.
func TestReload(t *testing.T) {
	everywhere(t, lab.Settings{"track.undelivered_after": "1h"}, func(t *testing.T, h *host) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/desk", lab.Silent)
		h.reachable(bob.Bare())
		alice.Say(bob.Bare(), "m1", "Are you there?")
		h.tocsin.Counts("tocsin_pending_messages", "", 1)

		h.tocsin.Set(lab.Settings{"track.undelivered_after": "soon"})
		h.tocsin.Reload()
		h.tocsin.Logs(`track.undelivered_after: invalid duration \"soon\"`)
		h.tocsin.Set(lab.Settings{"track.undelivered_after": "2s"})
		h.tocsin.Reload()
		status(alice, "m1", "timeout-undelivered")
		h.prompt(alice, "m1")
	})
}
