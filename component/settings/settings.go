// Package settings is the part of the configuration that may change at run time. Everybody reads settings from Live when
// needed, so nobody has to be notified of changes. It knows neither the file nor how a setting is used; package config tests
// where the values come from.
package settings

import (
	"slices"
	"sync"
	"sync/atomic"
	"text/template"
	"time"

	"tocsin/component/gateway"
	"tocsin/component/queue"
	"tocsin/component/routes"
	"tocsin/component/tap"
	"tocsin/track"
)

// Settings are the settings of one configuration. They are immutable once in use.
type Settings struct {
	Name     string   // in service discovery
	Language string   // en or zh, for users who have not chosen
	Admins   []string // bare JIDs
	Tap      tap.Config
	Policy   track.Policy

	Grace     time.Duration // after connecting, until the first alarm
	FireRate  int           // alarms a second
	Retention time.Duration

	TextLimit int  // of an SMS, in graphemes
	Notice    bool // SMS do not contain the messages' text
	Templates map[string]*template.Template

	Region      string // of national numbers
	Directory   bool   // use bound numbers
	VCards      bool   // use numbers from vCards, if the policy discloses numbers without consent
	SelfService bool   // users may bind their number
	Verify      bool   // numbers bound by users must be confirmed

	SMS *SMS // nil: the component sends none itself

	Public string // base URL of pages, such as "https://xmpp.example.org/tocsin"; "": no pages
}

// SMS configures the SMS that the component sends itself.
type SMS struct {
	Routes   routes.Table
	Gateways map[string]gateway.Gateway // by route name
	Inboxes  map[string]gateway.Inbox   // gateways reached by XMPP, by domain
	Segments int                        // longer texts are cut
	Validity time.Duration              // providers give up on delivery after this
	Stop     []string                   // words like STOP, in addition to the built-in ones: see sms.ReadKeyword
}

// Live are the current settings, including the admins' pause. It is safe for concurrent use.
type Live struct {
	mu      sync.Mutex // serialises changes
	current atomic.Pointer[state]
	changed queue.Signal
}

type state struct {
	Settings
	policy track.Policy // with the pause
}

// NewLive returns live settings.
func NewLive(s Settings, paused bool) *Live {
	l := &Live{changed: queue.NewSignal()}
	l.current.Store(&state{Settings: s})
	l.set(func(next *state) { next.policy.Paused = paused })
	return l
}

// Get returns the current settings. They must not be modified.
func (l *Live) Get() *Settings { return &l.current.Load().Settings }

// Policy returns the current policy, including the pause. It must not be modified.
func (l *Live) Policy() *track.Policy { return &l.current.Load().policy }

// Paused reports whether an admin has paused all escalation.
func (l *Live) Paused() bool { return l.Policy().Paused }

// Set replaces the settings.
func (l *Live) Set(s Settings) {
	l.set(func(next *state) { next.Settings = s })
	l.changed.Set()
}

// SetPaused pauses all escalation, or resumes it.
func (l *Live) SetPaused(paused bool) {
	l.set(func(next *state) { next.policy.Paused = paused })
	l.changed.Set()
}

// set replaces the state by a changed copy.
func (l *Live) set(change func(*state)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := *l.current.Load()
	change(&next)
	paused := next.policy.Paused
	next.policy = next.Settings.Policy
	next.policy.Paused = paused
	l.current.Store(&next)
}

// Changed receives a value after changes; several changes may be merged. It is for one receiver.
func (l *Live) Changed() <-chan struct{} { return l.changed }

// IsUser reports whether a bare JID belongs to a user of the configured domains.
func (s *Settings) IsUser(bare string) bool {
	domain := track.Domain(bare)
	return domain != bare && slices.Contains(s.Tap.Domains, domain)
}
