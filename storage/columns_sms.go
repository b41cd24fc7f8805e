package storage

import (
	"encoding/hex"

	"tocsin/track"
)

func (h *hasher) textColumns(w *walk, t *track.Text) {
	derived(w, "conv", func() int64 { return h.conv(cleanConv(t.Conv)) })
	derived(w, "sender_hash", func() int64 { return h.whole(clean(t.Sender), "") })
	num(w, "ord", &t.Row)
	num(w, "state", &t.State)
	num(w, "kind", &t.Kind)
	num(w, "segments", &t.Segments)
	num(w, "parts", &t.Parts)
	flag(w, "answered", &t.Answered)
	num(w, "tag", &t.Tag)
	num(w, "queued_at", &t.QueuedAt)
	num(w, "sent_at", &t.SentAt)
	num(w, "ended_at", &t.EndedAt)
	str(w, "id", &t.ID)
	str(w, "sender", &t.Sender)
	str(w, "recipient", &t.Recipient)
	list(w, "messages", &t.Messages)
	str(w, "prompt", &t.Prompt)
	str(w, "number", &t.Number)
	str(w, "route", &t.Route)
	str(w, "sent_from", &t.From)
	str(w, "body", &t.Body)
}

func (h *hasher) partColumns(w *walk, p *track.Part) {
	derived(w, "hash", func() int64 { return h.part(p.PartKey) })
	num(w, "ord", &p.Row)
	num(w, "state", &p.State)
	str(w, "route", &p.Route)
	str(w, "id", &p.ID)
	str(w, "text", &p.Text)
}

func (h *hasher) part(k track.PartKey) int64 { return h.whole(clean(k.Route), clean(k.ID)) }

func (h *hasher) replyColumns(w *walk, r *track.ReplySeen) {
	derived(w, "hash", func() int64 { return h.reply(r.ReplyKey) })
	num(w, "at", &r.At)
	str(w, "route", &r.Route)
	str(w, "id", &r.ID)
}

func (h *hasher) reply(k track.ReplyKey) int64 { return h.whole(clean(k.Route), clean(k.ID)) }

func lineColumns(w *walk, u *track.LineUse) {
	num(w, "tag", &u.Tag)
	num(w, "sent_at", &u.At)
	str(w, "sender", &u.Sender)
	str(w, "recipient", &u.Recipient)
	str(w, "number", &u.Number)
	str(w, "route", &u.Route)
	str(w, "sent_from", &u.From)
}

func usedColumns(w *walk, u *track.Used) {
	num(w, "queued_at", &u.At)
	num(w, "kind", &u.Kind)
	str(w, "sender", &u.Sender)
	str(w, "number", &u.Number)
}

// codeRow is a stored track.Code. The hashes and the prefix remain, for the limits, when its user or number is removed.
type codeRow struct {
	track.Code
	user, number int64
	prefix       string
}

func (h *hasher) codes(all []track.Code) []codeRow {
	rows := make([]codeRow, len(all))
	for i, c := range all {
		rows[i] = codeRow{c, h.whole(clean(c.JID), ""), h.whole(clean(c.Number), ""), track.Prefix(c.Number)}
	}
	return rows
}

func codeColumns(w *walk, c *codeRow) {
	num(w, "user_hash", &c.user)
	num(w, "number_hash", &c.number)
	num(w, "ord", &c.Row)
	num(w, "made_at", &c.MadeAt)
	num(w, "sent_at", &c.SentAt)
	num(w, "expires", &c.Expires)
	num(w, "sends", &c.Sends)
	num(w, "tries", &c.Tries)
	flag(w, "used", &c.Used)
	str(w, "jid", &c.JID)
	str(w, "number", &c.Number)
	str(w, "prefix", &c.prefix)
	str(w, "country", &c.Country)
	str(w, "language", &c.Language)
	str(w, "salt", &c.Salt)
}

func triedColumns(w *walk, t *track.Tried) {
	num(w, "made_at", &t.At)
	flag(w, "used", &t.Used)
	str(w, "prefix", &t.Prefix)
}

// stop is a stored track.Stop, with a hash instead of the number.
type stop struct {
	hash string
	track.Stop
}

func stopColumns(w *walk, s *stop) {
	num(w, "at", &s.At)
	str(w, "hash", &s.hash)
	str(w, "stopped_by", &s.By)
	str(w, "route", &s.Route)
}

// number returns the hash of a number whose owner has opted out of SMS.
func (h *hasher) number(e164 string) string {
	sum := h.sum("stopped number", e164)
	return hex.EncodeToString(sum[:])
}
