package storage

import (
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/track"
)

// A walk visits the columns of one value after another: to collect their names, to read values from a struct, or to set
// them. So each column of a type is named in one place. Columns are integers or texts; in every statement the integers come
// first.
type walk struct {
	mode  mode
	names *table
	ints  []int64
	texts []string
}

type mode uint8

const (
	naming mode = iota
	taking
	putting
)

// table is what the SQL needs to know about a type.
type table struct {
	name        string
	ints, texts []string
}

func (t *table) columns() []string { return slices.Concat(t.ints, t.texts) }

func (t *table) list() string { return strings.Join(t.columns(), ", ") }

// kind is a table whose rows are values of T.
type kind[T any] struct {
	table
	visit func(*walk, *T)
}

func kindOf[T any](name string, visit func(*walk, *T)) *kind[T] {
	k := &kind[T]{table{name: name}, visit}
	visit(&walk{mode: naming, names: &k.table}, new(T))
	return k
}

// pack reads the values of vs.
func (k *kind[T]) pack(vs ...T) rows {
	w := walk{mode: taking, ints: make([]int64, 0, len(vs)*len(k.ints)), texts: make([]string, 0, len(vs)*len(k.texts))}
	for i := range vs {
		k.visit(&w, &vs[i])
	}
	return rows{n: len(vs), ints: w.ints, texts: w.texts}
}

// rows are the values of n rows, one row after another.
type rows struct {
	n     int
	ints  []int64
	texts []string
}

// read yields the rows of a query. Its columns must be those of the table.
func (k *kind[T]) read(found *sql.Rows, err error, yield func(*T) error) error {
	if err != nil {
		return err
	}
	defer found.Close()
	ints, texts := make([]int64, len(k.ints)), make([]string, len(k.texts))
	dest := make([]any, 0, len(ints)+len(texts))
	for i := range ints {
		dest = append(dest, &ints[i])
	}
	for i := range texts {
		dest = append(dest, &texts[i])
	}
	for found.Next() {
		if err := found.Scan(dest...); err != nil {
			return err
		}
		var v T
		k.visit(&walk{mode: putting, ints: ints, texts: texts}, &v)
		if err := yield(&v); err != nil {
			return err
		}
	}
	return found.Err()
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint8 | ~uint32
}

func num[T integer](w *walk, name string, v *T) {
	switch w.mode {
	case naming:
		w.names.ints = append(w.names.ints, name)
	case taking:
		w.ints = append(w.ints, int64(*v))
	case putting:
		*v = T(w.ints[0])
		w.ints = w.ints[1:]
	}
}

func flag(w *walk, name string, v *bool) {
	var n int64
	if *v {
		n = 1
	}
	num(w, name, &n)
	*v = n != 0
}

// choice is a setting with few values. An unknown number that is too large for its type is read as the largest, so that it
// is not mistaken for a known one.
func choice[T ~uint8](w *walk, name string, v *T) {
	n := int64(*v)
	num(w, name, &n)
	if *v = T(n); int64(*v) != n {
		*v = ^T(0)
	}
}

// span is a duration. One that is too large or negative is read as -1 ms.
func span(w *walk, name string, v *time.Duration) {
	ms := v.Milliseconds()
	num(w, name, &ms)
	if *v = time.Duration(ms) * time.Millisecond; ms < 0 || v.Milliseconds() != ms {
		*v = -time.Millisecond
	}
}

func str[T ~string](w *walk, name string, v *T) {
	switch w.mode {
	case naming:
		w.names.texts = append(w.names.texts, name)
	case taking:
		w.texts = append(w.texts, clean(string(*v)))
	case putting:
		*v = T(w.texts[0])
		w.texts = w.texts[1:]
	}
}

func list[T any](w *walk, name string, v *[]T) {
	var text string
	if w.mode == taking && len(*v) > 0 {
		b, _ := json.Marshal(*v) // numbers and strings: never an error
		text = string(b)
	}
	str(w, name, &text)
	if w.mode == putting {
		*v = nil
		if text != "" {
			json.Unmarshal([]byte(text), v) // was written above
		}
	}
}

// clean makes s storable in every database: one bad byte from the wire must not fail a whole batch.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func cleaned(all []string) []string {
	all = slices.Clone(all)
	for i := range all {
		all[i] = clean(all[i])
	}
	return all
}

func cleanKey(k track.Key) track.Key {
	return track.Key{Sender: clean(k.Sender), Recipient: clean(k.Recipient), ID: clean(k.ID)}
}

// messageColumns visits all columns, progress those that change after the insert.
func (h *hasher) messageColumns(w *walk, m *track.Message) {
	var hash, conv int64
	if w.mode == taking {
		hash, conv = h.key(cleanKey(m.Key))
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
	num(w, "told", &m.Notice.Told)
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
	var sender, recipient int64
	if w.mode == taking {
		sender, recipient = h.whole(clean(p.Sender), ""), h.whole(clean(p.Recipient), "")
	}
	num(w, "sender_hash", &sender)
	num(w, "recipient_hash", &recipient)
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
	var conv int64
	if w.mode == taking {
		conv = h.conv(track.Conv{Sender: clean(p.Sender), Recipient: clean(p.Recipient)})
	}
	num(w, "conv", &conv)
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
	var owner, hash int64
	if w.mode == taking {
		owner, hash = h.whole(clean(r.Owner), ""), h.whole(clean(r.To), clean(r.ID))
	}
	num(w, "owner_hash", &owner)
	num(w, "hash", &hash)
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
	var owner, contact int64
	if w.mode == taking {
		owner, contact = h.whole(clean(c.Owner), ""), h.whole(clean(c.Contact), "")
	}
	num(w, "owner_hash", &owner)
	num(w, "contact_hash", &contact)
	flag(w, "muted", &c.Muted)
	flag(w, "hidden", &c.Hidden)
	str(w, "owner", &c.Owner)
	str(w, "contact", &c.Contact)
}

func (h *hasher) deviceColumns(w *walk, d *track.Device) {
	var hash int64
	if w.mode == taking {
		hash = h.device(clean(d.JID))
	}
	num(w, "hash", &hash)
	num(w, "features", &d.Features)
	num(w, "at", &d.At)
	str(w, "jid", &d.JID)
}

// fact is a row of the table meta.
type fact struct{ key, value string }

// removalColumns are those of an account that was removed.
func removalColumns(w *walk, r *track.Removal) {
	num(w, "ord", &r.Ord)
	str(w, "jid", &r.JID)
}

func metaColumns(w *walk, f *fact) {
	str(w, "key", &f.key)
	str(w, "value", &f.value)
}
