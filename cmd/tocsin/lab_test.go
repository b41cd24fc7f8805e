package main

import (
	"regexp"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

var kept = regexp.MustCompile(`(?m)^note  tap       \d+ messages? that the server kept .*\n`)

// What check says about real servers, and about those that are not set up.
func TestCheckOnServers(t *testing.T) {
	for name, test := range map[string]struct {
		start    func(testing.TB, lab.Options) *lab.Server
		tap      lab.Tap
		tapLine  string
		presence string
		code     int
	}{
		"prosody with mod_tocsin": {lab.Prosody, lab.Module, `ok    tap       mod_tocsin is loaded on lab.test`, `ok    presence  comes with the tap`, done},
		"prosody with firewall":   {lab.Prosody, lab.Firewall, `ok    tap       copies come from lab.test`, `ok    presence  none seen yet.*`, done},
		"prosody without a tap":   {lab.Prosody, lab.NoTap, `FAIL  tap       no copy came in 2s .*`, `ok    presence  none seen yet.*`, failed},
		"ejabberd":                {lab.Ejabberd, lab.ServiceLog, `ok    tap       copies come from lab.test`, `ok    presence  .*`, done},
		"ejabberd without a tap":  {lab.Ejabberd, lab.NoTap, `FAIL  tap       no copy came in 2s .*`, `ok    presence  none seen yet.*`, failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := test.start(t, lab.Options{Tap: test.tap, Secret: secret})
			alice := server.Login("alice/phone", lab.Silent)
			bob := server.Login("bob/phone", lab.Silent)
			config := configured(t, server.ComponentAddr, "", "")
			replace(t, config, `"`+domain+`"`, `"`+server.Component+`"`, `"example.org"`, `"lab.test"`)

			type answer struct {
				code int
				out  string
			}
			checked := make(chan answer, 1)
			go func() {
				code, out := tocsin(t, "check", "-wait", "2s", "-config", config)
				checked <- answer{code, out}
			}()
			var got answer
			for got.out == "" { // alice writes until check has seen enough
				alice.Say(bob.Bare(), "m", "hello")
				alice.Sync()
				select {
				case got = <-checked:
				default:
				}
			}
			out := kept.ReplaceAllString(got.out, "") // when the module had a backlog
			lines(t, out, configOK, databaseOK, strings.Replace(streamOK, domain, server.Component, 1), test.tapLine, test.presence)
			if got.code != test.code {
				t.Errorf("exit code %d", got.code)
			}
		})
	}
}
