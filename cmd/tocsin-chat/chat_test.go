package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"tocsin/xep/escalation"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func talking(t *testing.T, confirm string) (c *chat, id string) {
	t.Helper()
	c = newChat(jid.MustParse("bob@example.org"), confirm)
	c.service = "tocsin.example.org"
	act := c.line("The pump has failed")
	if len(act.send) != 1 {
		t.Fatalf("%d stanzas were sent", len(act.send))
	}
	return c, act.send[0].ID
}

func TestMessageAsksForConfirmation(t *testing.T) {
	c, _ := talking(t, "markers")
	for line, want := range map[string]escalation.Track{
		"Hello":           {Priority: escalation.Normal},
		"/urgent Hello":   {Priority: escalation.Urgent},
		"/unwatched Bye ": {Until: escalation.UntilNone},
	} {
		m := c.line(line).send[0]
		if m.To != "bob@example.org" || m.Type != "chat" || m.ID == "" || m.Request == nil || m.Markable == nil {
			t.Errorf("%s: sent %+v", line, m)
		}
		if diff := cmp.Diff(&want, m.Track); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func status(id string, seq uint32, state escalation.State, by escalation.Basis) escalation.Status {
	return escalation.Status{ID: id, With: "bob@example.org", Seq: seq, State: state, Basis: by}
}

func TestStates(t *testing.T) {
	c, id := talking(t, "markers")
	from := "tocsin.example.org"
	for _, tc := range []struct {
		m    message
		want []string
	}{
		{message{From: from, Status: []escalation.Status{status(id, 2, escalation.Delivered, escalation.ByReceipt)}}, []string{"#1 delivered (by receipt)"}},
		{message{From: from, Status: []escalation.Status{status(id, 1, escalation.Pending, "")}}, nil}, // older
		{message{From: from, Status: []escalation.Status{status("other", 1, escalation.Displayed, "")}}, nil},
		{message{From: from, Statuses: &escalation.Statuses{Status: []escalation.Status{status(id, 3, escalation.Displayed, escalation.ByMarker)}}},
			[]string{"#1 displayed (by marker)"}},
		{message{From: "sms@" + from, Body: "bob@example.org answered by SMS: On my way", SMSReply: &escalation.SMSReply{ID: id, With: "bob@example.org", Text: "On my way"}},
			[]string{"* bob@example.org replied by SMS: On my way"}},
		{message{From: "mallory@" + from + "/x", Body: "Hi", SMSReply: &escalation.SMSReply{With: "bob@example.org", Text: "Pay"}}, nil},
	} {
		if diff := cmp.Diff(tc.want, c.receive(tc.m, noon).show); diff != "" {
			t.Error(diff)
		}
	}
}

func prompt(id string) *escalation.Escalate {
	return &escalation.Escalate{
		Prompt: "p-1", ID: id, With: "bob@example.org", Reason: escalation.TimeoutUnread,
		SMS: &escalation.SMS{URI: "sms:+8613800138000?body=Hi"},
	}
}

// A test prompt says that it is one.
func TestPromptThatIsATest(t *testing.T) {
	c, _ := talking(t, "markers")
	e := prompt("unknown")
	e.Test, e.With = true, "alice@example.org"
	got := c.receive(message{From: "sms@tocsin.example.org", Type: "chat", Escalate: e}, noon).show
	want := []string{"* A test by the server's admin: no SMS is needed.", "  sms:+8613800138000?body=Hi", "  Then answer /sent, /no or /snooze."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if act := c.line("/no"); act.answer == nil || act.answer.Prompt != "p-1" {
		t.Errorf("answered: %+v", act)
	}
}

func TestPromptIsShownAndAnswered(t *testing.T) {
	c, id := talking(t, "markers")
	contact := "sms@tocsin.example.org"
	got := c.receive(message{From: contact, Type: "chat", Escalate: prompt(id)}, noon).show
	want := []string{"* bob@example.org: timeout-unread of #1. Send an SMS?", "  sms:+8613800138000?body=Hi", "  Then answer /sent, /no or /snooze."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for line, want := range map[string]escalation.Answer{
		"/sent":      {Prompt: "p-1", Action: escalation.Sent},
		"/no":        {Prompt: "p-1", Action: escalation.Decline},
		"/snooze":    {Prompt: "p-1", Action: escalation.Snooze, For: "600"},
		"/snooze 30": {Prompt: "p-1", Action: escalation.Snooze, For: "30"},
	} {
		if diff := cmp.Diff(&want, c.line(line).answer); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
	if act := c.line("/snooze soon"); act.answer != nil {
		t.Errorf("/snooze soon: %+v", act.answer)
	}

	// The prompt stays open when the service is busy, and closes once it is answered.
	if got := c.answered(escalation.Answer{Prompt: "p-1", Action: escalation.Sent}, "resource-constraint"); !strings.Contains(got, "resource-constraint") {
		t.Error(got)
	}
	if got := c.answered(*c.line("/sent").answer, ""); got != "* Recorded: SMS sent." {
		t.Error(got)
	}
	if act := c.line("/sent"); act.answer != nil {
		t.Errorf("answered twice: %+v", act.answer)
	}
}

func TestWithdrawnPromptCannotBeAnswered(t *testing.T) {
	c, id := talking(t, "markers")
	c.receive(message{From: "sms@tocsin.example.org", Escalate: prompt(id)}, noon)
	got := c.receive(message{From: "sms@tocsin.example.org", Withdraw: &escalation.Withdraw{Prompt: "p-1", Reason: escalation.BecauseDisplayed}}, noon).show
	if diff := cmp.Diff([]string{"* No SMS is needed any more (displayed)."}, got); diff != "" {
		t.Error(diff)
	}
	if act := c.line("/sent"); act.answer != nil {
		t.Errorf("answered: %+v", act.answer)
	}
}

// Anybody can send such elements, but only the service is trusted.
func TestOnlyTheServiceIsTrusted(t *testing.T) {
	for _, from := range []string{"bob@example.org/phone", "eve@example.org", "example.org", "tocsin.example.org/x", "sms@tocsin.example.net", "", "a b@tocsin.example.org"} {
		c, id := talking(t, "markers")
		act := c.receive(message{From: from, Type: "chat", Escalate: prompt(id), Status: []escalation.Status{status(id, 9, escalation.Displayed, "")}}, noon)
		if len(act.show) > 0 || len(c.open) > 0 {
			t.Errorf("%s is trusted: %q", from, act.show)
		}
	}
	c, id := talking(t, "markers")
	c.service = "" // the server has none
	if act := c.receive(message{From: "sms@tocsin.example.org", Escalate: prompt(id)}, noon); len(act.show) > 0 {
		t.Errorf("trusted: %q", act.show)
	}
	// Links with other schemes are never printed.
	c.service = "tocsin.example.org"
	evil := prompt(id)
	evil.SMS.URI = "https://example.net/"
	if got := strings.Join(c.receive(message{From: "sms@tocsin.example.org", Escalate: evil}, noon).show, "\n"); strings.Contains(got, "https:") {
		t.Error(got)
	}
}

func TestConfirms(t *testing.T) {
	in := message{From: "bob@example.org/phone", Type: "chat", ID: "b1", Body: "Yes", Request: &receipts.Request{}, Markable: &markers.Markable{}}
	for confirm, want := range map[string][]string{
		"nothing":  nil,
		"receipts": {"bob@example.org/phone received b1"},
		"markers":  {"bob@example.org/phone received b1", "bob@example.org displayed b1"},
	} {
		t.Run(confirm, func(t *testing.T) {
			c, _ := talking(t, confirm)
			act := c.receive(in, noon)
			if diff := cmp.Diff([]string{"12:00:00 < Yes"}, act.show); diff != "" {
				t.Error(diff)
			}
			var got []string
			for _, m := range act.send {
				switch {
				case m.Received != nil:
					got = append(got, m.To+" received "+m.Received.ID)
				case m.Displayed != nil:
					got = append(got, m.To+" displayed "+m.Displayed.ID)
				}
				if m.Body != "" || m.Request != nil || m.Markable != nil || m.Store == nil {
					t.Errorf("a confirmation asks for confirmation, or is not stored: %+v", m) // XEP-0184 §5.4
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", confirm, diff)
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct{ args, fault string }{
		{"", `-jid: invalid JID ""`},
		{"-jid example.org -to bob@example.org", `-jid: invalid JID "example.org"`},
		{"-jid alice@example.org", `-to: invalid JID ""`},
		{"-jid alice@example.org -to bob@example.org -confirm all", `-confirm: invalid value "all"`},
		{"-jid alice@example.org -to bob@example.org hello", `unexpected argument "hello"`},
		{"-jid alice@example.org -to bob@example.org", ""},
	} {
		_, err := parse(strings.Fields(tc.args), new(bytes.Buffer))
		if (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
			t.Errorf("%s: %v, want %q", tc.args, err, tc.fault)
		}
	}
}
