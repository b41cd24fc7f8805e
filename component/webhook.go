package component

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

	"tocsin/component/session"
	"tocsin/track"
)

const (
	hooksAtOnce = 4
	hookWithin  = 10 * time.Second
	hookTries   = 8
	hookWait    = 5 * time.Second // doubled from try to try, up to hookWaitMax
	hookWaitMax = 10 * time.Minute
	hookAnswer  = 64 << 10 // bytes of an answer that are read
)

// hookBody is what a webhook is told. The message's text and numbers are not in it.
type hookBody struct {
	ID        string `json:"id"` // the same in every repetition
	Event     string `json:"event"`
	Message   string `json:"message"` // stanza id
	Sender    string `json:"sender"`
	Recipient string `json:"recipient"`
	SentAt    string `json:"sent_at"`
	At        string `json:"at"`
}

// hook queues a webhook for the workers, which do not share the stream's queue: a slow system of the admin's delays
// nobody.
func (o *outflow) hook(out track.Outgoing) {
	select {
	case o.hooks <- out:
	default:
		o.again(out)
	}
}

// post tells an admin's system of a timeout, and has it tried again later if that system does not take it.
func (o *outflow) post(ctx context.Context, out track.Outgoing) {
	err := o.tryPost(ctx, out)
	if ctx.Err() != nil {
		return // it stays in the outbox
	}
	if err == nil {
		o.done(out)
		return
	}
	if errors.Is(err, session.ErrHeldBack) {
		o.again(out)
		return
	}
	out.Tries++
	if out.Tries >= hookTries {
		o.svc.log.Error("a webhook is given up", "err", err, "tries", out.Tries)
		o.done(out)
		return
	}
	wait := min(hookWait<<(out.Tries-1), hookWaitMax)
	o.svc.log.Warn("a webhook failed and is tried again", "err", err, "in", wait)
	out.After = track.At(o.svc.clock.Now().Add(wait))
	o.again(out)
}

func (o *outflow) tryPost(ctx context.Context, out track.Outgoing) error {
	steps := o.svc.settings.Get().Policy.Steps
	if out.Step >= len(steps) || steps[out.Step].Do != track.DoWebhook {
		return nil // the chain has changed
	}
	step := steps[out.Step]
	peek := &track.Snapshot{Ord: out.Ord}
	if err := o.svc.queue.Do(ctx, peek); err != nil || !peek.Found {
		return err
	}
	m := &peek.Messages[0]
	if m.Status.Settled() && out.Tries == 0 {
		return nil
	}
	body, err := json.Marshal(hookBody{
		ID: out.ID, Event: out.Reason, Message: m.ID, Sender: m.Sender, Recipient: m.Recipient,
		SentAt: m.SentAt.Std().Format(time.RFC3339Nano), At: m.TimeoutAt.Std().Format(time.RFC3339Nano),
	})
	if err != nil {
		return fmt.Errorf("write the body: %w", err)
	}
	if !o.svc.opts.IsLeader() {
		return session.ErrHeldBack
	}
	return deliver(ctx, step, out.ID, body)
}

// deliver posts a body. Its error does not hold the URL, which is the secret of many services.
func deliver(ctx context.Context, step track.Step, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, hookWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, step.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("its URL is none")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tocsin")
	req.Header.Set("Tocsin-Id", id)
	if step.Key != "" {
		mac := hmac.New(sha256.New, []byte(step.Key))
		mac.Write(body)
		req.Header.Set("Tocsin-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := hookClient.Do(req)
	if wrong := (*url.Error)(nil); errors.As(err, &wrong) {
		err = wrong.Err
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, hookAnswer)) //nolint:errcheck // what it says is not looked at
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}

// hookClient follows no redirects: the signed body goes where the admin said.
var hookClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
