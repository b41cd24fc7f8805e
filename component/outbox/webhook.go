package outbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tocsin/component/queue"
	"tocsin/component/session"
	"tocsin/track"
)

const (
	maxHooks    = 1024 // waiting
	hookWorkers = 4
	hookWithin  = 10 * time.Second
	hookTries   = 8
	hookWait    = 5 * time.Second // doubles with each attempt, up to hookWaitMax
	hookWaitMax = 10 * time.Minute
	hookAnswer  = 64 << 10 // bytes of a response that are read
)

// hookBody is the body of a webhook call. It contains neither texts nor numbers.
type hookBody struct {
	ID      string `json:"id"` // the same in every repetition
	Event   string `json:"event"`
	Message string `json:"message"` // stanza id of the message that timed out
	// Messages are the ids of all messages from the sender that the recipient has not read, oldest first, including Message.
	Messages  []string `json:"messages"`
	Sender    string   `json:"sender"`
	Recipient string   `json:"recipient"`
	SentAt    string   `json:"sent_at"`
	At        string   `json:"at"`
}

// webhooks notifies the admin's systems of timeouts. They have a queue of their own, so a slow system delays nobody.
type webhooks struct {
	*Options
	queue  *queue.Shared[track.Outgoing] // by sender
	client *http.Client
}

// newWebhooks follows no redirects: the signed body goes only where the admin said.
func newWebhooks(o *Options) *webhooks {
	return &webhooks{Options: o, queue: queue.NewShared[track.Outgoing](maxHooks), client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (w *webhooks) run(ctx context.Context) { w.queue.Work(ctx, hookWorkers, w.post) }

// post notifies a system of a timeout, and schedules another attempt if that fails.
func (w *webhooks) post(ctx context.Context, out track.Outgoing) {
	err := w.attempt(ctx, out)
	switch {
	case ctx.Err() != nil: // it stays in the outbox
		return
	case err == nil:
		w.Inputs.Push(&track.OutboxDone{out.ID}, nil)
		return
	case errors.Is(err, session.ErrHeldBack):
		w.Backlog.retry(out)
		return
	}
	if out.Tries+1 >= hookTries {
		w.Log.Error("giving up on a webhook", "err", err, "tries", out.Tries+1)
		w.Inputs.Push(&track.OutboxDone{out.ID}, nil)
		return
	}
	wait := w.postpone(out, hookWait, hookWaitMax)
	w.Log.Warn("webhook failed, retrying", "err", err, "in", wait)
}

func (w *webhooks) attempt(ctx context.Context, out track.Outgoing) error {
	steps := w.Settings.Get().Policy.Steps
	if out.Step >= len(steps) || steps[out.Step].Do != track.DoWebhook {
		return nil // the chain has changed
	}
	step := steps[out.Step]
	overdue := &track.Overdue{Ord: out.Ord, Kind: out.Kind, Again: out.Tries > 0}
	if err := w.Inputs.Do(ctx, overdue); err != nil || !overdue.OK {
		return err
	}
	m, ids := &overdue.Message, []string{}
	for i := range overdue.Waiting {
		ids = append(ids, overdue.Waiting[i].ID)
	}
	body, err := json.Marshal(hookBody{
		ID: out.ID, Event: string(out.State), Message: m.ID, Messages: ids, Sender: m.Sender, Recipient: m.Recipient,
		SentAt: m.SentAt.Std().Format(time.RFC3339Nano), At: m.TimeoutAt.Std().Format(time.RFC3339Nano),
	})
	if err != nil {
		return fmt.Errorf("encode the body: %w", err)
	}
	if !w.IsLeader() {
		return session.ErrHeldBack
	}
	return w.deliver(ctx, step, out.ID, body)
}

// deliver posts a body. Its error does not contain the URL, which is a secret with many services.
func (w *webhooks) deliver(ctx context.Context, step track.Step, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, hookWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, step.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("invalid URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tocsin")
	req.Header.Set("Tocsin-Id", id)
	if step.Key != "" {
		mac := hmac.New(sha256.New, []byte(step.Key))
		mac.Write(body)
		req.Header.Set("Tocsin-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := w.client.Do(req)
	if wrong := (*url.Error)(nil); errors.As(err, &wrong) {
		err = wrong.Err
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, hookAnswer)) //nolint:errcheck // the content is ignored
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("unexpected status %s", resp.Status)
	}
	return nil
}
