package storage

import "tocsin/track"

// messageColumns visits all columns, progress those that change after the insert.
func (h *hasher) messageColumns(w *walk, m *track.Message) {
	var hash, conv int64
	if w.mode == packing {
		hash, conv = h.keyOf(w, cleanKey(m.Key))
	}
	num(w, "hash", &hash)
	num(w, "conv", &conv)
	str(w, "sender", &m.Sender)
	str(w, "recipient", &m.Recipient)
	str(w, "id", &m.ID)
	progress(w, m)
}

func progress(w *walk, m *track.Message) {
	var unsettled uint8
	switch {
	case m.Kind != track.Watched || m.Status.Final():
	case m.Status.Settled():
		unsettled = 2 // it bounced
	default:
		unsettled = 1
	}
	num(w, "ord", &m.Ord)
	num(w, "unsettled", &unsettled)
	num(w, "kind", &m.Kind)
	num(w, "original", &m.Original)
	num(w, "status", &m.Status)
	num(w, "marks", &m.Marks)
	num(w, "standing", &m.Standing)
	num(w, "there", &m.There)
	num(w, "delivery_rule", &m.Expects.Delivery)
	num(w, "reading_rule", &m.Expects.Reading)
	num(w, "sent_at", &m.SentAt)
	num(w, "handed_at", &m.HandedAt)
	num(w, "delivered_at", &m.DeliveredAt)
	num(w, "timeout_at", &m.TimeoutAt)
	num(w, "settled_at", &m.SettledAt)
	num(w, "until", &m.Hint.Until)
	num(w, "timeout", &m.Hint.Timeout)
	num(w, "priority", &m.Hint.Priority)
	num(w, "escalate", &m.Hint.Escalate)
	num(w, "step", &m.Step)
	num(w, "due", &m.Due)
	num(w, "seq", &m.Notice.Seq)
	num(w, "told", &m.Notice.Delivered)
	num(w, "rev", &m.Notice.Rev)
	num(w, "notice_at", &m.Notice.At)
	str(w, "resource", &m.Resource)
	str(w, "lang", &m.Lang)
	str(w, "text", &m.Text)
	str(w, "why", &m.Reason)
	str(w, "prompt", &m.Prompt)
	str(w, "state", &m.Notice.State)
	str(w, "basis", &m.Notice.Basis)
	str(w, "further", &m.Notice.Further)
	str(w, "sms", &m.Notice.SMS)
}

func (h *hasher) promptColumns(w *walk, p *track.Prompt) {
	derived(w, "sender_hash", func() int64 { return h.whole(clean(p.Sender), "") })
	derived(w, "recipient_hash", func() int64 { return h.whole(clean(p.Recipient), "") })
	num(w, "ord", &p.Row)
	num(w, "state", &p.State)
	num(w, "covered", &p.Covered)
	flag(w, "undelivered", &p.Undelivered)
	num(w, "priority", &p.Priority)
	num(w, "opened_at", &p.OpenedAt)
	num(w, "expires_at", &p.ExpiresAt)
	num(w, "until", &p.Until)
	num(w, "snoozes", &p.Snoozes)
	num(w, "sends", &p.Sends)
	num(w, "sent_at", &p.SentAt)
	flag(w, "resend", &p.Resend)
	num(w, "due", &p.Due)
	str(w, "id", &p.ID)
	str(w, "sender", &p.Sender)
	str(w, "recipient", &p.Recipient)
	str(w, "withdrew", &p.Withdrew)
	list(w, "messages", &p.Messages)
	str(w, "claimer", &p.Claimer)
	str(w, "code", &p.Code)
	list(w, "shown", &p.Shown)
	str(w, "chat", &p.Chat)
}

func openedColumns(w *walk, o *track.Opened) {
	num(w, "opened_at", &o.At)
	num(w, "state", &o.State)
	str(w, "sender", &o.Sender)
	str(w, "recipient", &o.Recipient)
}

func peerColumns(w *walk, p *track.Peer) {
	num(w, "receipts", &p.Receipts)
	num(w, "markers", &p.Markers)
	num(w, "acks", &p.Acks)
	num(w, "came_at", &p.Came)
	num(w, "managed", &p.Managed)
	num(w, "announces", &p.Announces)
	num(w, "refusals", &p.Refusals)
	str(w, "jid", &p.JID)
}

func (h *hasher) pairColumns(w *walk, p *track.Pair) {
	derived(w, "conv", func() int64 { return h.conv(cleanConv(p.Conv)) })
	num(w, "receipts", &p.Receipts)
	num(w, "arrivals", &p.Arrivals)
	num(w, "markers", &p.Markers)
	num(w, "unasked", &p.Unasked)
	num(w, "past", &p.Past)
	num(w, "sealed_receipts", &p.SealedReceipts)
	num(w, "sealed_markers", &p.SealedMarkers)
	num(w, "unconfirmed", &p.Unconfirmed)
	num(w, "unmarked", &p.Unmarked)
	num(w, "counted_at", &p.CountedAt)
	num(w, "refused", &p.Refused)
	str(w, "sender", &p.Sender)
	str(w, "recipient", &p.Recipient)
	str(w, "device", &p.Device)
}

func (h *hasher) releaseColumns(w *walk, r *track.Release) {
	derived(w, "owner_hash", func() int64 { return h.whole(clean(r.Owner), "") })
	derived(w, "hash", func() int64 { return h.whole(clean(r.To), clean(r.ID)) })
	num(w, "at", &r.At)
	str(w, "owner", &r.Owner)
	str(w, "receiver", &r.To)
	str(w, "number", &r.Number)
	str(w, "id", &r.ID)
}

func numberColumns(w *walk, n *track.Number) {
	flag(w, "consent", &n.Consent)
	flag(w, "verified", &n.Verified)
	num(w, "at", &n.At)
	str(w, "jid", &n.JID)
	str(w, "e164", &n.E164)
	str(w, "source", &n.Source)
}

func prefsColumns(w *walk, p *track.Prefs) {
	choice(w, "mode", &p.Mode)
	span(w, "undelivered_after", &p.UndeliveredAfter)
	span(w, "unread_after", &p.UnreadAfter)
	choice(w, "fallback", &p.Fallback)
	choice(w, "share", &p.Share)
	choice(w, "sync", &p.Sync)
	choice(w, "watch", &p.Watch)
	str(w, "jid", &p.JID)
	str(w, "quiet", &p.Quiet)
	str(w, "zone", &p.Zone)
	str(w, "language", &p.Language)
	str(w, "text", &p.Text)
	str(w, "gateway", &p.Gateway)
}

func (h *hasher) contactColumns(w *walk, c *track.Contact) {
	derived(w, "owner_hash", func() int64 { return h.whole(clean(c.Owner), "") })
	derived(w, "contact_hash", func() int64 { return h.whole(clean(c.Contact), "") })
	flag(w, "muted", &c.Muted)
	flag(w, "hidden", &c.Hidden)
	str(w, "owner", &c.Owner)
	str(w, "contact", &c.Contact)
}

func (h *hasher) deviceColumns(w *walk, d *track.Device) {
	derived(w, "hash", func() int64 { return h.device(clean(d.JID)) })
	num(w, "features", &d.Features)
	num(w, "at", &d.At)
	str(w, "jid", &d.JID)
}

// removalColumns are those of an account that was removed.
func removalColumns(w *walk, r *track.Removal) {
	num(w, "ord", &r.Ord)
	str(w, "jid", &r.JID)
}

// fact is a row of the table meta.
type fact struct{ key, value string }

func metaColumns(w *walk, f *fact) {
	str(w, "key", &f.key)
	str(w, "value", &f.value)
}
