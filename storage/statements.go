package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"tocsin/track"
)

var (
	updates  = keyed("messages", "ord", progress)
	openings = kindOf("prompts", openedColumns)
	outbox   = kindOf("outbox", entryColumns)
	attempts = keyed("outbox", "id", attemptColumns)
	peers    = kindOf("peers", peerColumns)
	numbers  = kindOf("numbers", numberColumns)
	prefs    = kindOf("prefs", prefsColumns)
	meta     = kindOf("meta", metaColumns)
	removed  = kindOf("removed", removalColumns)
	used     = kindOf("texts", usedColumns)
	lines    = kindOf("texts", lineColumns)
	stops    = kindOf("stops", stopColumns)
	codes    = kindOf("codes", codeColumns)
	tried    = kindOf("codes", triedColumns)
)

// hashed are the tables whose rows are found by hashes, which depend on the secret of the database.
type hashed struct {
	hash     *hasher
	messages *kind[track.Message]
	prompts  *kind[track.Prompt]
	releases *kind[track.Release]
	contacts *kind[track.Contact]
	devices  *kind[track.Device]
	pairs    *kind[track.Pair]
	texts    *kind[track.Text]
	parts    *kind[track.Part]
	replies  *kind[track.ReplySeen]
}

func hashedBy(secret []byte) hashed {
	h := &hasher{secret}
	return hashed{
		h, kindOf("messages", h.messageColumns), kindOf("prompts", h.promptColumns), kindOf("releases", h.releaseColumns),
		kindOf("contacts", h.contactColumns), kindOf("devices", h.deviceColumns), kindOf("pairs", h.pairColumns),
		kindOf("texts", h.textColumns), kindOf("text_parts", h.partColumns), kindOf("replies_seen", h.replyColumns),
	}
}

// statements are the ledger's statements, prepared on the writer's connection.
type statements struct {
	all []*sqlx.Stmt

	byHash, byOrd, open, failed, openOf           *sqlx.Stmt
	promptByID, promptByOrd, promptOf, promptIn   *sqlx.Stmt
	openedBy, openedAbout, peer, pairOf, numberOf *sqlx.Stmt

	textByID, textByOrd, textIn, textTo        *sqlx.Stmt
	partByHash, partOf, lineTo, replyByHash    *sqlx.Stmt
	usedFor, usedBy, usedInAll, stopped, known *sqlx.Stmt
	putText, putPart, putStop, putReply        *sqlx.Stmt

	codeByOrd, newestCode, endedCodes   *sqlx.Stmt
	codesBy, codesTo, codesIn, accounts *sqlx.Stmt
	facts, putCode, putNumber           *sqlx.Stmt

	lastPos, countUp                            *sqlx.Stmt
	insertMessage, updateMessage                []*shape
	deliver                                     *sqlx.Stmt
	putPrompt, putPeer, putOutgoing, putRelease *sqlx.Stmt
	handedOver                                  *sqlx.Stmt // on a reader, as it runs every second
	nextRows, overdue, oldPeers, oldPairs       *sqlx.Stmt // on a reader: what pruning asks every minute
	dropTaken, dropOutgoing, retryOutgoing      *sqlx.Stmt
	putPair, putFact                            *sqlx.Stmt
}

// newestOfKey limits the rows loaded per key: clients that reuse ids must not slow a batch down.
const newestOfKey = 4

const isLive = "state < 3" // PromptState.Live

// isTalkedAbout: answered in a chat that is yet to say that the messages were read; see track.PromptSent to
// track.PromptFailed.
const isTalkedAbout = "state BETWEEN 3 AND 5 AND chat <> '' AND withdrew = ''"

const (
	isOpen    = "unsettled = 1"
	isFailed  = "unsettled = 2"
	withAlarm = isOpen + " AND due <> 0"
)

func (s *Store) prepare(ctx context.Context) error {
	var failed error
	prepareOn := func(db *sqlx.DB, sql string) *sqlx.Stmt {
		stmt, err := db.PreparexContext(ctx, db.Rebind(sql))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("prepare %q: %w", sql, err))
			return nil
		}
		s.all = append(s.all, stmt)
		return stmt
	}
	prepare := func(sql string) *sqlx.Stmt { return prepareOn(s.writer, sql) }
	messages := "SELECT " + s.messages.list() + " FROM messages WHERE "
	s.byHash = prepare(s.newest(&s.messages.table, "hash", newestOfKey))
	s.byOrd = prepare(messages + s.among("ord"))
	s.open = prepare(messages + s.among("conv") + " AND " + isOpen)
	s.openOf = prepare(messages + "conv BETWEEN ? AND ? AND " + isOpen)
	s.failed = prepare(messages + s.among("conv") + " AND " + isFailed)

	asked := "SELECT " + s.prompts.list() + " FROM prompts WHERE "
	s.promptByID = prepare(asked + s.among("id"))
	s.promptByOrd = prepare(asked + s.among("ord"))
	s.promptOf = prepare(asked + s.among("sender_hash") + " AND " + isLive)
	s.promptIn = prepare(asked + s.among("id") + " AND (" + isLive + " OR " + isTalkedAbout + ")")
	opened := "SELECT " + openings.list() + " FROM prompts WHERE covered > 0 AND opened_at > ? AND "
	s.openedBy = prepare(opened + s.among("sender_hash"))
	s.openedAbout = prepare(opened + s.among("recipient_hash"))
	s.pairOf = prepare("SELECT " + s.pairs.list() + " FROM pairs WHERE " + s.among("conv"))
	s.numberOf = prepare("SELECT " + numbers.list() + " FROM numbers WHERE " + s.among("jid"))
	s.peer = prepare("SELECT " + peers.list() + " FROM peers WHERE " + s.among("jid"))

	sms := "SELECT " + s.texts.list() + " FROM texts WHERE "
	s.textByID = prepare(sms + s.among("id"))
	s.textByOrd = prepare(sms + s.among("ord"))
	s.textIn = prepare(sms + s.among("conv") + " AND " + isLive)
	s.textTo = prepare(sms + "queued_at > ? AND " + s.among("number"))
	parts := "SELECT " + s.parts.list() + " FROM text_parts WHERE "
	s.partByHash = prepare(parts + s.among("hash"))
	s.partOf = prepare(parts + s.among("ord"))
	counted := " FROM texts WHERE queued_at > ? AND state <> 3" // except dropped ones
	s.usedFor = prepare("SELECT " + used.list() + counted + " AND " + s.among("number"))
	s.usedBy = prepare("SELECT " + used.list() + counted + " AND " + s.among("sender_hash"))
	s.usedInAll = prepare("SELECT coalesce(sum(segments), 0) FROM texts WHERE queued_at > ?")
	s.stopped = prepare("SELECT " + stops.list() + " FROM stops WHERE " + s.among("hash") + " AND stopped_by <> ''")
	s.lineTo = prepare("SELECT " + lines.list() + " FROM texts WHERE queued_at > ? AND sent_at > 0 AND kind = 0 AND " + s.among("number"))
	s.replyByHash = prepare("SELECT " + s.replies.list() + " FROM replies_seen WHERE " + s.among("hash"))
	s.known = prepare("SELECT DISTINCT number FROM texts WHERE sent_at > 0 AND " + s.among("number"))

	s.codeByOrd = prepare("SELECT " + codes.list() + " FROM codes WHERE " + s.among("ord"))
	s.newestCode = prepare(s.newest(&codes.table, "user_hash", 1))
	s.endedCodes = prepare("SELECT " + tried.list() + " FROM codes WHERE country = ? AND made_at > ? AND (used = 1 OR expires <= ?) ORDER BY made_at DESC LIMIT ?")
	const sends = "SELECT coalesce(sum(sends), 0) FROM codes WHERE made_at > ? AND "
	s.codesBy = prepare(sends + "user_hash = ?")
	s.codesTo = prepare(sends + "number_hash = ?")
	s.codesIn = prepare(sends + "country = ?")
	s.accounts = prepare("SELECT jid FROM numbers WHERE e164 = ? AND (verified = 1 OR source <> 'user') LIMIT ?")
	s.facts = prepare("SELECT " + meta.list() + " FROM meta WHERE " + s.among("key"))

	s.lastPos = prepare("SELECT coalesce(max(pos), 0) FROM outbox")
	s.countUp = prepare("UPDATE holder SET commits = commits + 1, last_ord = " + s.greater("last_ord", "?") + ", last_rev = " + s.greater("last_rev", "?") +
		" WHERE one = 1 RETURNING token, commits")
	s.insertMessage, s.updateMessage = insertShapes(&s.messages.table), updateShapes(&updates.table)
	for _, shape := range s.insertMessage {
		shape.stmt = prepare(s.insert(&shape.table, ""))
	}
	for _, shape := range s.updateMessage {
		shape.stmt = prepare(s.update(&shape.table, func(column, value string) string {
			if column == "told" {
				return s.greater("messages.told", value)
			}
			return value
		}))
	}
	s.deliver = prepare("UPDATE messages SET told = ? WHERE told < ? AND " + s.among("ord"))
	s.putPrompt = prepare(s.insert(&s.prompts.table, replace("id", &s.prompts.table)))
	s.putPeer = prepare(s.insert(&peers.table, replace("jid", &peers.table)))
	s.putPair = prepare(s.insert(&s.pairs.table, replace("conv", &s.pairs.table)))
	s.putOutgoing = prepare(s.insert(&outbox.table, "ON CONFLICT (id) DO NOTHING"))
	s.retryOutgoing = prepare(s.update(&attempts.table, func(_, value string) string { return value }))
	s.putRelease = prepare(s.insert(&s.releases.table, "ON CONFLICT DO NOTHING"))
	s.putText = prepare(s.insert(&s.texts.table, replace("id", &s.texts.table)))
	s.putPart = prepare(s.insert(&s.parts.table, replace("hash", &s.parts.table)))
	s.putReply = prepare(s.insert(&s.replies.table, "ON CONFLICT DO NOTHING"))
	s.putStop = prepare(s.insert(&stops.table, "ON CONFLICT (hash) DO UPDATE SET at = excluded.at, stopped_by = excluded.stopped_by, route = excluded.route"))
	s.putCode = prepare(s.insert(&codes.table, "ON CONFLICT (ord) DO UPDATE SET sent_at = excluded.sent_at, expires = excluded.expires, sends = excluded.sends, "+
		"tries = excluded.tries, used = excluded.used"))
	s.putNumber = prepare(s.insert(&numbers.table, replace("jid", &numbers.table)))
	s.putFact = prepare(s.insert(&meta.table, replace("key", &meta.table)))
	s.handedOver = prepareOn(s.readers, "SELECT "+handover.list()+" FROM handover ORDER BY pos LIMIT ?")
	s.nextRows, s.overdue = prepareOn(s.readers, findMessages), prepareOn(s.readers, s.findOverdue())
	s.oldPeers, s.oldPairs = prepareOn(s.readers, learnedPeers.scanQuery()), prepareOn(s.readers, learnedPairs.scanQuery())
	s.dropTaken = prepare("DELETE FROM handover WHERE " + s.among("pos"))
	s.dropOutgoing = prepare("DELETE FROM outbox WHERE " + s.among("id"))
	return failed
}

func (s *statements) close() (err error) {
	for _, stmt := range s.all {
		err = errors.Join(err, stmt.Close())
	}
	return err
}

// replace is the tail of an insert that replaces the row of the same key.
func replace(key string, t *table) string {
	tail := "ON CONFLICT (" + key + ") DO UPDATE SET "
	for i, column := range t.columns() {
		if i > 0 {
			tail += ", "
		}
		tail += column + " = excluded." + column
	}
	return tail
}
