package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/component/selftest"
	"tocsin/internal/lab"
)

// Running a test requires the component's secret.
func TestUnsignedTestsAreRefused(t *testing.T) {
	now := time.Now()
	var tested []string
	server := httpServer{Handler: &tester{secret: secret, now: func() time.Time { return now }, run: func(_ context.Context, user string, _ func(selftest.Step)) error {
		tested = append(tested, user)
		return nil
	}}}
	if err := server.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	body := `{"jid":"alice@example.org","wait_ns":1000000}`
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	for _, test := range []struct {
		name, body, time, signature string
		status                      int
	}{
		{"signed", body, at(0), signature(secret, at(0), []byte(body)), http.StatusOK},
		{"not signed", body, at(0), "", http.StatusForbidden},
		{"by another secret", body, at(0), signature("hunter3", at(0), []byte(body)), http.StatusForbidden},
		{"for another", strings.Replace(body, "alice", "bob", 1), at(0), signature(secret, at(0), []byte(body)), http.StatusForbidden},
		{"long ago", body, at(-2 * time.Minute), signature(secret, at(-2*time.Minute), []byte(body)), http.StatusForbidden},
		{"at another time", body, at(0), signature(secret, at(-2*time.Minute), []byte(body)), http.StatusForbidden},
		{"without an end", `{"jid":"alice@example.org"}`, at(0), signature(secret, at(0), []byte(`{"jid":"alice@example.org"}`)), http.StatusBadRequest},
		{"too long", strings.Repeat(" ", 20_000) + body, at(0), signature(secret, at(0), []byte(body)), http.StatusBadRequest},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+server.Addr()+testPath, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Tocsin-Time", test.time)
		request.Header.Set("Authorization", test.signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("%s: %s %s", test.name, response.Status, text)
		}
	}
	if len(tested) != 1 || tested[0] != "alice@example.org" {
		t.Errorf("tested: %q", tested)
	}
}

// Steps are shown as they arrive, and a failed step fails the command.
func TestTestPrintsSteps(t *testing.T) {
	h := &fixed{state: State{Component: domain, Version: "1.0", Since: time.Now()}}
	file := configured(t, "127.0.0.1:1", serve(t, h), "")
	code, out := tocsin(t, "test", "alice@example.org", "-config", file)
	lines(t, out, ` +\d+.\d s  instance  tocsin.example.org, version 1.0`, ` +\d+.\d s  tap       nothing received yet .*`,
		` +\d+.\d s  clients   for alice@example.org`, ` +\d+.\d s  answer    FAIL: none received`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}

	h.ready = []string{"stream: not connected to 127.0.0.1:1"}
	code, out = tocsin(t, "test", "alice@example.org", "-config", file)
	lines(t, out, ` +\d+.\d s  instance  FAIL: stream: not connected to 127.0.0.1:1`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}
	h.state.Standby = true
	_, out = tocsin(t, "test", "alice@example.org", "-config", file)
	lines(t, out, ` +\d+.\d s  instance  FAIL: standby: .*`)

	code, out = tocsin(t, "test", "alice@example.org", "-config", configured(t, "127.0.0.1:1", "127.0.0.1:1", ""))
	lines(t, out, `tocsin: no running instance to test: no instance answers at .* \(start it with "tocsin run"\)`)
	if code != failed {
		t.Errorf("exit code %d", code)
	}
	if code, out := tocsin(t, "test", "example.org", "-config", file); code != wrongUsage {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// unanswered is a test that nobody answers.
func unanswered(_ context.Context, user string, report func(selftest.Step)) error {
	report(selftest.Step{At: time.Now(), Name: "clients", Text: "for " + user})
	report(selftest.Step{At: time.Now(), Name: "answer", Text: "none received", Failed: true})
	return nil
}

var claimed = regexp.MustCompile(`(?m)^.* claimed by alice@lab.test/phone: waiting for the result\n`)

// The whole test on a real server: with a client that shows prompts, an ordinary one, and none.
func TestTestOnAServer(t *testing.T) {
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Secret: secret})
	listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	config := configured(t, server.ComponentAddr, listen, "[track]\ngrace = '0s'\n")
	replace(t, config, `"`+domain+`"`, `"`+server.Component+`"`, `"example.org"`, `"lab.test"`)
	started(t, config)
	answers(t, "http://"+listen+"/readyz", nil)
	must(t, "numbers", "set", "alice@lab.test", "+8613800138000", "-config", config)

	alice := server.Login("alice/phone", lab.Markers.Phone())
	alice.Greet(server.Component)
	alice.Expect("presence[@from='%s']", server.Component) // the component knows her client
	test := func(who string, args ...string) func() (int, string) {
		type end struct {
			code int
			out  string
		}
		ended := make(chan end, 1)
		go func() {
			code, out := tocsin(t, append([]string{"test", who + "@lab.test", "-config", config}, args...)...)
			ended <- end{code, out}
		}()
		return func() (int, string) {
			e := <-ended
			return e.code, e.out
		}
	}
	begin := []string{` +\d+.\d s  instance  tocsin.lab.test, version .*`, ` +\d+.\d s  tap       .*`}

	result := test("alice")
	prompt := alice.Expect("message/escalate[@with='alice@lab.test'][@test='true']/text").Find("escalate")
	if uri := prompt.Find("number").Attr("uri"); uri != "tel:+8613800138000" {
		t.Errorf("the number of %q is shown", uri)
	}
	alice.Must("set", server.Component, "<answer xmlns='urn:tocsin:escalation:0' prompt='"+prompt.Attr("prompt")+"' action='claim'/>")
	alice.Must("set", server.Component, "<answer xmlns='urn:tocsin:escalation:0' prompt='"+prompt.Attr("prompt")+"' action='sent'/>")
	code, out := result()
	out = claimed.ReplaceAllString(out, "") // if it was displayed
	lines(t, out, append(begin, ` +\d+.\d s  clients   prompts are shown by alice@lab.test/phone`, ` +\d+.\d s  database  test message stored`,
		` +\d+.\d s  prompt    opened`, ` +\d+.\d s  shown     to alice@lab.test/phone; waiting for the answer`, ` +\d+.\d s  answer    "sent", by alice@lab.test/phone`,
		`Prompts reach alice@lab.test, and answers come back.`)...)
	if code != done {
		t.Errorf("exit code %d", code)
	}
	if status := must(t, "status", "-config", config); !strings.Contains(status, "pending       0 messages") || !strings.Contains(status, "open prompts  0") {
		t.Errorf("something remains:\n%s", status)
	}

	// Nobody answers: the prompt is withdrawn.
	result = test("alice", "-wait", "2s")
	again := alice.Expect("message/escalate[@test='true']").Find("escalate")
	if code, out := result(); code != failed || !strings.Contains(out, "answer    FAIL: none received\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	alice.Expect("message/withdraw[@prompt='%s'][@reason='cancelled']", again.Attr("prompt"))

	// An ordinary client gets a chat message, if its user wants that.
	bob := server.Login("bob/phone", lab.Silent)
	result = test("bob")
	if code, out := result(); code != failed || !strings.Contains(out, `clients   FAIL: no client that shows prompts is online, and prompts by chat are disabled for this user (escalate.fallback = "opted-in"; users can write "start" to sms@tocsin.lab.test)`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	bob.Greet(server.Component) // the tap reports him a moment later, perhaps after his message
	bob.Expect("presence[@from='%s']", server.Component)
	bob.Say("sms@"+server.Component, "s", "start")
	bob.Expect("message[@from='sms@%s']/body", server.Component)
	result = test("bob")
	if body := bob.Expect("message[@from='sms@%s']/escalate", server.Component).Find("body").Text; !strings.HasPrefix(body, "This is a test by your server's admin, please answer it: ") {
		t.Errorf("bob gets %s", body)
	}
	bob.Say("sms@"+server.Component, "a", "no")
	if code, out := result(); code != done || !strings.Contains(out, `answer    "declined", by bob@lab.test`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := test("nobody")(); code != failed {
		t.Errorf("without a client: exit code %d: %s", code, out)
	}
	_, out = tocsin(t, "test", "eve@elsewhere.test", "-config", config)
	if !strings.Contains(out, "clients   FAIL: eve@elsewhere.test is not a user of tap.domains (lab.test)\n") {
		t.Errorf("a user of another domain: %s", out)
	}
}
