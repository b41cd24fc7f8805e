package acceptance

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// An admin tests a route: the SMS is sent once, and the provider's reports are shown. What the policy forbids is not sent.
func TestTextTried(t *testing.T) {
	withProvider(t, func(t *testing.T, h *host, p *provider) {
		reported := make(chan error, 1)
		go func() {
			h.tocsin.Until("an SMS", func() bool { return len(p.sms()) > 0 })
			resp, err := http.Get(strings.NewReplacer("%d", "1", "%F", "7").Replace(p.sms()[0].Get("dlr-url")))
			if err == nil {
				resp.Body.Close()
			}
			reported <- err
		}()
		out, errs, code := h.tocsin.Run("sms", "test", "+86 138 0013 8000", "-text", "Ring, ring")
		if err := <-reported; err != nil {
			t.Error(err)
		}
		want := regexp.MustCompile(`^ +\d+\.\d s  routes    r0\n +\d+\.\d s  queued    [0-9a-f]{32}\n +\d+\.\d s  submitted by r0, 1 segments\n( +\d+\.\d s  accepted  by the provider\n)? +\d+\.\d s  report    delivered\n$`)
		if code != 0 || !want.MatchString(out) {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		wants(t, "text", p.sms()[0].Get("text"), "Ring, ring\nReply STOP to opt out.")

		for _, test := range []struct {
			args []string
			says string
		}{
			{[]string{"+4915112345678"}, "FAIL: no route covers this number"},
			{[]string{number, "-route", "r1"}, `FAIL: unknown route "r1"`},
		} {
			out, errs, code := h.tocsin.Run(append([]string{"sms", "test"}, test.args...)...)
			if code != 1 || !strings.Contains(out, test.says) {
				t.Errorf("%q: exit code %d\n%s%s", test.args, code, out, errs)
			}
		}
		h.tocsin.Must("sms", "stops", "add", number)
		out, _, code = h.tocsin.Run("sms", "test", number)
		if code != 1 || !strings.Contains(out, "policy    FAIL: the owner of this number has opted out of SMS") {
			t.Errorf("exit code %d\n%s", code, out)
		}
		if n := len(p.sms()); n != 1 {
			t.Errorf("%d SMS", n)
		}
		if strings.Contains(h.tocsin.Stderr(), number) || strings.Contains(h.tocsin.Stderr(), "Ring") {
			t.Error("the log has the number or the text")
		}
		h.tocsin.Set(lab.Settings{"sms.per_number_per_day": 1})
		h.tocsin.Must("sms", "stops", "remove", number)
		h.tocsin.Reload()
		h.tocsin.Logs("configuration reloaded")
		out, _, code = h.tocsin.Run("sms", "test", number)
		if code != 1 || !strings.Contains(out, "use -force to send anyway") {
			t.Errorf("exit code %d\n%s", code, out)
		}
	})
}
