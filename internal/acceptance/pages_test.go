package acceptance

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// visitor is a minimal browser.
type visitor struct {
	t    *testing.T
	jar  http.CookieJar
	base string // public base URL
}

func newVisitor(t *testing.T, base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, jar, base}
}

// get opens a page, post submits a form of it; both return the body and the status.
func (v *visitor) get(link string) (int, string) { v.t.Helper(); return v.do("GET", link, nil) }

func (v *visitor) post(link string, form url.Values) (int, string) {
	v.t.Helper()
	return v.do("POST", link, form)
}

func (v *visitor) do(method, link string, form url.Values) (int, string) {
	v.t.Helper()
	// Secure cookies need https, which the admin's proxy provides.
	client := &http.Client{Jar: secure{v.jar}, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	req, err := http.NewRequestWithContext(v.t.Context(), method, link, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.base[:len("http://")+strings.IndexByte(v.base[len("http://"):], '/')])
	}
	answer, err := client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for header, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		wants(v.t, header, answer.Header.Get(header), want)
	}
	return answer.StatusCode, html.UnescapeString(string(body))
}

// secure is a cookie jar that treats http on this machine like https, as browsers do.
type secure struct{ http.CookieJar }

func https(u *url.URL) *url.URL { s := *u; s.Scheme = "https"; return &s }

func (s secure) SetCookies(u *url.URL, all []*http.Cookie) { s.CookieJar.SetCookies(https(u), all) }
func (s secure) Cookies(u *url.URL) []*http.Cookie         { return s.CookieJar.Cookies(https(u)) }

var csrf = regexp.MustCompile(`name="csrf" value="([a-z2-7]+)"`)

// form finds the form of a page, with its CSRF token.
func form(t *testing.T, page string, fields ...string) url.Values {
	t.Helper()
	found := csrf.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no form in %s", page)
	}
	f := url.Values{"csrf": {found[1]}}
	for i := 0; i < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	return f
}

var link = regexp.MustCompile(`http://[^\s]+`)

// Alice's client does not support Tocsin, and only https links can be tapped: the prompt is a page, behind nginx as in
// ADMIN.md.
func TestPages(t *testing.T) {
	t.Parallel()
	backend := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	base, accessLog := lab.Nginx(t, backend)
	h := open(t, prosody, lab.Options{}, lab.Settings{
		"escalate.fallback": "all", "web.listen": backend, "web.public": base,
		"component.admins": []string{"alice@lab.test"},
	})
	alice, bob := h.Login("alice/desk", lab.Gajim), h.Login("bob/phone", lab.Silent)
	lab.Befriend(alice, bob)
	h.reachable(bob.Bare())
	bob.Close()
	alice.Say(bob.Bare(), "m1", "Are you there?")
	chat := alice.Expect("message[@from='%s'][@type='chat']/body", h.contact())
	body := chat.Find("body").Text
	prompt := link.FindString(body)
	contains(t, "the prompt", body, "> Are you there?", "SMS: "+base+"/p/", "👍")
	if strings.Contains(body, number) {
		t.Errorf("the number is next to a link to a page: %q", body)
	}

	// Fetching a link for a preview claims nothing, and does not use it up.
	me := newVisitor(t, base)
	var page string
	for range 3 {
		var status int
		if status, page = me.get(prompt); status != http.StatusOK {
			t.Fatalf("page: %d", status)
		}
	}
	contains(t, "the page", page, number, "Are you there?", "Open SMS app", "<svg class=\"qr\"", `lang="en"`)
	if status, _ := me.get(prompt + "/state"); status != http.StatusOK {
		t.Errorf("state: %d", status)
	}
	// A forged form, or one of another site.
	if status, _ := me.post(prompt, url.Values{"action": {"sent"}, "csrf": {"aaaaaaaaaaaaaaaaaaaaaaaaaa"}}); status != http.StatusForbidden {
		t.Errorf("forged form: %d", status)
	}
	other := newVisitor(t, "http://evil.example/")
	if status, _ := other.post(prompt, form(t, page, "action", "sent")); status != http.StatusForbidden {
		t.Errorf("another site's form: %d", status)
	}
	for _, wrong := range []string{"/p/" + strings.Repeat("a", 26), "/p/x", "/me/" + strings.Repeat("a", 26), "/me", "/admin", "/p/../../etc/passwd"} {
		if status, _ := me.get("http://" + backend + "/tocsin" + wrong); status != http.StatusNotFound {
			t.Errorf("%s: %d", wrong, status)
		}
	}

	_, page = me.post(prompt, form(t, page, "action", "claim", "text", "Call me: +1"))
	contains(t, "the claimed page", page, "sms:"+number+"?body=Call%20me%3A%20%2B1", "Number and text are filled in")
	if _, second := newVisitor(t, base).get(prompt); !strings.Contains(second, "Number and text are filled in") {
		t.Error("a second tab of the same person does not show the claim")
	}
	_, page = me.post(prompt, form(t, page, "action", "sent"))
	contains(t, "the answered page", page, "Noted")
	_, page = me.get(prompt)
	contains(t, "the settled page", page, "Nothing to do")
	if strings.Contains(page, number) || strings.Contains(page, "Are you there?") {
		t.Errorf("a settled prompt shows what it was about: %s", page)
	}

	// Settings: a link that works once, after pressing a button.
	alice.Say(h.contact(), "c1", "settings")
	answer := alice.Expect("message[@from='%s'][@type='chat']/body", h.contact()).Find("body").Text
	links := link.FindAllString(answer, -1)
	if len(links) != 2 {
		t.Fatalf("the reply to \"settings\" has %d links: %q", len(links), answer)
	}
	for range 2 {
		if _, page = me.get(links[0]); !strings.Contains(page, "Open</button>") {
			t.Fatalf("no button at the link: %s", page)
		}
	}
	status, page := me.post(links[0], form(t, page))
	if status != http.StatusOK {
		t.Fatalf("opening: %d: %s", status, page)
	}
	contains(t, "the settings", page, "My phone number", "quiet_hours", "Your last messages", bob.Bare(), "told by SMS")
	if status, _ := newVisitor(t, base).get(links[0]); status != http.StatusNotFound {
		t.Errorf("used link: %d", status)
	}
	_, page = me.post(base+"/me", form(t, page, "form", "preferences", "mode", "ask", "unread_after", "soon", "quiet_hours", "25:00-07:00", "undelivered_after", "30s"))
	contains(t, "the faults", page, "soon", "25:00-07:00", `value="30s"`)
	_, page = me.post(base+"/me", form(t, page, "form", "preferences", "mode", "never", "unread_after", "5m", "undelivered_after", "30s", "language", "zh", "watch_me", "true"))
	contains(t, "the changed settings", page, `lang="zh"`, `value="5m"`)

	// Admins.
	_, page = me.get(links[1])
	status, page = me.post(links[1], form(t, page))
	if status != http.StatusOK {
		t.Fatalf("opening the admins' page: %d: %s", status, page)
	}
	contains(t, "the admins' page", page, "stream", "connected to")

	// Neither logs nor the database contain a token, text or number that anybody could use.
	elsewhere, err := http.Get(strings.TrimSuffix(base, "/tocsin") + "/elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Body.Close()
	for deadline := time.Now().Add(lab.Timeout); ; time.Sleep(20 * time.Millisecond) { // nginx answers, then logs
		log, err := os.ReadFile(accessLog)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), "GET /elsewhere") || time.Now().After(deadline) {
			break
		}
	}
	logs := map[string]string{filepath.Join(h.tocsin.Dir, "tocsin.log"): "level=", accessLog: "GET /elsewhere", filepath.Join(filepath.Dir(accessLog), "error.log"): ""}
	for path, normal := range logs {
		log, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, path, string(log), normal)
		for _, secret := range append(links, prompt, number, "Are you there?", "Call me") {
			if token := secret[strings.LastIndexByte(secret, '/')+1:]; strings.Contains(string(log), token) {
				t.Errorf("%s has %q", filepath.Base(path), token)
			}
		}
	}
	for _, name := range []string{"tocsin.db", "tocsin.db-wal"} {
		data, err := os.ReadFile(filepath.Join(h.tocsin.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(links, prompt) {
			if token := secret[strings.LastIndexByte(secret, '/')+1:]; strings.Contains(string(data), token) {
				t.Errorf("%s has a token", name)
			}
		}
	}
}
