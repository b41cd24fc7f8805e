package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tocsin/component/texts"
	"tocsin/config"
	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
	"tocsin/storage"
)

// sees returns what check prints about the routes, and whether it fails.
func sees(t *testing.T, conf *config.Config, found *instance) (string, bool) {
	t.Helper()
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "tocsin.db"), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var out bytes.Buffer
	f := &findings{out: &out}
	checkSMS(t.Context(), conf, store, found, f)
	return strings.ReplaceAll(out.String(), conf.File(), "config.toml"), f.failed
}

// check reports whether routes are usable and whether providers can reach us.
func TestCheckSMS(t *testing.T) {
	status := http.StatusBadRequest // Kannel's for a request that lacks a receiver, with the right password
	asked := 0
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Query().Get("to") != "" {
			t.Error("check sends an SMS")
		}
		w.WriteHeader(status)
	}))
	defer provider.Close()
	kannel := "kannel: kind = 'http'; provider = 'kannel'; url = '" + provider.URL + "'; user = 'tocsin'; secret = 'hush'; repeat = 'always'"
	smsc := "smsc: kind = 'smpp'; address = '127.0.0.1:1'; user = 'tocsin'; secret = 'hush'"
	hooks := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	configured := func(public string, routes ...string) *config.Config {
		c := smsConfig(t, routes...)
		c.SMS.Listen, c.SMS.Public = hooks, public
		return c
	}
	up := &instance{answer: answer{State: State{SMS: []texts.RouteState{{Name: "smsc", Up: true}}}}}
	down := &instance{answer: answer{State: State{SMS: []texts.RouteState{{Name: "smsc", Why: "bind refused with status 0x0000000e"}}}}}
	standby := &instance{answer: answer{State: State{Standby: true}}}
	for _, test := range []struct {
		name   string
		status int
		conf   *config.Config
		found  *instance
		want   string
		fails  bool
	}{
		{"all is well", 400, configured("http://"+hooks+"/tocsin-sms", kannel), nil,
			"ok    sms       route kannel: the provider accepts the credentials; sent at least once\n" +
				`ok    sms       http://` + hooks + `/tocsin-sms is reachable: providers can deliver reports and replies`, false},
		{"wrong password", 403, configured("", kannel), nil,
			`FAIL  sms       config.toml:9: sms.route: route kannel: the provider refuses the credentials \(status 403\)` + "\n" +
				`note  sms       config.toml:8: sms.public is not set: .*`, true},
		{"no SMSC", 400, configured("", smsc), nil, `FAIL  sms       config.toml:9: sms.route: route smsc: dial tcp 127.0.0.1:1: connect: connection refused`, true},
		{"an instance is bound", 400, configured("", smsc), up, `ok    sms       route smsc: the instance is bound to 127.0.0.1:1; sent at most once`, false},
		{"an instance is not", 400, configured("", smsc), down, `FAIL  sms       .*route smsc: bind refused with status 0x0000000e`, true},
		{"another instance is live", 400, configured("", smsc), standby, `note  sms       route smsc: another instance holds the connection; .*`, false},
		{"a gateway on the server", 400, configured("", "smsc: kind = 'xmpp'; gateway = 'gw.example.org'"), up, `ok    sms       route smsc: the instance is connected to the server; sent at most once`, false},
		{"public leads elsewhere", 400, configured(elsewhere.URL, kannel), nil, `ok .*` + "\n" + `FAIL  sms       config.toml:\d+: sms.public: ` + elsewhere.URL + ` does not reach sms.listen \(` + hooks + `\): status 404`, true},
		{"nothing answers at public", 400, configured("http://127.0.0.1:1", kannel), nil, `ok .*` + "\n" + `FAIL .* http://127.0.0.1:1 does not reach sms.listen .*: connection refused`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			status = test.status
			got, fails := sees(t, test.conf, test.found)
			if !regexp.MustCompile("^"+test.want+"\n$").MatchString(got) || fails != test.fails {
				t.Errorf("fails: %v, says\n%s", fails, got)
			}
			if strings.Contains(got, "hush") {
				t.Error("check shows the secret")
			}
		})
	}
	if asked == 0 {
		t.Error("the provider was not queried")
	}
}

// A listener with another database's secret, or none, is not accepted.
func TestHooksOfAnotherDatabase(t *testing.T) {
	ours, err := newGateways(smsConfig(t, "one: kind = 'smpp'; address = '127.0.0.1:1'"), []byte("ours"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := newGateways(smsConfig(t, "one: kind = 'smpp'; address = '127.0.0.1:1'"), []byte("theirs"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(theirs)
	defer other.Close()
	at, err := url.JoinPath(other.URL, "sms")
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.reached(t.Context(), at); err == nil || err.Error() != "another service answers" {
		t.Errorf("got %v", err)
	}
	if err := theirs.reached(t.Context(), at); err != nil {
		t.Error(err)
	}
}

// Without a running instance, check itself queries a gateway on the server.
func TestCheckGateway(t *testing.T) {
	s := serverFor(t, func(*fakeserver.Peer) {}, moduleOn("example.org"))
	file := configured(t, s.Addr(), "", "[sms]\ncountries = ['CN']\n[[sms.route]]\nname = 'gw'\nkind = 'xmpp'\ngateway = 'gw.example.org'\n")
	code, out := tocsin(t, "check", "-config", file)
	if code != done || !strings.Contains(out, "ok    sms       route gw: gw.example.org answers; sent at most once\n") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	away := func(p *fakeserver.Peer, e *fakeserver.Element) bool {
		if e.Attr["to"] != "gw.example.org" {
			return moduleOn("example.org")(p, e)
		}
		p.Send(fmt.Sprintf("<iq type='error' id='%s' from='gw.example.org' to='%s'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", e.Attr["id"], domain))
		return true
	}
	replace(t, file, s.Addr(), serverFor(t, func(*fakeserver.Peer) {}, away).Addr())
	code, out = tocsin(t, "check", "-wait", "20ms", "-config", file)
	if code != failed || !strings.Contains(out, "route gw: gw.example.org does not answer (") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
