package component

import (
	"context"

	"tocsin/component/command"
	"tocsin/component/outbox"
	"tocsin/component/people"
	"tocsin/component/presence"
	"tocsin/component/privacy"
	"tocsin/component/request"
	"tocsin/component/web"
	"tocsin/component/writer"
	"tocsin/track"
)

// Store is the database: the sum of what the parts of the component need, each of which declares its share.
type Store interface {
	StartupStore
	HandoverStore
	MaintenanceStore
	RemovalStore
	UsageStore
	Values
	writer.Store
	outbox.Store
	request.Store
	people.Store
	presence.Store
	privacy.Store
	command.Directory
	web.Store
	PhoneStore
	Forget(ctx context.Context, jid string) error // everything a user has provided
}

// StartupStore is the state from which an instance starts.
type StartupStore interface {
	Seed(context.Context) (track.Seed, error)
	Alarms(context.Context, func(track.Alarm)) error
}

// MaintenanceStore is for maintenance and health checks.
type MaintenanceStore interface {
	Ping(context.Context) error
	Prune(ctx context.Context, now, before track.Time, limit int) (track.Pruned, error)
	Summary(context.Context, track.Time) (track.Summary, error)
}

// RemovalStore has the removed accounts whose messages are still watched.
type RemovalStore interface {
	Removed(context.Context) ([]track.Removal, error)
	OpenTo(ctx context.Context, gone []track.Removal) ([]int64, error)
	DropRemovals(ctx context.Context, gone []track.Removal) error
}

// UsageStore measures the use of SMS.
type UsageStore interface {
	SMSUse(ctx context.Context, since track.Time) (track.SMSUse, error)
}

// PhoneStore has the state of SMS to users' numbers.
type PhoneStore interface {
	PendingCode(ctx context.Context, user string, now track.Time) (track.Code, bool, error)
	StoppedBy(ctx context.Context, number string) (track.StopBy, error)
}

// Values holds persistent values that belong to no user.
type Values interface {
	Get(ctx context.Context, key string) (string, error) // "" if there is none
	Put(ctx context.Context, key, value string) error
}
