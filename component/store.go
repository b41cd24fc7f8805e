package component

import (
	"context"

	"tocsin/component/presence"
	"tocsin/component/writer"
	"tocsin/track"
)

// Store is what the component needs of a database. Every part is small enough to see at a glance.
type Store interface {
	LedgerStore
	NoticeStore
	NumberStore
	SettingStore
	presence.Store
	Keeper
}

// LedgerStore loads and keeps what the ledger works on.
type LedgerStore interface {
	Seed(context.Context) (track.Seed, error)
	writer.Store
	Alarms(context.Context, func(track.Alarm)) error
}

// NoticeStore reads what is to be told.
type NoticeStore interface {
	Pending(context.Context) ([]track.Outgoing, error) // the outbox, in order
	Messages(ctx context.Context, sender string, f track.Filter) ([]track.Message, error)
	Prompts(ctx context.Context, sender string) ([]track.Prompt, error) // the live ones
	Releases(ctx context.Context, owner string, limit int) ([]track.Release, error)
}

// NumberStore is the directory of bound numbers.
type NumberStore interface {
	Number(ctx context.Context, jid string) (track.Number, bool, error)
	SetNumbers(context.Context, ...track.Number) error
	RemoveNumber(ctx context.Context, jid string) (bool, error)
	Forget(ctx context.Context, jid string) error // all that a user has told us
}

// SettingStore keeps what users have chosen.
type SettingStore interface {
	Prefs(context.Context, func(track.Prefs)) error
	SavePrefs(context.Context, track.Prefs) error
	Contacts(context.Context, func(track.Contact)) error
	SaveContact(context.Context, track.Contact) error
}

// Keeper is housekeeping.
type Keeper interface {
	Ping(context.Context) error
	Stale(ctx context.Context, after int64, before track.Time, limit int) ([]int64, error) // messages without a future
	Prune(ctx context.Context, before track.Time, limit int) (int, error)
	Summary(context.Context, track.Time) (track.Summary, error)
	Get(ctx context.Context, key string) (string, error)
	Put(ctx context.Context, key, value string) error
}
