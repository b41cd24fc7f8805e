package outbox

import (
	"context"
	"fmt"
	"slices"

	"tocsin/component/session"
	"tocsin/track"
	"tocsin/xep/escalation"
	"tocsin/xep/hints"
)

// maxDigest limits the states sent to a returning sender; the oldest beyond it are dropped, and counted.
const maxDigest = 1000

// digestBytes limits the size of the statuses in a digest: the rest is for addresses.
const digestBytes = session.MaxStanza - 64<<10

// notifier sends senders the states of their messages.
type notifier struct {
	*Options
	sender   *sender
	confirm  *confirmer
	prompter *prompter
}

// sendStatus sends one notice, as a headline to all resources.
func (n *notifier) sendStatus(ctx context.Context, m track.Message) error {
	status := session.Message{
		To: m.Sender, Type: "headline", ID: fmt.Sprintf("s-%x-%d", m.Ord, m.Notice.Seq),
		Payload: []any{n.Privacy.Status(ctx, &m), hints.NoStore{}},
	}
	return n.sendNotices(ctx, status, []track.Message{m}, greeting{digest: true}) // on an error it stays pending
}

// sendNotices sends notices to their sender. They count as delivered when the server is known to have them; if they are
// lost, the sender is greeted again.
func (n *notifier) sendNotices(ctx context.Context, m session.Message, list []track.Message, lost greeting) error {
	return n.sendConfirmed(ctx, m, func(isLost bool) {
		if isLost {
			n.Backlog.scheduleGreeting(list[0].Sender, lost, true)
		} else {
			n.recordDelivery(list)
		}
	})
}

// sendConfirmed sends a message, and calls then once it is known whether the server has it.
func (n *notifier) sendConfirmed(ctx context.Context, m session.Message, then func(lost bool)) error {
	stream := n.Stream.Stream()
	if err := n.sender.send(ctx, m); err != nil {
		return err
	}
	n.confirm.after(stream, then)
	return nil
}

func (n *notifier) recordDelivery(list []track.Message) {
	keys := make(track.NoticesDelivered, len(list))
	for i := range list {
		keys[i] = noticeKey(&list[i])
	}
	n.Inputs.Push(&keys, nil)
}

// noticeKey identifies the current notice of a message.
func noticeKey(m *track.Message) track.NoticeKey {
	return track.NoticeKey{Ord: m.Ord, Seq: m.Notice.Seq}
}

// sendDigest sends the pending notices, in headlines of at most 50 states. States that came up since the user came online were
// held back; they follow one by one, if they would fit into one headline.
func (n *notifier) sendDigest(ctx context.Context, owner string, held []track.Message) error {
	pending, err := n.pendingNotices(ctx, owner)
	if err != nil {
		return err
	}
	if len(held) > escalation.MaxStatuses {
		held = nil
	}
	later := map[track.NoticeKey]bool{}
	for i := range held {
		later[noticeKey(&held[i])] = true
	}
	pending = slices.DeleteFunc(pending, func(m track.Message) bool { return later[noticeKey(&m)] })
	for len(pending) > 0 {
		var list escalation.Statuses
		for i := range pending[:min(len(pending), escalation.MaxStatuses)] {
			list.Status = append(list.Status, n.Privacy.Status(ctx, &pending[i]))
		}
		count := escalation.Fit(list.Status, digestBytes)
		list.Status = list.Status[:count]
		last := pending[count-1].Notice
		digest := session.Message{
			To: owner, Type: "headline", ID: fmt.Sprintf("d-%x-%d", last.Rev, count),
			Payload: []any{list, hints.NoStore{}},
		}
		if err := n.sendNotices(ctx, digest, pending[:count], greeting{digest: true}); err != nil {
			return err
		}
		pending = pending[count:]
	}
	for _, m := range held {
		if err := n.sendStatus(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// pendingNotices returns the newest pending states of a sender, oldest first. It reads in pages: a sender who was never online
// may have any number.
func (n *notifier) pendingNotices(ctx context.Context, owner string) ([]track.Message, error) {
	var list []track.Message
	for after := int64(0); ; {
		page, err := n.Store.Messages(ctx, owner, track.Filter{PendingNotice: true, AfterRev: after, Limit: maxDigest})
		if err != nil {
			return nil, fmt.Errorf("load pending notices: %w", err)
		}
		list = append(list, page...)
		if over := len(list) - maxDigest; over > 0 {
			n.Metrics.Forgotten.Add(float64(over))
			n.recordDelivery(list[:over])
			list = list[over:]
		}
		if len(page) < maxDigest {
			return list, nil
		}
		after = page[len(page)-1].Notice.Rev
	}
}
