package outbox

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/component/clock"
	"tocsin/component/settings"
	"tocsin/internal/expect"
	"tocsin/track"
)

// Logged failures of webhooks do not contain the URL, which is a secret with many services.
func TestWebhookThatFails(t *testing.T) {
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	leadsElsewhere := httptest.NewServer(http.RedirectHandler(refuses.URL, http.StatusTemporaryRedirect))
	defer leadsElsewhere.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tc := range map[string]struct{ url, want string }{
		"refused":  {refuses.URL, "unexpected status 404 Not Found"},
		"redirect": {leadsElsewhere.URL, "unexpected status 307 Temporary Redirect"}, // not followed: the body is for this URL only
		"down":     {gone.URL, "connection refused"},
		"no URL":   {"http://[", "invalid URL"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newWebhooks(&Options{}).deliver(t.Context(), track.Step{URL: tc.url + "/hooks/T0KEN"}, "s-1", []byte("{}"))
			if err == nil || strings.Contains(err.Error(), "T0KEN") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestWebhookThatIsTaken(t *testing.T) {
	var id, signature string
	takes := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, signature = r.Header.Get("Tocsin-Id"), r.Header.Get("Tocsin-Signature")
	}))
	defer takes.Close()
	expect.Equal(t, "error", newWebhooks(&Options{}).deliver(t.Context(), track.Step{URL: takes.URL, Key: "key"}, "s-1", []byte("{}")), error(nil))
	expect.Equal(t, "id", id, "s-1")
	// printf '{}' | openssl dgst -sha256 -hmac key
	expect.Equal(t, "signature", signature, "sha256=a777724d943eb48dc69bca8a4a6d57a04db3f9ec7e1de4e581e860265bdf3032")
}

// There is one POST per burst, naming all pending messages. If nothing is overdue any more, nothing is sent.
func TestWebhookOfABurst(t *testing.T) {
	message := func(id string) track.Message { return track.Message{Key: track.Key{ID: id}} }
	for name, tc := range map[string]struct {
		overdue bool
		want    string
	}{
		"overdue":       {true, `"message":"m1","messages":["m1","m2"]`},
		"read just now": {false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var body string
			takes := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				all, _ := io.ReadAll(r.Body)
				body = string(all)
			}))
			defer takes.Close()
			live := settings.NewLive(settings.Settings{Policy: track.Policy{Steps: []track.Step{{Do: track.DoWebhook, URL: takes.URL}}}}, false)
			in := &inputs{snapshot: message("m1"), waiting: []track.Message{message("m1"), message("m2")}, overdue: tc.overdue}
			o := &Options{Inputs: in, Settings: live, IsLeader: func() bool { return true }}
			if err := newWebhooks(o).attempt(t.Context(), track.Outgoing{ID: "w-1", Ord: 1}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(body, tc.want) || (body == "") != (tc.want == "") {
				t.Errorf("posted %q", body)
			}
		})
	}
}

// system plays an admin's system: it counts requests, and answers with a status.
type system struct {
	status atomic.Int32
	posts  atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (s *system) RoundTrip(*http.Request) (*http.Response, error) {
	s.posts.Add(1)
	status := int(s.status.Load())
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}

// Failed posts are retried at growing intervals, with a limit that restarts don't reset.
func TestWebhookAttemptsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook := &system{}
		hook.status.Store(http.StatusBadGateway)
		in := &inputs{snapshot: track.Message{Key: track.Key{ID: "m1"}}, overdue: true}
		live := settings.NewLive(settings.Settings{Policy: track.Policy{Steps: []track.Step{{Do: track.DoWebhook, URL: "http://hooks.example.org/"}}}}, false)
		// lives runs webhooks with an entry for a while, and returns the entry as the outbox has it then.
		lives := func(out track.Outgoing, d time.Duration) track.Outgoing {
			o := &Options{
				Inputs: in, Backlog: NewBacklog(), Settings: live, IsLeader: func() bool { return true },
				Clock: clock.System{}, Log: slog.New(slog.DiscardHandler),
			}
			dispatcher := &Dispatcher{Options: *o, sender: newSender(o), webhooks: newWebhooks(o)}
			dispatcher.webhooks.client.Transport = hook
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { dispatcher.webhooks.run(ctx) })
			running.Go(func() { dispatcher.processBacklog(ctx) })
			dispatcher.dispatch(out)
			time.Sleep(d)
			stop()
			running.Wait()
			for _, put := range in.take() {
				switch put := put.(type) {
				case *track.OutboxRetry:
					for _, a := range *put {
						out.Tries, out.After = a.Tries, a.After
					}
				case *track.OutboxDone:
					out = track.Outgoing{}
				}
			}
			return out
		}
		out := lives(track.Outgoing{ID: "w-1", Kind: track.OutWebhook, Ord: 1}, 16*time.Second) // at 0, 5, 15 seconds, and a moment each
		expect.Equal(t, "tries", out.Tries, 3)
		expect.Equal(t, "posts", int(hook.posts.Load()), 3)
		out = lives(out, 10*time.Second) // the next one is 20 seconds after the third
		expect.Equal(t, "posts soon after a restart", int(hook.posts.Load()), 3)
		out = lives(out, 15*time.Second)
		expect.Equal(t, "posts in time", int(hook.posts.Load()), 4)
		for i := 0; out.ID != "" && i < 10; i++ {
			out = lives(out, 5*time.Minute)
		}
		expect.Equal(t, "posts in all", int(hook.posts.Load()), hookTries)
		expect.Equal(t, "given up", out.ID, "")
	})
}

// Senders take turns: one sender's webhooks don't delay the first one of another.
func TestWebhooksTakeTurns(t *testing.T) {
	w := newWebhooks(&Options{})
	for i := range maxHooks {
		w.queue.Push("eve@example.org", track.Outgoing{ID: fmt.Sprint("e", i)})
	}
	lost, ok := w.queue.Push("alice@example.org", track.Outgoing{ID: "a0"})
	expect.Equal(t, "there is room for all", ok, false)
	expect.Equal(t, "whose has to come again", lost.ID, fmt.Sprint("e", maxHooks-1))
	w.queue.Pop()
	second, _ := w.queue.Pop()
	expect.Equal(t, "the second one", second.ID, "a0")
}
