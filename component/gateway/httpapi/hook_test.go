package httpapi

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/internal/sink"
)

const formType, jsonType = "application/x-www-form-urlencoded", "application/json"

// hooked returns a handler for one route, the Sink, and the log.
func hooked(t *testing.T, r Route) (*Hooks, *sink.Keeper, *strings.Builder) {
	t.Helper()
	log, told := &strings.Builder{}, sink.New()
	return NewHooks([]*Gateway{must(t, r)}, told, slog.New(slog.NewTextHandler(log, nil))), told, log
}

func call1(h http.Handler, method, path, kind, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Calls from the examples in providers' documentation, or captured (Kannel).
func TestCalls(t *testing.T) {
	report := func(ref, id string, s gateway.State) []gateway.Report {
		return []gateway.Report{{Route: "r", Ref: ref, ID: id, State: s}}
	}
	reply := func(id, from, to, text string) []gateway.Reply {
		return []gateway.Reply{{Route: "r", ID: id, From: from, To: to, Text: text}}
	}
	for name, test := range map[string]struct {
		provider, what, query, kind, body string
		reports                           []gateway.Report
		replies                           []gateway.Reply
		answer                            string
	}{
		"kannel accepted":    {provider: "kannel", what: "report", query: "ref=" + ref + "&state=8&id=2684354561", reports: report(ref, "2684354561", gateway.Accepted)},
		"kannel delivered":   {provider: "kannel", what: "report", query: "ref=" + ref + "&state=1&id=2684354561", reports: report(ref, "2684354561", gateway.Delivered)},
		"kannel failed":      {provider: "kannel", what: "report", query: "ref=" + ref + "&state=2&id=", reports: report(ref, "", gateway.Failed)},
		"kannel refused":     {provider: "kannel", what: "report", query: "ref=" + ref + "&state=16&id=", reports: report(ref, "", gateway.Failed)},
		"kannel expired":     {provider: "kannel", what: "report", query: "ref=" + ref + "&state=34&id=7", reports: report(ref, "7", gateway.Expired)},
		"kannel says 64":     {provider: "kannel", what: "report", query: "ref=" + ref + "&state=64"},
		"kannel says delt":   {provider: "kannel", what: "report", query: "ref=" + ref + "&state=%25d"},
		"kannel says naught": {provider: "kannel", what: "report"},
		"kannel's reply": {provider: "kannel", what: "reply", query: "from=%2B8613800138001&to=%2B15550009999&text=%E5%A5%BD%E7%9A%84&id=ca85bf80",
			replies: reply("ca85bf80", "+8613800138001", "+15550009999", "好的")},
		"reply of nobody": {provider: "kannel", what: "reply", query: "text=hi"},
		"twilio": {provider: "custom-twilio", what: "report", query: "ref=" + ref, kind: formType, body: "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003",
			reports: report(ref, "SM1", gateway.Failed)},
		"vonage by GET":        {provider: "vonage", what: "report", query: "msisdn=8613800138000&messageId=0A1&status=delivered&err-code=0&client-ref=" + ref, reports: report(ref, "0A1", gateway.Delivered)},
		"vonage by form":       {provider: "vonage", what: "report", kind: formType, body: "messageId=0A1&status=expired&client-ref=" + ref, reports: report(ref, "0A1", gateway.Expired)},
		"vonage by JSON":       {provider: "vonage", what: "report", kind: jsonType, body: `{"messageId":"0A1","status":"buffered","client-ref":"` + ref + `"}`, reports: report(ref, "0A1", gateway.Accepted)},
		"vonage's reply":       {provider: "vonage", what: "reply", kind: jsonType, body: `{"msisdn":"8613800138000","to":"15550009999","messageId":"0B1","text":"yes"}`, replies: reply("0B1", "8613800138000", "15550009999", "yes")},
		"infobip, two at once": {provider: "infobip", what: "report", kind: jsonType, body: `{"results":[{"messageId":"a","callbackData":"` + ref + `","status":{"groupId":3,"groupName":"DELIVERED"}},{"messageId":"b","status":{"groupName":"EXPIRED"}},{"messageId":"c","status":{"groupName":"NEW"}}]}`, reports: append(report(ref, "a", gateway.Delivered), report("", "b", gateway.Expired)...)},
		"infobip, the operator has it": {provider: "infobip", what: "report", kind: jsonType, body: `{"results":[{"messageId":"a","status":{"groupId":3,"groupName":"DELIVERED","id":2,"name":"DELIVERED_TO_OPERATOR"}},{"messageId":"b","status":{"groupId":3,"groupName":"DELIVERED","id":5,"name":"DELIVERED_TO_HANDSET"}},{"messageId":"c","status":{"groupId":2,"groupName":"UNDELIVERABLE","id":9,"name":"UNDELIVERABLE_NOT_DELIVERED"}},{"messageId":"d","status":{"groupId":4,"groupName":"EXPIRED","id":15,"name":"EXPIRED_EXPIRED"}}]}`,
			reports: append(report("", "a", gateway.Accepted), append(report("", "b", gateway.Delivered), append(report("", "c", gateway.Failed), report("", "d", gateway.Expired)...)...)...)},
		"infobip's reply":     {provider: "infobip", what: "reply", kind: jsonType, body: `{"results":[{"messageId":"817790313235066447","from":"385916242493","to":"385921004026","text":"QUIZ Correct answer is Paris"}],"messageCount":1}`, replies: reply("817790313235066447", "385916242493", "385921004026", "QUIZ Correct answer is Paris")},
		"sinch":               {provider: "sinch", what: "report", kind: jsonType, body: `{"type":"recipient_delivery_report_sms","batch_id":"01FC","recipient":"8613800138000","code":0,"status":"Delivered","client_reference":"` + ref + `"}`, reports: report(ref, "01FC", gateway.Delivered)},
		"sinch, of a batch":   {provider: "sinch", what: "report", kind: jsonType, body: `{"type":"delivery_report_sms","batch_id":"01FC","status":"Delivered"}`},
		"sinch's reply":       {provider: "sinch", what: "reply", kind: jsonType, body: `{"type":"mo_text","id":"01XX","from":"16051234567","to":"13185551234","body":"This is a test message."}`, replies: reply("01XX", "16051234567", "13185551234", "This is a test message.")},
		"messagebird":         {provider: "messagebird", what: "report", query: "ref=" + ref + "&id=e8077d&recipient=31612345678&status=delivery_failed", reports: report(ref, "e8077d", gateway.Failed)},
		"messagebird's reply": {provider: "messagebird", what: "reply", query: "id=e8&originator=31612345678&recipient=3197&body=hi", replies: reply("e8", "31612345678", "3197", "hi")},
		"plivo":               {provider: "plivo", what: "report", query: "ref=" + ref, kind: formType, body: "MessageUUID=db3c&Status=delivered&To=8613800138000", reports: report(ref, "db3c", gateway.Delivered)},
		"plivo's reply":       {provider: "plivo", what: "reply", kind: formType, body: "MessageUUID=db3d&From=8613800138000&To=15550009999&Text=hi%21", replies: reply("db3d", "8613800138000", "15550009999", "hi!")},
		"telnyx":              {provider: "telnyx", what: "report", query: "ref=" + ref, kind: jsonType, body: `{"data":{"event_type":"message.finalized","payload":{"id":"834f","to":[{"phone_number":"+8613800138000","status":"delivered"}]}}}`, reports: report(ref, "834f", gateway.Delivered)},
		"telnyx' reply":       {provider: "telnyx", what: "reply", kind: jsonType, body: `{"data":{"event_type":"message.received","id":"bf63","payload":{"id":"7ee4","from":{"phone_number":"+18665550001"},"to":[{"phone_number":"+18445550001"}],"text":"Hello, World!"}}}`, replies: reply("7ee4", "+18665550001", "+18445550001", "Hello, World!")},
		"telnyx' other event": {provider: "telnyx", what: "reply", kind: jsonType, body: `{"data":{"event_type":"message.sent","payload":{"id":"7ee4","from":{"phone_number":"+18665550001"},"to":[],"text":"x"}}}`},
		"aliyun":              {provider: "aliyun", what: "report", kind: jsonType, body: `[{"phone_number":"13800138000","success":true,"err_code":"DELIVERED","biz_id":"12345","out_id":"` + ref + `"},{"success":false,"biz_id":"12346","out_id":""}]`, reports: append(report(ref, "12345", gateway.Delivered), report("", "12346", gateway.Failed)...), answer: `{"code":0,"msg":"OK"}`},
		"aliyun's reply":      {provider: "aliyun", what: "reply", kind: jsonType, body: `[{"phone_number":"13800138000","content":"内容","dest_code":"1234","sequence_id":1234567890123456789}]`, replies: reply("1234567890123456789", "8613800138000", "1234", "内容"), answer: `{"code":0,"msg":"OK"}`},
		"aliyun's, of nobody": {provider: "aliyun", what: "reply", kind: jsonType, body: `[{"content":"内容","sequence_id":1}]`, answer: `{"code":0,"msg":"OK"}`},
		"tencent":             {provider: "tencent", what: "report", kind: jsonType, body: `[{"mobile":"13xxxxxxxxx","nationcode":"86","report_status":"SUCCESS","errmsg":"DELIVRD","sid":"5000:1"}]`, reports: report("", "5000:1", gateway.Delivered), answer: `{"result":0,"errmsg":"OK"}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := presetRoute(strings.TrimPrefix(test.provider, "custom-"))
			if r.Provider == "twilio" {
				r.Keys = map[string]any{"hook": "secret"} // signatures are tested below
			}
			h, told, _ := hooked(t, r)
			method := http.MethodPost
			if test.kind == "" {
				method = http.MethodGet
			}
			w := call1(h, method, "/tocsin-sms/r/"+hookKey+"/"+test.what+"?"+test.query, test.kind, test.body)
			if w.Code != http.StatusOK || w.Body.String() != test.answer {
				t.Errorf("answered %d %q", w.Code, w.Body)
			}
			if diff := cmp.Diff(test.reports, told.Reports()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.replies, told.Replies()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A reply without an id gets one, which is the same in a repetition and different for another reply.
func TestReplyWithoutID(t *testing.T) {
	h, told, _ := hooked(t, presetRoute("tencent"))
	for _, body := range []string{`{"nationcode":"86","mobile":"13800138000","text":"好","time":1}`, `{"nationcode":"86","mobile":"13800138000","text":"好","time":1}`, `{"nationcode":"86","mobile":"13800138000","text":"好","time":2}`} {
		call1(h, http.MethodPost, "/r/"+hookKey+"/reply", jsonType, body)
	}
	r := told.Replies()
	if len(r) != 3 || r[0].ID != r[1].ID || r[0].ID == r[2].ID || r[0].ID == "" || r[0].From != "8613800138000" || r[0].Text != "好" {
		t.Errorf("got %+v", r)
	}
}

// A call is answered with success only once it is stored; otherwise the provider retries.
func TestSinkFails(t *testing.T) {
	h, told, log := hooked(t, presetRoute("kannel"))
	told.Fail(sink.Always)
	path := "/r/" + hookKey + "/report?ref=" + ref + "&state=1"
	if w := call1(h, http.MethodGet, path, "", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d", w.Code)
	}
	if text := log.String(); !strings.Contains(text, "database is locked") || strings.Contains(text, hookKey) || strings.Contains(text, ref) {
		t.Errorf("logged %q", text)
	}
	told.Fail(0)
	if w := call1(h, http.MethodGet, path, "", ""); w.Code != http.StatusOK || len(told.Reports()) != 1 {
		t.Errorf("answered %d, %v", w.Code, told.Reports())
	}
}

func TestStrangers(t *testing.T) {
	twilio := presetRoute("twilio")
	signed := "/tocsin-sms/tw/" + hookKey + "/report?ref=" + ref
	twilio.Name, twilio.HookKey = "tw", "auth-token"
	basic := presetRoute("vonage")
	basic.Keys = map[string]any{"hook": "basic"}
	near := presetRoute("kannel")
	near.HookFrom = []string{"192.0.2.0/24", "2001:db8::/32"} // httptest comes from 192.0.2.1
	far := near
	far.HookFrom = []string{"198.51.100.0/24"}
	phone := presetRoute("smsgate")
	event := `{"event":"sms:delivered","payload":{"messageId":"` + ref + `"}}`
	sum := func(key, body, at string) string {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(body + at))
		return hex.EncodeToString(m.Sum(nil))
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	telnyx := presetRoute("telnyx")
	telnyx.Keys, telnyx.HookKey = map[string]any{"hook": "telnyx"}, base64.StdEncoding.EncodeToString(public)
	seal := func(at string) string {
		return base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(at+"|"+event)))
	}
	now, old := strconv.FormatInt(time.Now().Unix(), 10), strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	const status = "MessageSid=SM1&MessageStatus=delivered&To=%2B8613800138000&From=%2B15550009999"
	for name, test := range map[string]struct {
		route                    Route
		method, path, kind, body string
		headers                  []string
		want                     int
	}{
		"wrong secret":       {route: presetRoute("kannel"), method: "GET", path: "/r/" + strings.Repeat("t", 32) + "/report?ref=x&state=1", want: 404},
		"no secret":          {route: presetRoute("kannel"), method: "GET", path: "/r/report?ref=x&state=1", want: 404},
		"other route":        {route: presetRoute("kannel"), method: "GET", path: "/x/" + hookKey + "/report?ref=x&state=1", want: 404},
		"other kind":         {route: presetRoute("kannel"), method: "GET", path: "/r/" + hookKey + "/admin", want: 404},
		"no reports there":   {route: presetRoute("playsms"), method: "GET", path: "/r/" + hookKey + "/report", want: 404},
		"other method":       {route: presetRoute("kannel"), method: "DELETE", path: "/r/" + hookKey + "/report", want: 404},
		"too big":            {route: presetRoute("vonage"), method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: strings.Repeat(" ", maxCall+1), want: 413},
		"broken form":        {route: presetRoute("vonage"), method: "POST", path: "/r/" + hookKey + "/report", kind: formType, body: "a=%zz", want: 400},
		"broken JSON":        {route: presetRoute("vonage"), method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: "{", want: 200},
		"twilio":             {route: twilio, method: "POST", path: signed, kind: formType, body: status, headers: []string{"X-Twilio-Signature", "WzN5uDTCKsTBORpTIju2nu+wknc="}, want: 200}, // computed by Twilio's library
		"twilio, proxy cuts": {route: twilio, method: "POST", path: strings.TrimPrefix(signed, "/tocsin-sms"), kind: formType, body: status, headers: []string{"X-Twilio-Signature", "WzN5uDTCKsTBORpTIju2nu+wknc="}, want: 200},
		"twilio, forged":     {route: twilio, method: "POST", path: signed, kind: formType, body: strings.Replace(status, "delivered", "failed", 1), headers: []string{"X-Twilio-Signature", "WzN5uDTCKsTBORpTIju2nu+wknc="}, want: 403},
		"twilio, other SMS":  {route: twilio, method: "POST", path: strings.Replace(signed, "0123", "3210", 1), kind: formType, body: status, headers: []string{"X-Twilio-Signature", "WzN5uDTCKsTBORpTIju2nu+wknc="}, want: 403},
		"twilio, unsigned":   {route: twilio, method: "POST", path: signed, kind: formType, body: status, want: 403},
		"basic":              {route: basic, method: "GET", path: "/r/" + hookKey + "/report", headers: []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("user@1:s3 cret&+"))}, want: 200},
		"basic, wrong":       {route: basic, method: "GET", path: "/r/" + hookKey + "/report", headers: []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("user@1:x"))}, want: 403},
		"near":               {route: near, method: "GET", path: "/r/" + hookKey + "/report", want: 200},
		"far":                {route: far, method: "GET", path: "/r/" + hookKey + "/report", want: 403},
		"far, says near":     {route: far, method: "GET", path: "/r/" + hookKey + "/report", headers: []string{"X-Forwarded-For", "198.51.100.7"}, want: 403},
		"signed":             {route: phone, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"X-Timestamp", now, "X-Signature", sum("s3 cret&+", event, now)}, want: 200},
		"signed, replayed":   {route: phone, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"X-Timestamp", old, "X-Signature", sum("s3 cret&+", event, old)}, want: 403},
		"signed, other time": {route: phone, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"X-Timestamp", now, "X-Signature", sum("s3 cret&+", event, old)}, want: 403},
		"signed, other body": {route: phone, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event + " ", headers: []string{"X-Timestamp", now, "X-Signature", sum("s3 cret&+", event, now)}, want: 403},
		"telnyx":             {route: telnyx, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"Telnyx-Timestamp", now, "Telnyx-Signature-Ed25519", seal(now)}, want: 200},
		"telnyx, replayed":   {route: telnyx, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"Telnyx-Timestamp", old, "Telnyx-Signature-Ed25519", seal(old)}, want: 403},
		"telnyx, other time": {route: telnyx, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"Telnyx-Timestamp", now, "Telnyx-Signature-Ed25519", seal(old)}, want: 403},
		"telnyx, other body": {route: telnyx, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event + " ", headers: []string{"Telnyx-Timestamp", now, "Telnyx-Signature-Ed25519", seal(now)}, want: 403},
		"telnyx, unsigned":   {route: telnyx, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, want: 403},
		"signed by another":  {route: phone, method: "POST", path: "/r/" + hookKey + "/report", kind: jsonType, body: event, headers: []string{"X-Timestamp", now, "X-Signature", sum("x", event, now)}, want: 403},
	} {
		t.Run(name, func(t *testing.T) {
			h, told, log := hooked(t, test.route)
			w := call1(h, test.method, test.path, test.kind, test.body, test.headers...)
			if w.Code != test.want {
				t.Errorf("answered %d, want %d", w.Code, test.want)
			}
			if test.want != http.StatusOK && len(told.Reports()) > 0 {
				t.Errorf("took %v", told.Reports())
			}
			for _, secret := range []string{hookKey, ref, "13800138000", "tocsin-sms"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("logged %q", log)
				}
			}
		})
	}
}

// X-Forwarded-For is trusted only from a proxy on this machine.
func TestForwarded(t *testing.T) {
	r := presetRoute("kannel")
	r.HookFrom = []string{"198.51.100.0/24"}
	g := must(t, r)
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.RemoteAddr = "127.0.0.1:4711"
	req.Header.Set("X-Forwarded-For", "203.0.113.9, 198.51.100.7")
	if !g.hook.from(req) {
		t.Error("not let in")
	}
	req.Header.Set("X-Forwarded-For", "198.51.100.7, 203.0.113.9")
	if g.hook.from(req) {
		t.Error("let in by what the caller says")
	}
}

func TestRate(t *testing.T) {
	h, _, _ := hooked(t, presetRoute("kannel"))
	codes := map[int]int{}
	for range callsBurst + 200 {
		codes[call1(h, http.MethodGet, "/r/"+hookKey+"/report?ref=x&state=1", "", "").Code]++
	}
	if codes[http.StatusTooManyRequests] == 0 || codes[http.StatusOK] < callsBurst {
		t.Errorf("got %v", codes)
	}
}

// Any call gets a response without a panic, and nothing longer than allowed is stored.
func FuzzCall(f *testing.F) {
	f.Add("ref=1&state=34", formType, "a=b")
	f.Add("from=%00&text=%ff%00&id=%ff", formType, "From=\xff&Text=a%00b")
	f.Add("", jsonType, `[{"out_id":"x","success":true}]`)
	f.Add("", jsonType, `{"results":[{"messageId":1e400,"status":{"groupName":"DELIVERED"}}]}`)
	f.Add("", jsonType, `{"data":{"event_type":"message.received","payload":{"to":[[]],"from":{"phone_number":[1]}}}}`)
	var routes []*Gateway
	for _, name := range Presets() {
		r := presetRoute(name)
		r.Name = name
		if name == "twilio" || name == "smsgate" {
			r.Keys = map[string]any{"hook": "secret"}
		}
		g, err := New(r, clock.System{})
		if err != nil {
			f.Fatal(err)
		}
		g.hook.limit.SetLimit(1e9)
		routes = append(routes, g)
	}
	f.Fuzz(func(t *testing.T, query, kind, body string) {
		told := sink.New()
		h := NewHooks(routes, told, slog.New(slog.DiscardHandler))
		for _, g := range routes {
			for _, what := range []string{"report", "reply"} {
				r := httptest.NewRequest(http.MethodPost, "/"+g.route.Name+"/"+hookKey+"/"+what, strings.NewReader(body))
				r.URL.RawQuery = query
				r.Header.Set("Content-Type", kind)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code/100 == 5 {
					t.Fatalf("answered %d", w.Code)
				}
			}
		}
		for _, r := range told.Reports() {
			if r.Ref == "" && r.ID == "" || gateway.ID(r.Ref) != r.Ref || gateway.ID(r.ID) != r.ID {
				t.Fatalf("kept %+v", r)
			}
		}
		for _, r := range told.Replies() {
			if r.ID == "" || r.From == "" || gateway.ID(r.ID) != r.ID || gateway.ID(r.From) != r.From || gateway.Text(r.Text) != r.Text {
				t.Fatalf("kept %+v", r)
			}
		}
	})
}
