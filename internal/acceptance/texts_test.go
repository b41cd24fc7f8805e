package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"tocsin/internal/lab"
)

// provider is a scripted SMS provider with Kannel's API: it records requests.
type provider struct {
	*httptest.Server
	status  int
	mu      sync.Mutex
	answers []string // one after the other; the last one stays
	got     []url.Values
}

func newProvider(t *testing.T, answers ...string) *provider {
	p := &provider{status: http.StatusAccepted, answers: answers}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, r.URL.Query())
		answer := p.answers[0]
		if len(p.answers) > 1 {
			p.answers = p.answers[1:]
		}
		w.WriteHeader(p.status)
		io.WriteString(w, answer) //nolint:errcheck // the other end sees it
	}))
	t.Cleanup(p.Close)
	return p
}

// reports is the URL by which Kannel reports about an SMS: 1 that the phone has it, 2 that it failed.
func reports(sms url.Values, state string) string {
	return strings.NewReplacer("%d", state, "%F", "7").Replace(sms.Get("dlr-url"))
}

// arrived reports that the phone has an SMS.
func arrived(t *testing.T, sms url.Values) {
	t.Helper()
	wants(t, "answer to the report", called(t, reports(sms, "1")), "200 OK")
}

// called calls a hook.
func called(t *testing.T, hook string) (status string) {
	t.Helper()
	resp, err := http.Get(hook)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Status
}

// sms returns the SMS accepted so far.
func (p *provider) sms() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got
}

// texting returns settings for routes to providers, in order.
func texting(t *testing.T, more lab.Settings, providers ...*provider) lab.Settings {
	port := lab.Port(t)
	var routes []string
	for i, p := range providers {
		routes = append(routes, fmt.Sprintf(`{ name = "r%d", kind = "http", provider = "kannel", url = "%s/cgi-bin/sendsms", user = "tocsin", secret = "hunter3" }`, i, p.URL))
	}
	s := lab.Settings{
		"sms.countries": []string{"CN"}, "sms.from": []string{"+8613900139000"}, "sms.who": "all", "sms.listen": fmt.Sprintf("127.0.0.1:%d", port),
		"sms.public": fmt.Sprintf("http://127.0.0.1:%d", port), "sms.route": lab.TOML("[" + strings.Join(routes, ", ") + "]"), "escalate.mode": "auto",
		"escalate.reveal": "all",
	}
	for key, v := range more {
		s[key] = v
	}
	return s
}

// withProvider runs a story on both servers, each with a provider that accepts everything.
func withProvider(t *testing.T, story func(*testing.T, *host, *provider)) {
	for _, kind := range kinds {
		if kind.tap == lab.Module {
			t.Run(kind.name, func(t *testing.T) {
				t.Parallel()
				p := newProvider(t, "0: Accepted for delivery")
				story(t, open(t, kind, friends(kind.tap), texting(t, nil, p)), p)
			})
		}
	}
}

// Alice is not prompted: the SMS is sent, the phone gets it, Bob reads.
func TestTextAutomatically(t *testing.T) {
	withProvider(t, func(t *testing.T, h *host, p *provider) {
		alice := h.capable("alice/phone", lab.Markers)
		bob := h.Login("bob/phone", lab.Markers)
		h.reachable(bob.Bare())

		alice.Say(bob.Bare(), "m1", "Are you there?")
		status(alice, "m1", "timeout-unread")
		told := status(alice, "m1", "escalated")
		wants(t, "basis", told.Attr("basis"), "sms")
		wants(t, "sms", told.Attr("sms"), "sent")
		got := p.sms()
		if len(got) != 1 {
			t.Fatalf("%d SMS", len(got))
		}
		sms := got[0]
		wants(t, "to", sms.Get("to"), number)
		contains(t, "text", sms.Get("text"), "alice@lab.test", "Are you there?", "Reply STOP")

		arrived(t, sms)
		alice.Expect("message[@type='headline']/{%s}status[@id='m1'][@sms='delivered']", ns)
		bob.Read()
		status(alice, "m1", "displayed")
		h.noPrompt(alice, settle)
		h.discreet(t, number, "Are you there")
	})
}

// One provider is down, the next one throttles, so the third gets it. Strangers call its hooks, and it calls them twice itself. To another country
// nothing goes, and in the end there is no budget left.
func TestTextRoutes(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		if kind.tap == lab.Module {
			t.Run(kind.name, func(t *testing.T) {
				t.Parallel()
				textRoutes(t, kind)
			})
		}
	}
}

func textRoutes(t *testing.T, kind kind) {
	down, busy, up := newProvider(t, ""), newProvider(t, ""), newProvider(t, "0: Accepted for delivery")
	down.Close()
	busy.status = http.StatusTooManyRequests
	h := open(t, kind, friends(kind.tap), texting(t, lab.Settings{"sms.segments_per_day": 2}, down, busy, up))
	alice := h.capable("alice/phone", lab.Markers)
	bob, carol := h.Login("bob/phone", lab.Markers), h.Login("carol/phone", lab.Markers)
	h.reachable(bob.Bare())
	h.tocsin.Must("numbers", "set", carol.Bare(), "+4915112345678")

	alice.Say(bob.Bare(), "m1", "Are you there?")
	wants(t, "sms", status(alice, "m1", "escalated").Attr("sms"), "sent")
	if len(busy.sms()) == 0 || len(up.sms()) != 1 {
		t.Fatalf("%d SMS to the provider that throttles, %d to the last", len(busy.sms()), len(up.sms()))
	}
	sms := up.sms()[0]
	base, _, _ := strings.Cut(sms.Get("dlr-url"), "/report")
	secret := base[strings.LastIndex(base, "/")+1:]
	forge := strings.NewReplacer(secret, strings.Repeat("0", len(secret)))
	wants(t, "answer to a forged report", called(t, forge.Replace(reports(sms, "2"))), "404 Not Found")
	for range 2 {
		arrived(t, sms)
	}
	wants(t, "answer to a report that comes too late", called(t, reports(sms, "2")), "200 OK")

	reply := func(id, text string) string {
		return base + "/reply?" + url.Values{"from": {number}, "to": {"+8613900139000"}, "id": {id}, "text": {text}}.Encode()
	}
	wants(t, "answer to a forged reply", called(t, forge.Replace(reply("0", "Call me on +1 900 555 0199"))), "404 Not Found")
	for _, hook := range []string{reply("1", "On my way"), reply("1", "On my way"), reply("2", "Wait for me")} {
		wants(t, "answer to a reply", called(t, hook), "200 OK")
	}
	alice.Expect("message[@type='headline']/{%s}status[@id='m1'][@sms='delivered']", ns)
	wants(t, "basis", status(alice, "m1", "displayed").Attr("basis"), "sms-reply")
	for _, text := range []string{"On my way", "Wait for me"} {
		wants(t, "reply", alice.Expect("message[@from='%s'][@type='chat']/{%s}sms-reply", h.contact(), ns).Find("sms-reply").Find("text").Text, text)
	}

	alice.Say(carol.Bare(), "c1", "Hallo?")
	h.prompt(alice, "c1")
	carol.Read()
	status(alice, "c1", "displayed")
	for _, path := range []string{"status[@sms='delivered']", "status[@sms='failed']", "sms-reply"} {
		if more := alice.Received("message/{%s}"+path, ns); len(more) > 0 {
			t.Errorf("told more: %s", more[0])
		}
	}

	alice.Say(bob.Bare(), "m2", "And now?")
	status(alice, "m2", "escalated")
	bob.Read()
	status(alice, "m2", "displayed")
	alice.Say(bob.Bare(), "m3", "And tomorrow?")
	h.prompt(alice, "m3")
	if n := len(up.sms()); n != 2 {
		t.Errorf("%d SMS", n)
	}
	h.discreet(t, number, "+4915112345678", "Are you there", "On my way", "555 0199", secret)
}

// The whole story through Kannel: Bob does not read, an SMS is sent, the phone gets it, Bob replies, and Alice is told, also
// when she is away.
func TestTextByKannel(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		if kind.tap != lab.Module {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			smsc := lab.NewSMSC(t, false)
			kannel := lab.NewKannel(t, smsc, "")
			settings := kannel.Settings()
			settings["escalate.mode"] = "auto"
			h := open(t, kind, friends(kind.tap), settings)
			kannel.Attach(h.tocsin)
			alice := h.capable("alice/phone", lab.Markers)
			bob := h.Login("bob/phone", lab.Markers)
			h.reachable(bob.Bare())

			alice.Say(bob.Bare(), "m1", "The pump has failed, 请回电")
			status(alice, "m1", "timeout-unread")
			wants(t, "sms", status(alice, "m1", "escalated").Attr("sms"), "sent")
			alice.Expect("message[@type='headline']/{%s}status[@id='m1'][@sms='delivered']", ns)
			_, submitted, _ := smsc.State()
			var text strings.Builder
			for _, part := range submitted {
				wants(t, "to", "+"+part.To, number)
				wants(t, "from", "+"+part.From, lab.KannelNumber)
				text.WriteString(part.Text)
			}
			contains(t, "the SMS", text.String(), "alice@", "The pump has failed, 请回电", "Reply STOP")

			const reply = "On my way, 马上到 😀"
			smsc.Phone(strings.TrimPrefix(number, "+"), strings.TrimPrefix(lab.KannelNumber, "+"), reply)
			wants(t, "basis", status(alice, "m1", "displayed").Attr("basis"), "sms-reply")
			told := alice.Expect("message[@from='%s'][@type='chat']/{%s}sms-reply[@id='m1']", h.contact(), ns)
			wants(t, "who answers", told.Find("sms-reply").Attr("with"), bob.Bare())
			wants(t, "the answer", told.Find("sms-reply").Find("text").Text, reply)
			contains(t, "the body", told.Find("body").Text, "answered by SMS: "+reply)

			// A further one, while Alice is away: the server keeps it for her.
			alice.Close()
			h.tocsin.Counts("tocsin_sms_replies_total", `kind="forwarded"`, 1)
			smsc.Phone(strings.TrimPrefix(number, "+"), strings.TrimPrefix(lab.KannelNumber, "+"), "I am here now")
			h.tocsin.Counts("tocsin_sms_replies_total", `kind="forwarded"`, 2)
			h.tocsin.Confirmed() // ejabberd may not deliver a message stored just as a client comes online
			back := h.Login("alice/desk", lab.Markers)
			back.Expect("message[@from='%s']/{%s}sms-reply/text[.='I am here now']", h.contact(), ns)

			// STOP is nothing to pass on.
			smsc.Phone(strings.TrimPrefix(number, "+"), strings.TrimPrefix(lab.KannelNumber, "+"), "STOP")
			h.tocsin.Counts("tocsin_sms_replies_total", `kind="stop"`, 1)
			back.ExpectNone(settle, "message/{%s}sms-reply", ns)
			h.noPrompt(back, 0)
			h.discreet(t, number, "pump", "请回电", "On my way", "I am here now", h.hookSecret())
		})
	}
}

// hookSecret is part of the paths that providers call.
func (h *host) hookSecret() string {
	routes := h.tocsin.Must("sms", "routes")
	path := strings.Split(routes[strings.Index(routes, "replies: "):], "/")
	return path[len(path)-2]
}

// discreet checks that the log contains none of these, with or without the plus of a number.
func (h *host) discreet(t *testing.T, secrets ...string) {
	t.Helper()
	log := h.tocsin.Stderr()
	for _, s := range secrets {
		if s = strings.TrimPrefix(s, "+"); strings.Contains(log, s) {
			t.Errorf("the log has %q", s)
		}
	}
}

// Bob binds his number himself: it counts once he has entered the code that his phone got.
func TestNumberByCode(t *testing.T) {
	for _, kind := range kinds {
		if kind.tap != lab.Module {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, "0: Accepted for delivery")
			h := open(t, kind, friends(kind.tap), texting(t, lab.Settings{"numbers.verify": true}, p))
			alice := h.capable("alice/phone", lab.Markers)
			bob := h.Login("bob/phone", lab.Markers)
			says := func(line, want string) {
				bob.Say(h.contact(), "", line)
				contains(t, line, bob.Expect("message[@from='%s'][@type='chat']/body", h.contact()).String(), want)
			}
			says("number "+number, "A code is being sent to "+number)
			for len(p.sms()) == 0 { // the response does not wait for it
				alice.Sync()
			}
			text := p.sms()[0].Get("text")
			code, _, _ := strings.Cut(text, " ")
			wants(t, "to", p.sms()[0].Get("to"), number)
			contains(t, "text", text, "is your code to confirm this number on lab.test")
			h.tocsin.Restart()
			says(code, "The number is confirmed.")

			alice.Say(bob.Bare(), "m1", "Are you there?")
			status(alice, "m1", "escalated")
			contains(t, "text", p.sms()[1].Get("text"), "Are you there?")
			h.discreet(t, number, code)
		})
	}
}
