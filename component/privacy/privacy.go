// Package privacy decides what is disclosed about a recipient to a sender: the phone number, and whether a message was not
// delivered or not read. privacy.go collects the inputs of the pure rules in component/numbers; server.go queries the server
// for them.
//
// It does not know how anything is sent. The rules are tested in component/numbers, the queries in vcard_test.go and
// internal/scenarios.
package privacy

import (
	"context"
	"fmt"
	"log/slog"

	"tocsin/component/numbers"
	"tocsin/component/settings"
	"tocsin/track"
	"tocsin/xep/escalation"
)

// Users knows users' settings.
type Users interface {
	Parties(track.Conv) track.Parties
}

// Store has the bound numbers, and which senders the recipients' side refuses.
type Store interface {
	Number(ctx context.Context, jid string) (track.Number, bool, error)
	IsRefused(context.Context, track.Conv) (bool, error)
}

// Disclosure decides what senders may learn about recipients.
type Disclosure struct {
	settings *settings.Live
	users    Users
	store    Store
	server   *Server
	gap      func() track.Time
	log      *slog.Logger
}

// New returns the disclosure based on the users, the store and the server. gap returns up to when evidence may have
// been lost; 0: none was.
func New(s *settings.Live, users Users, store Store, server *Server, gap func() track.Time, log *slog.Logger) *Disclosure {
	return &Disclosure{settings: s, users: users, store: store, server: server, gap: gap, log: log}
}

// Number returns the recipient's number in E.164 if the sender may see it, else "". It does not check whether the recipient's
// side has refused the sender: the ledger does when it records the release. known is the sender's standing in the recipient's
// roster as reported with messages.
func (d *Disclosure) Number(ctx context.Context, conv track.Conv, known track.Standing) (string, error) {
	c, err := d.caseOf(ctx, conv, known)
	if err != nil {
		return "", err
	}
	policy := d.policy()
	number, why := policy.Release(c)
	if why == numbers.NoNumber && policy.VCards && policy.Disclose != track.DiscloseConsented {
		if c.Number, err = d.server.vcard(ctx, conv.Recipient, d.settings.Get().Region); err != nil {
			return "", err
		}
		number, _ = policy.Release(c)
	}
	return number, nil
}

// Status returns the notice of a message as its sender may see it.
func (d *Disclosure) Status(ctx context.Context, m *track.Message) escalation.Status {
	n := m.Notice
	var doubt escalation.Doubt
	if m.InDoubt(d.gap()) {
		doubt = escalation.DoubtGap
	}
	return escalation.Status{
		Doubt: doubt,
		ID:    m.ID, With: m.Recipient, Seq: n.Seq, State: escalation.State(d.State(ctx, m, n.State)), Stamp: escalation.Time(n.At),
		Basis: escalation.Basis(n.Basis), Further: escalation.State(n.Further), SMS: escalation.OwnSMS(n.SMS),
	}
}

// State returns a message's state as its sender may see it: one state for both timeouts, if the sender may not distinguish
// them (protocol §4).
func (d *Disclosure) State(ctx context.Context, m *track.Message, state track.State) track.State {
	timeout := state == track.StateTimeoutUndelivered || state == track.StateTimeoutUnread
	if timeout && !d.reveals(ctx, m) {
		return track.StateTimeout
	}
	return state
}

// Explanation returns what the sender may learn about the reason for a message's state.
func (d *Disclosure) Explanation(ctx context.Context, m *track.Message, e track.Explanation) track.Explanation {
	if merged := e.Merged(); merged != e && !d.reveals(ctx, m) {
		return merged
	}
	return e
}

// reveals reports whether the sender may distinguish undelivered from unread. It is false on errors.
func (d *Disclosure) reveals(ctx context.Context, m *track.Message) bool {
	policy, who := &d.settings.Get().Policy, d.users.Parties(m.Conv())
	refused, err := d.store.IsRefused(ctx, m.Conv())
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("could not look up a refusal", "err", err)
		}
		return false
	}
	c, err := d.caseOf(ctx, m.Conv(), m.Standing)
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("could not look up consent", "err", err)
		}
		return false
	}
	return policy.Reveals(who, c.Standing, c.Number.Consent, refused)
}

func (d *Disclosure) policy() numbers.Policy {
	s := d.settings.Get()
	return numbers.Policy{Disclose: s.Policy.Disclose, VCards: s.VCards, Verify: s.Verify}
}

// caseOf collects the inputs of a decision about the recipient's privacy. The standing reported with messages and the roster
// itself (XEP-0356) may differ briefly.
func (d *Disclosure) caseOf(ctx context.Context, conv track.Conv, known track.Standing) (numbers.Case, error) {
	who := d.users.Parties(conv)
	c := numbers.Case{Owner: who.Recipient, Hidden: who.Hidden}
	if d.settings.Get().Directory {
		n, _, err := d.store.Number(ctx, conv.Recipient)
		if err != nil {
			return c, fmt.Errorf("look up a number: %w", err)
		}
		c.Number = n
	}
	c.Standing = known.Stricter(d.server.readStanding(ctx, conv.Recipient, conv.Sender))
	return c, nil
}
