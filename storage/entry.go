package storage

import (
	"strings"

	"tocsin/track"
)

// entry is an outbox entry with its position.
type entry struct {
	pos int64
	track.Outgoing
}

// shownAgain is the reason of an entry for a prompt to which messages were added.
const shownAgain = "more"

// reason is the column with the reason of an entry; its meaning depends on the kind.
func (e *entry) reason() string {
	switch {
	case e.Kind == track.OutWithdraw:
		return string(e.Withdrawal)
	case e.Kind == track.OutWebhook:
		return string(e.State)
	case e.Kind == track.OutChat:
		return string(e.Cap)
	case e.Kind == track.OutAlert:
		return string(e.Alert.Kind) + " " + e.Alert.Country
	case e.More:
		return shownAgain
	}
	return ""
}

func (e *entry) setReason(reason string) {
	switch e.Kind {
	case track.OutWithdraw:
		e.Withdrawal = track.Withdrawal(reason)
	case track.OutWebhook:
		e.State = track.State(reason)
	case track.OutChat:
		e.Cap = track.CapReason(reason)
	case track.OutAlert:
		kind, country, _ := strings.Cut(reason, " ")
		e.Alert = track.Alert{Kind: track.AlertKind(kind), Country: country}
	case track.OutShow:
		e.More = reason == shownAgain
	}
}

func entryColumns(w *walk, e *entry) {
	num(w, "pos", &e.pos)
	num(w, "ord", &e.Ord)
	num(w, "after", &e.After)
	num(w, "step", &e.Step)
	num(w, "tries", &e.Tries)
	str(w, "id", &e.ID)
	str(w, "kind", &e.Kind)
	str(w, "owner", &e.Owner)
	str(w, "prompt", &e.Prompt)
	reason := e.reason()
	str(w, "reason", &reason)
	if w.mode == unpacking {
		e.setReason(reason)
	}
	list(w, "recipients", &e.To)
	str(w, "text", &e.Text)
}

// attemptColumns are the columns of the table outbox that an Attempt changes.
func attemptColumns(w *walk, a *track.Attempt) {
	num(w, "after", &a.After)
	num(w, "tries", &a.Tries)
	str(w, "id", &a.ID)
}
