package httpapi

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/component/gateway"
)

// Each kind of response, with a preset that has all kinds of rules, and one that relies on the status.
func TestOutcomes(t *testing.T) {
	const notSent, refused, stopped, sent, unsure = gateway.NotSent, gateway.Refused, gateway.Stopped, gateway.Sent, gateway.Unsure
	for name, test := range map[string]struct {
		provider string
		script   http.HandlerFunc
		want     gateway.Answer
	}{
		"kannel takes it":      {"kannel", answering(202, "0: Accepted for delivery"), gateway.Answer{Outcome: sent, Class: "sent"}},
		"kannel queues it":     {"kannel", answering(202, "3: Queued for later delivery"), gateway.Answer{Outcome: sent, Class: "sent"}},
		"kannel says other":    {"kannel", answering(202, "4: Rejected"), gateway.Answer{Outcome: unsure, Class: "unknown"}},
		"kannel's password":    {"kannel", answering(403, "Authorization failed for sendsms"), gateway.Answer{Outcome: notSent, Class: "403", Wait: time.Minute}},
		"kannel's bad form":    {"kannel", answering(400, "Invalid content-type"), gateway.Answer{Outcome: refused, Class: "400"}},
		"unauthorized":         {"kannel", answering(401, ""), gateway.Answer{Outcome: notSent, Class: "401", Wait: time.Minute}},
		"money":                {"kannel", answering(402, ""), gateway.Answer{Outcome: notSent, Class: "402", Wait: time.Minute}},
		"too many":             {"kannel", answering(429, "", "Retry-After", "7"), gateway.Answer{Outcome: notSent, Class: "429", Wait: 7 * time.Second}},
		"too many, forever":    {"kannel", answering(429, "", "Retry-After", "99999999"), gateway.Answer{Outcome: notSent, Class: "429", Wait: time.Hour}},
		"unavailable":          {"kannel", answering(503, "0: Accepted for delivery"), gateway.Answer{Outcome: notSent, Class: "503"}},
		"moved":                {"kannel", answering(302, "", "Location", "/elsewhere"), gateway.Answer{Outcome: notSent, Class: "302"}},
		"see other":            {"kannel", answering(303, "", "Location", "/elsewhere"), gateway.Answer{Outcome: unsure, Class: "303"}},
		"not found":            {"kannel", answering(404, ""), gateway.Answer{Outcome: refused, Class: "404"}},
		"request time-out":     {"kannel", answering(408, ""), gateway.Answer{Outcome: unsure, Class: "408"}},
		"server error":         {"kannel", answering(500, ""), gateway.Answer{Outcome: unsure, Class: "500"}},
		"bad gateway":          {"kannel", answering(502, ""), gateway.Answer{Outcome: unsure, Class: "502"}},
		"gateway time-out":     {"kannel", answering(504, ""), gateway.Answer{Outcome: unsure, Class: "504"}},
		"link lost":            {"kannel", hangUp, gateway.Answer{Outcome: unsure, Class: "lost"}},
		"half an answer":       {"kannel", answering(202, "0: Acc", "Content-Length", "24"), gateway.Answer{Outcome: unsure, Class: "lost"}},
		"half a refusal":       {"kannel", answering(403, "Aut", "Content-Length", "24"), gateway.Answer{Outcome: notSent, Class: "403"}},
		"endless answer":       {"kannel", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, maxResponse+1)) }, gateway.Answer{Outcome: unsure, Class: "lost"}},
		"vonage takes it":      {"vonage", answering(200, `{"message-count":"1","messages":[{"status":"0","message-id":"0A1"}]}`), gateway.Answer{Outcome: sent, Class: "sent", IDs: []string{"0A1"}}},
		"vonage takes two":     {"vonage", answering(200, `{"messages":[{"status":"0","message-id":"0A1"},{"status":"0","message-id":"0A2"}]}`), gateway.Answer{Outcome: sent, Class: "sent", IDs: []string{"0A1", "0A2"}}},
		"vonage takes half":    {"vonage", answering(200, `{"messages":[{"status":"0","message-id":"0A1"},{"status":"1"}]}`), gateway.Answer{Outcome: unsure, Class: "unknown"}},
		"vonage is throttled":  {"vonage", answering(200, `{"messages":[{"status":"1","error-text":"Throughput Rate Exceeded"}]}`), gateway.Answer{Outcome: notSent, Class: "later"}},
		"vonage's credentials": {"vonage", answering(200, `{"messages":[{"status":"4","error-text":"Invalid Credentials"}]}`), gateway.Answer{Outcome: notSent, Class: "denied", Wait: closedFor}},
		"vonage's credit":      {"vonage", answering(200, `{"messages":[{"status":"9"}]}`), gateway.Answer{Outcome: notSent, Class: "denied", Wait: closedFor}},
		"vonage refuses":       {"vonage", answering(200, `{"messages":[{"status":"3"}]}`), gateway.Answer{Outcome: refused, Class: "refused"}},
		"vonage fails":         {"vonage", answering(200, `{"messages":[{"status":"5"}]}`), gateway.Answer{Outcome: unsure, Class: "unknown"}},
		"vonage says nothing":  {"vonage", answering(200, `<html>`), gateway.Answer{Outcome: unsure, Class: "unknown"}},
		"twilio takes it":      {"twilio", answering(201, `{"sid":"SM1","status":"queued"}`), gateway.Answer{Outcome: sent, Class: "sent", IDs: []string{"SM1"}}},
		"twilio refuses":       {"twilio", answering(400, `{"code":21211,"status":400}`), gateway.Answer{Outcome: refused, Class: "refused"}},
		"twilio knows a stop":  {"twilio", answering(400, `{"code":21610,"status":400}`), gateway.Answer{Outcome: stopped, Class: "stopped"}},
		"twilio's rate":        {"twilio", answering(429, `{"code":20429,"status":429}`, "Retry-After", "1"), gateway.Answer{Outcome: notSent, Class: "later", Wait: time.Second}},
		"twilio's account":     {"twilio", answering(401, `{"code":20003,"status":401}`), gateway.Answer{Outcome: notSent, Class: "401", Wait: closedFor}},
		"playsms's credit":     {"playsms", answering(200, `{"data":[{"status":"ERR","error":"103","smslog_id":""}]}`), gateway.Answer{Outcome: notSent, Class: "denied", Wait: closedFor}},
		"playsms's token":      {"playsms", answering(200, `{"status":"ERR","error":"104"}`), gateway.Answer{Outcome: notSent, Class: "denied", Wait: closedFor}},
		"tencent's key":        {"tencent", answering(200, `{"Response":{"Error":{"Code":"AuthFailure.SecretIdNotFound"}}}`), gateway.Answer{Outcome: notSent, Class: "denied", Wait: closedFor}},
		"tencent's limit":      {"tencent", answering(200, `{"Response":{"SendStatusSet":[{"Code":"LimitExceeded.PhoneNumberDailyLimit"}]}}`), gateway.Answer{Outcome: notSent, Class: "later"}},
		"smsgate takes it":     {"smsgate", answering(202, `{"id":"`+ref+`","state":"Pending"}`), gateway.Answer{Outcome: sent, Class: "sent", IDs: []string{ref}}},
		"smsgate has it":       {"smsgate", answering(409, `{"message":"exists"}`), gateway.Answer{Outcome: sent, Class: "sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := scripted(t, test.script)
			r := presetRoute(test.provider)
			r.URL = p.URL
			g := must(t, r)
			got := g.Submit(t.Context(), submission("Hello"))
			if got.Outcome != test.want.Outcome || got.Class != test.want.Class || got.Wait != test.want.Wait || !slices.Equal(got.IDs, test.want.IDs) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if n := p.count(); n != 1 {
				t.Errorf("%d requests for one SMS", n)
			}
			if up, _ := g.Up(); up != (test.want.Wait == 0) {
				t.Errorf("up is %v", up)
			}
			if test.want.Class == "denied" && g.Fault() != "denied" {
				t.Errorf("the fault is %q", g.Fault())
			}
		})
	}
}

// The host is unreachable or untrusted: nothing was sent.
func TestNobodyThere(t *testing.T) {
	untrusted := httptest.NewTLSServer(answering(202, "0: Accepted for delivery"))
	defer untrusted.Close()
	for name, url := range map[string]string{
		"dead port":             "http://" + deadPort(t),
		"no such host":          "http://nobody.invalid",
		"untrusted certificate": untrusted.URL,
	} {
		t.Run(name, func(t *testing.T) {
			g := must(t, Route{Name: "r", Provider: "kannel", URL: url})
			if got := g.Submit(t.Context(), submission("Hello")); got.Outcome != gateway.NotSent || got.Class != "unreachable" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestOwnCA(t *testing.T) {
	own := httptest.NewTLSServer(answering(202, "0: Accepted for delivery"))
	defer own.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate().Raw})
	g := must(t, Route{Name: "r", Provider: "kannel", URL: own.URL, CA: ca})
	if got := g.Submit(t.Context(), submission("Hello")); got.Outcome != gateway.Sent {
		t.Errorf("got %+v", got)
	}
}

// A listener that accepts the connection and never responds.
func TestNoAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := must(t, Route{Name: "r", Provider: "kannel", URL: "http://" + l.Addr().String(), Answer: 50 * time.Millisecond})
	if got := g.Submit(t.Context(), submission("Hello")); got.Outcome != gateway.Unsure || got.Class != "timeout" {
		t.Errorf("got %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := g.Submit(ctx, submission("Hello")); got.Outcome != gateway.NotSent {
		t.Errorf("given up before the start: got %+v", got)
	}
}

// net/http would repeat a GET if a kept-alive connection breaks, so there must not be one.
func TestEachRequestOnce(t *testing.T) {
	n := 0
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n > 1 {
			hangUp(w, r)
			return
		}
		answering(202, "0: Accepted for delivery")(w, r)
	})
	g := must(t, Route{Name: "r", Provider: "kannel", URL: p.URL})
	if got := g.Submit(t.Context(), submission("one")); got.Outcome != gateway.Sent {
		t.Fatalf("got %+v", got)
	}
	if got := g.Submit(t.Context(), submission("two")); got.Outcome != gateway.Unsure {
		t.Fatalf("got %+v", got)
	}
	if p.count() != 2 {
		t.Errorf("%d requests for two SMS", p.count())
	}
}

// A route that refuses the credentials is not tried for a while. It counts as faulty until something passes it.
func TestUpAgain(t *testing.T) {
	c := clock.NewStepped(time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC))
	status, body := 401, ""
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) { answering(status, body)(w, r) })
	g, err := New(Route{Name: "r", Provider: "kannel", URL: p.URL}, c)
	if err != nil {
		t.Fatal(err)
	}
	g.Submit(t.Context(), submission("Hello"))
	if up, why := g.Up(); up || why != "401" {
		t.Errorf("up %v, %q", up, why)
	}
	c.Step(closedFor)
	if up, _ := g.Up(); !up {
		t.Error("not up again")
	}
	for _, next := range []struct {
		status int
		body   string
		fault  string
	}{{401, "", "401"}, {429, "", "401"}, {500, "", "401"}, {202, "0: Accepted for delivery", ""}, {429, "", ""}, {302, "", "302"}, {400, "", ""}} {
		status, body = next.status, next.body
		if g.Submit(t.Context(), submission("Hello")); g.Fault() != next.fault {
			t.Errorf("after %d: %q, want %q", next.status, g.Fault(), next.fault)
		}
	}
	p.Close()
	if g.Submit(t.Context(), submission("Hello")); g.Fault() != "unreachable" {
		t.Errorf("unreachable: %q", g.Fault())
	}
}

func TestCheck(t *testing.T) {
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusForbidden
		if r.URL.Query().Get("password") == "s3 cret&" {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
	})
	for _, test := range []struct {
		route Route
		want  string
	}{
		{Route{Provider: "kannel", URL: p.URL, Secret: "s3 cret&"}, ""},
		{Route{Provider: "kannel", URL: p.URL, Secret: "wrong"}, "the provider refuses the credentials (status 403)"},
		{Route{Provider: "playsms", URL: p.URL}, ""},
		{Route{Provider: "kannel", URL: "http://" + deadPort(t)}, "connection refused"},
	} {
		test.route.Name = "r"
		err := must(t, test.route).Check(t.Context())
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.route.Provider, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("the error has the URL: %v", err)
		}
	}
}
