package component

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/component/command"
	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
	"tocsin/xep/register"
)

// newCommands connects what people can order to what the component can do.
func newCommands(s *Service, domain jid.JID) *command.Commands {
	deps := command.Deps{
		Directory: directory{s}, Settings: settingsBook{s.people, s}, Watch: watch{s}, Admin: admin{s},
		Forget: s.forget, Devices: s.presence.Devices,
	}
	return command.New(deps, s.commandOptions(domain), adhoc.Options{})
}

func (s *Service) commandOptions(domain jid.JID) command.Options {
	settings := s.settings.Get()
	return command.Options{
		JID: domain, Domains: settings.Tap.Domains, Admins: settings.Admins, Language: settings.Language, Region: settings.Region,
		SelfService: settings.SelfService, Notice: settings.Notice, Policy: settings.Policy,
	}
}

// forget drops all that a user has told us.
func (s *Service) forget(ctx context.Context, user string) error {
	if err := s.opts.Store.Forget(ctx, user); err != nil {
		return err
	}
	s.people.forget(user)
	return nil
}

// directory is the store's, with the releases.
type directory struct{ svc *Service }

func (d directory) Number(ctx context.Context, user string) (track.Number, bool, error) {
	return d.svc.opts.Store.Number(ctx, user)
}

func (d directory) SetNumbers(ctx context.Context, list ...track.Number) error {
	return d.svc.opts.Store.SetNumbers(ctx, list...)
}

func (d directory) RemoveNumber(ctx context.Context, user string) (bool, error) {
	return d.svc.opts.Store.RemoveNumber(ctx, user)
}

func (d directory) Releases(ctx context.Context, owner string, limit int) ([]track.Release, error) {
	return d.svc.opts.Store.Releases(ctx, owner, limit)
}

// settingsBook looks again at what waits for a user whose settings have changed.
type settingsBook struct {
	*people
	svc *Service
}

// Set implements command.Settings.
func (b settingsBook) Set(ctx context.Context, p track.Prefs) error {
	if err := b.people.Set(ctx, p); err != nil {
		return err
	}
	b.svc.outflow.wake(p.JID)
	return nil
}

// watch is what is being watched of a sender.
type watch struct{ svc *Service }

// Watching implements command.Watch.
func (w watch) Watching(ctx context.Context, sender string, limit int) ([]command.Watched, error) {
	list, err := w.svc.opts.Store.Messages(ctx, sender, track.Filter{Unsettled: true, Newest: true, Limit: limit})
	if err != nil {
		return nil, err
	}
	policy, now := w.svc.settings.Policy(), track.At(w.svc.clock.Now())
	watched := make([]command.Watched, len(list))
	for i := range list {
		m := &list[i]
		state := m.Notice.State
		if m.Notice.Seq == 0 {
			state = track.StatePending
		}
		settings := policy.Resolve(m, w.svc.people.Parties(m.Conv()), w.svc.people.Can(m.Recipient))
		watched[i] = command.Watched{
			Message: *m, State: track.State(w.svc.outflow.stateOf(ctx, m, state)), Reason: track.Explain(m, settings, now),
		}
	}
	return watched, nil
}

// Find implements command.Watch.
func (w watch) Find(ctx context.Context, sender, id, with string) ([]track.Message, error) {
	return w.svc.opts.Store.Messages(ctx, sender, track.Filter{ID: id, With: with, Newest: true, Limit: 100})
}

// Escalate implements command.Watch.
func (w watch) Escalate(ctx context.Context, k track.Key) error {
	return w.svc.queue.Do(ctx, &track.Fact{Kind: track.Forced, Key: k, At: track.At(w.svc.clock.Now()), Basis: track.ByCommand})
}

// Cancel implements command.Watch.
func (w watch) Cancel(ctx context.Context, k track.Key) error {
	return w.svc.queue.Do(ctx, &track.Fact{Kind: track.Stopped, Key: k, At: track.At(w.svc.clock.Now()), Basis: track.ByCommand})
}

// admin is what admins see and order.
type admin struct{ svc *Service }

// Summary implements command.Admin.
func (a admin) Summary(ctx context.Context) (track.Summary, error) {
	return a.svc.opts.Store.Summary(ctx, track.At(a.svc.clock.Now()))
}

// Paused implements command.Admin.
func (a admin) Paused() bool { return a.svc.settings.Paused() }

// Pause implements command.Admin.
func (a admin) Pause(ctx context.Context, paused bool) error {
	value := ""
	if paused {
		value = "1"
	}
	if err := a.svc.opts.Store.Put(ctx, keyPaused, value); err != nil {
		return fmt.Errorf("keep the pause: %w", err)
	}
	a.svc.settings.SetPaused(paused)
	a.svc.renew()
	return nil
}

// Reload implements command.Admin.
func (a admin) Reload(context.Context) error {
	if a.svc.opts.Reload == nil {
		return errors.New("there is no configuration to read")
	}
	settings, err := a.svc.opts.Reload()
	if err != nil {
		return err
	}
	a.svc.Apply(settings)
	return nil
}

// command answers ad-hoc commands and registration; nil if the request is neither.
func (h *handler) command(ctx context.Context, iq *session.Stanza, p *session.Payload) any {
	now := h.svc.clock.Now()
	switch {
	case p.Name == xml.Name{Space: adhoc.NS, Local: "command"} && iq.Type == "set":
		var in adhoc.Payload[forms.Form]
		if p.Decode(&in) != nil {
			return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
		}
		out, refused := h.svc.commands.Command(ctx, now, iq.From, iq.Lang, in)
		if refused != nil {
			if refused.Cause != nil {
				h.svc.log.Error("a command failed", "err", refused.Cause)
			}
			return session.ErrorWith(iq, refused)
		}
		return session.Result(iq, out)
	case p.Name == xml.Name{Space: register.NS, Local: "query"}:
		var in register.Query[forms.Form]
		if p.Decode(&in) != nil {
			return session.Error(iq, stanza.BadRequest, stanza.Modify, nil)
		}
		out, err := h.svc.commands.Register(ctx, now, iq.From, iq.Lang, iq.Type == "set", in)
		var refused stanza.Error
		switch {
		case errors.As(err, &refused):
			return session.ErrorWith(iq, refused)
		case err != nil:
			return h.internal(iq, err)
		case out == nil:
			return session.Result(iq, nil)
		}
		return session.Result(iq, out)
	}
	return nil
}
