package httpapi

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/clock"
	"tocsin/component/gateway"
)

var update = flag.Bool("update", false, "write testdata/requests anew")

// options are required options of presets.
var options = map[string]map[string]string{
	"infobip": {"base": "x1y2z3.api.infobip.com"},
	"sinch":   {"region": "eu"},
	"tencent": {"app_id": "1400006666", "region": "ap-guangzhou"},
}

func presetRoute(name string) Route {
	return Route{
		Name: "r", Provider: name, User: "user@1", Secret: "s3 cret&+", Options: options[name], Public: "https://xmpp.example.org/tocsin-sms/", HookSecret: hookKey,
		SignName: "示例", Template: Templates{Message: "SMS_1", Code: "SMS_2"}, Params: map[string]string{"1": "{{.Sender}}", "2": "{{.Domain}}"}, CodeParams: map[string]string{"code": "{{.Code}}"},
	}
}

// What each preset sends over the wire. The files were compared with the providers' documentation by hand, those
// of Kannel, Aliyun and Tencent also with real requests (internal/lab/kannel_test.go, sign_test.go).
func TestRequests(t *testing.T) {
	texts := map[string]gateway.Submission{
		"latin":   submission(`Are you there? "Yes" & <no> 100% {{.Secret}}`),
		"chinese": submission("水泵坏了 🚒\n请打电话"),
	}
	code := submission("Code: 424242")
	code.Code, code.Params.Code = true, "424242"
	texts["code"] = code
	for _, name := range Presets() {
		g, err := New(presetRoute(name), clock.System{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var out strings.Builder
		now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
		for _, which := range []string{"latin", "chinese", "code"} {
			fill, err := g.fill(texts[which], now)
			if err != nil {
				t.Fatal(err)
			}
			req, err := g.request(t.Context(), fill, now)
			if err != nil {
				t.Errorf("%s, %s: %v", name, which, err)
				continue
			}
			fmt.Fprintf(&out, "# %s\n%s %s\n", which, req.Method, req.URL.Redacted())
			for _, header := range []string{"Content-Type", "Authorization", "Idempotency-Key", "X-Acs-Action", "X-Acs-Version", "X-Tc-Action", "X-Tc-Version", "X-Tc-Region", "X-Tc-Timestamp"} {
				value := req.Header.Get(header)
				if strings.HasPrefix(value, "ACS3") {
					value, _, _ = strings.Cut(value, "Signature=") // contains a nonce
				}
				if value != "" {
					fmt.Fprintf(&out, "%s: %s\n", header, value)
				}
			}
			body := make([]byte, 1<<16)
			n, _ := req.Body.Read(body)
			fmt.Fprintf(&out, "%s\n\n", body[:n])
		}
		file := filepath.Join("testdata", "requests", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The sender is omitted if there is none, the report URL if there is no public URL.
func TestWhatIsLeftOut(t *testing.T) {
	r := presetRoute("kannel")
	r.Public = ""
	g := must(t, r)
	m := submission("Hello")
	m.From = ""
	fill, err := g.fill(m, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	req, err := g.request(t.Context(), fill, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"from", "dlr-mask", "dlr-url"} {
		if req.URL.Query().Has(name) {
			t.Errorf("has %s", name)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		route Route
		want  []string
	}{
		"nothing at all":      {Route{}, []string{`name: invalid name "" (a-z, 0-9 and hyphens, at most 32)`, `provider: unknown provider "" (must be ` + strings.Join(Presets(), ", ") + ` or custom)`}},
		"name":                {Route{Name: "My Route", Provider: "kannel"}, []string{`name: invalid name "My Route" (a-z, 0-9 and hyphens, at most 32)`}},
		"CA":                  {Route{Name: "r", Provider: "kannel", CA: []byte("x")}, []string{"ca_file: no certificates in it"}},
		"network":             {Route{Name: "r", Provider: "kannel", HookFrom: []string{"127.0.0.1"}}, []string{`hook_from: invalid network "127.0.0.1" (example: 192.0.2.0/24)`}},
		"secret":              {Route{Name: "r", Provider: "kannel", Public: "https://example.org", HookSecret: "short"}, []string{`hook_secret: not 32 to 128 letters, digits, hyphens and underscores`}},
		"public":              {Route{Name: "r", Provider: "kannel", Public: "example.org", HookSecret: hookKey}, []string{`public: invalid URL (example: https://xmpp.example.org/tocsin-sms)`}},
		"custom with nothing": {Route{Name: "r", Provider: "custom"}, []string{`url: is missing`, `method: invalid method "" (must be GET, POST or PUT)`, `ok: is missing: no response would count as success`}},
		"option":              {Route{Name: "r", Provider: "sinch"}, []string{"options.region: is missing"}},
		"url":                 {Route{Name: "r", Provider: "kannel", URL: "kannel:13013"}, []string{`url: invalid URL (example: https://api.example.org/messages)`}},
		"unknown key":         {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"later": map[string]any{"code": int64(1)}}}, []string{`later.code: unknown key`}},
		"type":                {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"method": int64(1)}}, []string{`method: incompatible types: TOML value has type int64; destination has type string`}},
		"field":               {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"query": map[string]any{"text": "{{.Txt}}"}}}, []string{`query.text: value:1:2: executing "value" at <.Txt>: can't evaluate field Txt in type httpapi.Fill`}},
		"template":            {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"query": map[string]any{"text": "{{.Text"}}}, []string{`query.text: value:1: unclosed action`}},
		"regular expression":  {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"ok": map[string]any{"match": "("}}}, []string{"ok.match: error parsing regexp: missing closing ): `(`"}},
		"half a condition":    {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"later": map[string]any{"path": "x"}}}, []string{"later: path and values need each other"}},
		"state":               {Route{Name: "r", Provider: "vonage", Keys: map[string]any{"report": map[string]any{"ref": "query:ref", "state": "query:s", "states": map[string]any{"x": "done"}}}}, []string{`report.states: invalid state "done" (must be accepted, delivered, failed or expired)`}},
		"bit":                 {Route{Name: "r", Provider: "vonage", Keys: map[string]any{"report": map[string]any{"ref": "query:ref", "state": "query:s", "bits": map[string]any{"x": "failed"}}}}, []string{`report.bits: invalid entry x = "failed" (example: 1 = "delivered")`}},
		"place":               {Route{Name: "r", Provider: "vonage", Keys: map[string]any{"reply": map[string]any{"from": "msisdn"}}}, []string{`reply.from: invalid place "msisdn" (example: json:data.id)`}},
		"report of nothing":   {Route{Name: "r", Provider: "vonage", Keys: map[string]any{"report": map[string]any{"state": "query:s"}}}, []string{`report: has neither ref nor id`}},
		"hook":                {Route{Name: "r", Provider: "vonage", Keys: map[string]any{"hook": "md5"}}, []string{`hook: invalid value "md5" (must be secret, twilio, telnyx, basic or hmac-sha256:HEADER)`}},
		"hook's key":          {Route{Name: "r", Provider: "twilio", Public: "https://example.org", HookSecret: hookKey}, []string{`presets/twilio.toml:14: hook: twilio needs hook_key`}},
		"public key":          {Route{Name: "r", Provider: "telnyx", Public: "https://example.org", HookSecret: hookKey, HookKey: "AAAA", Keys: map[string]any{"hook": "telnyx"}}, []string{"hook: telnyx needs hook_key: the account's public key"}},
		"form and GET":        {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"form": map[string]any{"x": "y"}}}, []string{`method: GET has no body: form and json need POST`}},
		"signature":           {Route{Name: "r", Provider: "kannel", Keys: map[string]any{"sign": "aws"}}, []string{`sign: invalid value "aws" (must be aliyun or tencent)`}},
		"params":              {Route{Name: "r", Provider: "aliyun", Params: map[string]string{"a": "{{.Text}}"}}, []string{`params.a: value:1:2: executing "value" at <.Text>: can't evaluate field Text in type gateway.Params`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.route, clock.System{})
			var faults gateway.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v", err)
			}
			got := strings.Split(faults.Error(), "\n")
			for i := range got {
				if strings.HasPrefix(got[i], "presets/") && !strings.HasPrefix(test.want[0], "presets/") {
					_, got[i], _ = strings.Cut(got[i], ": ")
				}
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A fault in a preset names its line.
func TestPresetLine(t *testing.T) {
	for key, want := range map[string]string{"ok": "ok = ", "query.text": "text = ", "report.bits.34": "[report", "nothing": "", "query": "[query]"} {
		line := presetLine("kannel", key)
		got := ""
		if line > 0 {
			got = strings.Split(Preset("kannel"), "\n")[line-1]
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s is in line %d, %q", key, line, got)
		}
	}
}

func TestOverride(t *testing.T) {
	r := presetRoute("kannel")
	r.Keys = map[string]any{"query": map[string]any{"account": "tocsin", "coding": ""}, "ok": map[string]any{"status": []any{int64(202)}}}
	g := must(t, r)
	if len(g.form.query) != len(g.spec.Query) || g.spec.Query["account"] != "tocsin" || g.spec.Query["text"] == "" {
		t.Errorf("got %v", g.spec.Query)
	}
	if g.spec.OK.Match != "" || !slices.Equal(g.spec.OK.Status, []int{202}) {
		t.Errorf("got %+v", g.spec.OK)
	}
	for _, key := range SpecKeys() {
		if key == "url" {
			t.Error("url is a field of Route")
		}
	}
}

// Which presets choose the sender, and whose replies name the number that was written to.
func TestSenders(t *testing.T) {
	for name, want := range map[string][2]bool{
		"kannel": {true, true}, "vonage": {true, true}, "infobip": {true, true}, "telnyx": {true, true}, "twilio": {true, true}, "playsms": {true, false},
		"smsgate": {false, true}, "aliyun": {false, true}, "tencent": {false, false},
	} {
		g := must(t, presetRoute(name))
		if got := [2]bool{g.ChoosesSender(), g.NamesNumber()}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	r := presetRoute("twilio")
	r.Options = map[string]string{"messaging_service": "MG1"}
	if must(t, r).ChoosesSender() {
		t.Error("a messaging service has numbers of its own")
	}
}
