package main

import (
	"bytes"
	"regexp"
	"testing"
)

// TestTexted runs "make demo-sms" without pauses. ("make fresh" runs "make demo".)
func TestTexted(t *testing.T) {
	var out bytes.Buffer
	texted(&teller{TB: t, out: &out})
	for _, want := range []string{
		`alice +→ bob: The server room is on fire\.`, `timeout-unread – bob has not read it`, `escalated – Kannel has taken an SMS \(by sms\)`,
		`kannel +→ bob's phone: alice@example\.org wrote on example\.org: The server room is on fire\.\n +Reply STOP`, `the phone has it`,
		`displayed – bob has read it \(by sms-reply\)`, `sms +→ alice: bob@example\.org answered by SMS: On my way`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("%s is missing", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out.Bytes())
	}
}
