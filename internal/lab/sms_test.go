package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/component/gateway"
	"tocsin/component/gateway/httpapi"
	"tocsin/component/gateway/smpp"
	"tocsin/internal/sink"
)

// reported waits for a report.
func reported(t *testing.T, k *sink.Keeper, what string, like func(gateway.Report) bool) {
	t.Helper()
	k.AwaitReport(t, Timeout, what, like)
}

func replied(t *testing.T, k *sink.Keeper, from, to, text string) {
	t.Helper()
	k.AwaitReply(t, Timeout, "the reply "+text, func(r gateway.Reply) bool {
		return r.From == from && r.To == to && r.Text == text && r.ID != ""
	})
}

// an is an SMS to a new number that determines its fate.
func an(fate, text string) gateway.Submission {
	n := references.Add(1)
	return gateway.Submission{Ref: fmt.Sprintf("%032x", n), To: fmt.Sprintf("+86138%06d%s", n, fate), From: "+15550009999", Text: text, Validity: 15 * time.Minute}
}

var references atomic.Int64

// took returns the texts that an SMSC accepted for a number, with parts joined.
func (s *SMSC) took(to string) (text string, parts []Submitted) {
	_, all, _ := s.State()
	for _, one := range all {
		if "+"+one.To == to {
			text += one.Text
			parts = append(parts, one)
		}
	}
	return text, parts
}

// The preset kannel, Kannel, and an SMSC behind it.
func TestKannelPreset(t *testing.T) {
	t.Parallel()
	smsc, told := NewSMSC(t, false), sink.New()
	log := &strings.Builder{}
	var hooks http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hooks.ServeHTTP(w, r) }))
	defer web.Close()
	secret := strings.Repeat("k", 32)
	kannel := NewKannel(t, smsc, web.URL+"/kannel/"+secret+"/reply")
	route := httpapi.Route{Name: "kannel", Provider: "kannel", URL: kannel.SendURL, User: SMSUser, Secret: SMSSecret, Public: web.URL, HookSecret: secret, HookFrom: []string{"127.0.0.0/8"}}
	g, err := httpapi.New(route, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	hooks = httpapi.NewHooks([]*httpapi.Gateway{g}, told, slog.New(slog.NewTextHandler(log, nil)))
	if err := g.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	route.Secret = "wrong"
	wrong, err := httpapi.New(route, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Check(t.Context()); err == nil {
		t.Error("check takes a wrong password")
	}
	if a := wrong.Submit(t.Context(), an("01", "Hello")); a.Outcome != gateway.NotSent || a.Class != "403" {
		t.Errorf("wrong password: %+v", a)
	}
	told.Fail(2) // hooks are answered with 503, and come again
	long := strings.Repeat("0123456789", 20)
	texts := map[string]gateway.Submission{
		"delivered": an("01", `Are you there? €[]{}~^|\ "&+%`), "chinese": an("20", "水泵坏了 🚒 请打电话"), "long": an("21", long),
		"undelivered": an("02", "Hello"), "expired": an("03", "Hello"), "refused": an("05", "Hello"), "throttled": an("04", "Hello"),
	}
	want := map[string]gateway.State{"undelivered": gateway.Failed, "expired": gateway.Expired, "refused": gateway.Failed}
	for name, m := range texts {
		if a := g.Submit(t.Context(), m); a.Outcome != gateway.Sent {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for name, m := range texts {
		state, ok := want[name]
		if !ok {
			state = gateway.Delivered
		}
		reported(t, told, name, func(r gateway.Report) bool { return r.Route == "kannel" && r.Ref == m.Ref && r.State == state })
		if text, _ := smsc.took(m.To); text != m.Text && name != "refused" {
			t.Errorf("%s: the SMSC took %q", name, text)
		}
	}
	if _, parts := smsc.took(texts["long"].To); len(parts) != 2 || len(parts[0].Part) != 3 || parts[0].From != "15550009999" || parts[0].Validity == "" {
		t.Errorf("long: %+v", parts)
	}
	kannel.Phone("+99912345", "+15550009999", "STOP")
	replied(t, told, "+99912345", "+15550009999", "STOP")
	fake := gateway.Submission{Ref: strings.Repeat("f", 32), To: "+99912345", From: "+15550009999", Text: "Hello", Validity: time.Minute}
	if a := g.Submit(t.Context(), fake); a.Outcome != gateway.Sent {
		t.Errorf("to the fake SMSC: %+v", a)
	}
	reported(t, told, "the fake SMSC's report", func(r gateway.Report) bool { return r.Ref == fake.Ref && r.State == gateway.Delivered })
	smsc.Phone("+8613800138001", "+15550009999", "yes, on my way")
	replied(t, told, "+8613800138001", "+15550009999", "yes, on my way")
	reply := strings.Repeat("好的，马上到", 20)
	smsc.Phone("+8613800138001", "+15550009999", reply)
	replied(t, told, "+8613800138001", "+15550009999", reply)
	for _, private := range []string{secret, "86138", "Hello", "好的"} {
		if strings.Contains(log.String(), private) {
			t.Errorf("logged %q", log)
		}
	}
	// What docs/SMS.md warns of.
	if text, err := os.ReadFile(kannel.AccessLog); err != nil || !strings.Contains(string(text), texts["undelivered"].To) {
		t.Errorf("Kannel's access log has no numbers: %v", err)
	}
}

// bound is a gateway that runs, and its Sink.
func bound(t *testing.T, smsc *SMSC, r smpp.Route) (*smpp.Gateway, *sink.Keeper) {
	t.Helper()
	told := sink.New()
	r.Name, r.Address, r.User = "smpp", smsc.Addr, SMSUser
	if r.Secret == "" {
		r.Secret = SMSSecret
	}
	if smsc.CA != nil {
		r.TLS, r.CA, r.ServerName = true, smsc.CA, "smsc.example.org"
	}
	g, err := smpp.New(r, told, slog.New(slog.DiscardHandler), (&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ran sync.WaitGroup
	ran.Go(func() { g.Run(ctx) })
	t.Cleanup(func() { cancel(); ran.Wait() })
	return g, told
}

// up waits until a gateway can send.
func up(t *testing.T, g gateway.Gateway, want bool) {
	t.Helper()
	for deadline := time.Now().Add(Timeout); ; time.Sleep(5 * time.Millisecond) {
		ok, why := g.Up()
		if ok == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("up is %v: %s", ok, why)
		}
	}
}

func TestSMPPWithNodeSMPP(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			smsc := NewSMSC(t, secure)
			g, told := bound(t, smsc, smpp.Route{Enquire: 300 * time.Millisecond, Answer: time.Second})
			up(t, g, true)
			if err := g.Check(t.Context()); err != nil {
				t.Error(err)
			}
			states := map[string]gateway.State{"01": gateway.Delivered, "02": gateway.Failed, "03": gateway.Expired, "08": gateway.Delivered, "10": gateway.Failed, "12": gateway.Accepted}
			for fate, state := range states {
				a := g.Submit(t.Context(), an(fate, "Hello"))
				if a.Outcome != gateway.Sent || len(a.IDs) != 1 {
					t.Fatalf("%s: %+v", fate, a)
				}
				reported(t, told, fate, func(r gateway.Report) bool { return r.ID == a.IDs[0] && r.State == state })
			}
			if a := g.Submit(t.Context(), an("05", "Hello")); a.Outcome != gateway.Refused {
				t.Errorf("refused: %+v", a)
			}
			for fate, tries := range map[string]int{"04": 2, "09": 2} {
				m := an(fate, "Hello")
				for range tries {
					a := g.Submit(t.Context(), m)
					if a.Outcome != gateway.NotSent || a.Class != "throttled" || a.Wait <= 0 {
						t.Fatalf("%s: %+v", fate, a)
					}
					time.Sleep(a.Wait)
				}
				if a := g.Submit(t.Context(), m); a.Outcome != gateway.Sent {
					t.Errorf("%s: %+v", fate, a)
				}
			}
			if a := g.Submit(t.Context(), an("11", "Hello")); a.Outcome != gateway.Unsure || a.Class != "timeout" {
				t.Errorf("never answered: %+v", a)
			}
			lost := an("06", "Hello")
			if a := g.Submit(t.Context(), lost); a.Outcome != gateway.Unsure || a.Class != "lost" {
				t.Errorf("link lost: %+v", a)
			}
			up(t, g, true)
			if _, parts := smsc.took(lost.To); len(parts) != 1 {
				t.Errorf("link lost: submitted %d times", len(parts))
			}
			for _, end := range []func(){smsc.Unbind, smsc.Drop, func() { smsc.Mute(true); up(t, g, false); smsc.Mute(false) }} {
				end()
				up(t, g, false)
				up(t, g, true)
			}
			for _, text := range []string{"yes", "好的 🚒", strings.Repeat("on my way. ", 30), strings.Repeat("马上到", 60)} {
				if statuses := smsc.Phone("+8613800138001", "+15550009999", text); len(statuses) == 0 || slices.Max(statuses) != 0 {
					t.Errorf("answered %v", statuses)
				}
				replied(t, told, "+8613800138001", "+15550009999", text)
			}
			told.Fail(1)
			if statuses := smsc.Phone("+8613800138001", "+15550009999", "lost"); !slices.Equal(statuses, []int{0x64}) {
				t.Errorf("while the sink fails: answered %v", statuses)
			}
		})
	}
}

// Three gateways, three alphabets: the SMSC gets the text.
func TestLongTextsToNodeSMPP(t *testing.T) {
	t.Parallel()
	smsc := NewSMSC(t, false)
	for _, long := range []string{"udh", "sar", "payload"} {
		t.Run(long, func(t *testing.T) {
			g, told := bound(t, smsc, smpp.Route{Long: long, Bind: "pair"})
			up(t, g, true)
			for deadline := time.Now().Add(Timeout); ; time.Sleep(5 * time.Millisecond) { // the receiver, too
				if links, _, _ := smsc.State(); len(links) == 2 || time.Now().After(deadline) {
					break
				}
			}
			for _, text := range []string{strings.Repeat("are you there? €[] ", 12), strings.Repeat("水泵坏了 🚒 ", 20)} {
				m := an("01", text)
				a := g.Submit(t.Context(), m)
				if a.Outcome != gateway.Sent {
					t.Fatalf("got %+v", a)
				}
				for _, id := range a.IDs {
					reported(t, told, "a receipt", func(r gateway.Report) bool { return r.ID == id && r.State == gateway.Delivered })
				}
				got, parts := smsc.took(m.To)
				if got != text || len(parts) != len(a.IDs) || parts[0].Payload != (long == "payload") || (parts[0].Part == nil) != (long == "payload") {
					t.Errorf("the SMSC took %q in %d parts, %+v", got, len(parts), parts[0])
				}
			}
		})
	}
}

// The window limits the submissions under way.
func TestWindowOfNodeSMPP(t *testing.T) {
	t.Parallel()
	smsc := NewSMSC(t, false)
	g, _ := bound(t, smsc, smpp.Route{Window: 4})
	up(t, g, true)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			m := gateway.Submission{Ref: fmt.Sprintf("%032x", i), To: fmt.Sprintf("+86138001%02d13", i), From: "+15550009999", Text: "Hello"}
			if a := g.Submit(t.Context(), m); a.Outcome != gateway.Sent {
				t.Errorf("got %+v", a)
			}
		})
	}
	all.Wait()
	if _, submitted, most := smsc.State(); len(submitted) != 10 || most != 4 {
		t.Errorf("%d submitted, %d at once", len(submitted), most)
	}
}

// An SMSC with an untrusted certificate, or one that rejects the login, gets nothing.
func TestBindRefusedByNodeSMPP(t *testing.T) {
	t.Parallel()
	smsc := NewSMSC(t, true)
	stranger := *smsc
	stranger.CA = certificate(t, t.TempDir())
	for name, test := range map[string]struct {
		smsc *SMSC
		r    smpp.Route
		want string
	}{
		"password":    {smsc, smpp.Route{Secret: "wrong"}, "bind refused with status 0x0000000d"},
		"certificate": {&stranger, smpp.Route{}, "certificate signed by unknown authority"},
	} {
		g, _ := bound(t, test.smsc, test.r)
		if err := g.Check(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if a := g.Submit(t.Context(), an("01", "Hello")); a.Outcome != gateway.NotSent {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
