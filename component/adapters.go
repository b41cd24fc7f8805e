package component

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"mellium.im/xmpp/jid"

	"tocsin/component/clock"
	"tocsin/component/command"
	"tocsin/component/metrics"
	"tocsin/component/outbox"
	"tocsin/component/people"
	"tocsin/component/privacy"
	"tocsin/component/session"
	"tocsin/component/settings"
	"tocsin/component/texts"
	"tocsin/component/web"
	"tocsin/component/writer"
	"tocsin/track"
)

// commandOptions returns a function for the settings that the commands currently have.
func commandOptions(domain jid.JID, live *settings.Live) func() *command.Options {
	return func() *command.Options {
		s := live.Get()
		return &command.Options{
			JID: domain, Domains: s.Tap.Domains, Admins: s.Admins, Language: s.Language, Region: s.Region,
			SelfService: s.SelfService, Notice: s.Notice, Policy: s.Policy, SMS: s.SMS != nil, Verify: s.Verify && s.SMS != nil,
		}
	}
}

// clockJumps handles jumps of the clock: it implements alarm.Stream.
type clockJumps struct {
	*maintenance
	session *session.Session
}

// Confirm implements alarm.Stream.
func (j clockJumps) Confirm(ctx context.Context) error {
	j.log.Warn("clock jump: the machine was suspended, the process was stopped, or the clock was set forward; alarms wait until the server answers")
	return j.session.Confirm(ctx, j.session.Stream())
}

// forgetUser returns a function that deletes everything a user has told us.
func forgetUser(store Store, users *people.Users) func(context.Context, string) error {
	return func(ctx context.Context, user string) error {
		if err := store.Forget(ctx, user); err != nil {
			return err
		}
		users.Forget(user)
		return nil
	}
}

// phones is the state of SMS to users' numbers.
type phones struct {
	store   Store
	queue   *writer.Queue
	metrics *metrics.Metrics
}

// Phone implements command.Phones.
func (p phones) Phone(ctx context.Context, user, number string, now track.Time) (phone command.Phone, err error) {
	if phone.Code, phone.Pending, err = p.store.PendingCode(ctx, user, now); err == nil && number != "" {
		phone.Stopped, err = p.store.StoppedBy(ctx, number)
	}
	return phone, err
}

// RequestCode implements command.Phones.
func (p phones) RequestCode(ctx context.Context, in *track.CodeRequested) error {
	var salt [16]byte
	rand.Read(salt[:]) // never fails
	in.Salt = hex.EncodeToString(salt[:])
	return p.counted(ctx, in, &in.Verdict)
}

// TryCode implements command.Phones.
func (p phones) TryCode(ctx context.Context, in *track.CodeTried) error {
	return p.counted(ctx, in, &in.Verdict)
}

func (p phones) counted(ctx context.Context, in track.Input, verdict *track.CodeVerdict) error {
	if err := p.queue.Do(ctx, in); err != nil {
		return err
	}
	p.metrics.Codes.WithLabelValues(string(*verdict)).Inc()
	return nil
}

// Stop implements command.Phones.
func (p phones) Stop(ctx context.Context, in *track.OwnStop) error { return p.queue.Do(ctx, in) }

// watch is access to the watched messages of senders.
type watch struct {
	store    Store
	queue    *writer.Queue
	settings *settings.Live
	users    *people.Users
	privacy  *privacy.Disclosure
	clock    clock.Clock
}

// Watching implements command.Watch.
func (w watch) Watching(ctx context.Context, sender string, limit int) ([]command.Watched, error) {
	list, err := w.store.Messages(ctx, sender, track.Filter{Unsettled: true, Newest: true, Limit: limit})
	if err != nil {
		return nil, err
	}
	policy, now := w.settings.Policy(), track.At(w.clock.Now())
	watched := make([]command.Watched, len(list))
	for i := range list {
		m := &list[i]
		state := m.Notice.State
		if m.Notice.Seq == 0 {
			state = track.StatePending
		}
		settings := policy.Resolve(m, w.users.Parties(m.Conv()), m.Expects)
		watched[i] = command.Watched{
			Message: *m, State: w.privacy.State(ctx, m, state), Reason: w.privacy.Explanation(ctx, m, track.Explain(m, settings, now)),
		}
	}
	return watched, nil
}

// Find implements command.Watch.
func (w watch) Find(ctx context.Context, sender, id, with string) ([]track.Message, error) {
	return w.store.Messages(ctx, sender, track.Filter{ID: id, With: with, Newest: true, Limit: 100})
}

// Escalate implements command.Watch.
func (w watch) Escalate(ctx context.Context, k track.Key) error {
	return w.queue.Do(ctx, &track.Fact{Kind: track.Forced, Key: k, At: track.At(w.clock.Now()), Basis: track.ByCommand})
}

// Cancel implements command.Watch.
func (w watch) Cancel(ctx context.Context, k track.Key) error {
	return w.queue.Do(ctx, &track.Fact{Kind: track.Stopped, Key: k, At: track.At(w.clock.Now()), Basis: track.ByCommand})
}

// admin is what admins can see and do.
type admin struct {
	store    Store
	settings *settings.Live
	texts    *texts.Sender
	reload   func() (settings.Settings, error)
	clock    clock.Clock
}

// Summary implements command.Admin.
func (a admin) Summary(ctx context.Context) (track.Summary, error) {
	now := a.clock.Now()
	sum, err := a.store.Summary(ctx, track.At(now))
	if p := a.settings.Policy().SMS; err == nil && p != nil {
		sum.SMSBudget = int64(p.SegmentsDay)
		sum.SMS, err = a.store.SMSUse(ctx, track.At(now.Add(-smsDay)))
		for _, r := range a.texts.Routes() {
			if !r.Up {
				sum.SMSDown = append(sum.SMSDown, r.Name)
			}
		}
	}
	return sum, err
}

// Paused implements command.Admin.
func (a admin) Paused() bool { return a.settings.Paused() }

// Pause implements command.Admin.
func (a admin) Pause(ctx context.Context, paused bool) error {
	value := ""
	if paused {
		value = "1"
	}
	if err := a.store.Put(ctx, keyPaused, value); err != nil {
		return fmt.Errorf("save the pause: %w", err)
	}
	a.settings.SetPaused(paused)
	return nil
}

// Reload implements command.Admin.
func (a admin) Reload(context.Context) error {
	if a.reload == nil {
		return errors.New("no configuration to reload")
	}
	next, err := a.reload()
	if err != nil {
		return err
	}
	a.settings.Set(next)
	return nil
}

// prompts are prompts on pages.
type prompts struct {
	outbox *outbox.Dispatcher
	queue  *writer.Queue
}

// PromptView implements web.Prompts.
func (o prompts) PromptView(ctx context.Context, prompt string) (web.PromptView, bool, error) {
	was, content, ok, err := o.outbox.PromptView(ctx, prompt)
	return web.PromptView{Prompt: was, Content: content}, ok, err
}

// Answer implements web.Prompts.
func (o prompts) Answer(ctx context.Context, a *track.Answer) error { return o.queue.Do(ctx, a) }

// timeline is the history of a sender's messages.
type timeline struct {
	store   Store
	privacy *privacy.Disclosure
}

// Timeline implements web.Timeline. A sender who may not distinguish undelivered from unread does not see when a message was
// delivered.
func (t timeline) Timeline(ctx context.Context, sender string, limit int) ([]track.Message, error) {
	list, err := t.store.Messages(ctx, sender, track.Filter{Newest: true, Limit: limit})
	if err != nil {
		return nil, err
	}
	for i := range list {
		m := &list[i]
		m.Text = ""
		if t.privacy.State(ctx, m, track.StateTimeoutUnread) == track.StateTimeout {
			m.DeliveredAt = 0
		}
		m.Notice.State = t.privacy.State(ctx, m, m.Notice.State)
	}
	return list, nil
}
