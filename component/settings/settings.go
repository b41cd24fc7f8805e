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

// Settings are those of one configuration. They are not changed once they are in use.
type Settings struct {
	Name     string   // in service discovery
	Language string   // en or zh, of users who have not chosen
	Admins   []string // bare JIDs
	Tap      tap.Config
	Policy   track.Policy

	Grace     time.Duration // from connecting to the first alarm
	FireRate  int           // alarms a second
	Retention time.Duration

	TextLimit int  // of an SMS, in graphemes
	Notice    bool // an SMS is a notice: the message's text is not in it
	Templates map[string]*template.Template

	Region      string // of national numbers
	Directory   bool   // bound numbers are used
	VCards      bool   // numbers in vCards are used, where the policy discloses to anybody who asks for them
	SelfService bool   // users may bind their number
	Verify      bool   // a number that its user has bound counts only once it is confirmed

	SMS *SMS // nil: the component sends none itself

	Public string // the base of links to pages, as "https://xmpp.example.org/tocsin"; "": there are none
}

// SMS is how the component sends SMS itself.
type SMS struct {
	Routes   routes.Table
	Gateways map[string]gateway.Gateway // by the name of the route
	Inboxes  map[string]gateway.Inbox   // of those reached by XMPP, by domain
	Segments int                        // longer texts are cut
	Validity time.Duration              // what is not delivered by then is not to be delivered
	Stop     []string                   // words like STOP, in addition to the built-in ones: see sms.ReadKeyword
}

// Live are the settings in force, with the pause that admins order by command. Its methods may be called by several
// goroutines.
type Live struct {
	mu      sync.Mutex // over changes
	current atomic.Pointer[state]
	changed queue.Signal
}

type state struct {
	Settings
	policy track.Policy // with the pause
}

// NewLive returns settings in force.
func NewLive(s Settings, paused bool) *Live {
	l := &Live{changed: queue.NewSignal()}
	l.current.Store(&state{Settings: s})
	l.set(func(next *state) { next.policy.Paused = paused })
	return l
}

// Get returns the settings in force. They must not be changed.
func (l *Live) Get() *Settings { return &l.current.Load().Settings }

// Policy returns the policy in force, with the pause. It must not be changed.
func (l *Live) Policy() *track.Policy { return &l.current.Load().policy }

// Paused reports whether an admin has paused all escalation.
func (l *Live) Paused() bool { return l.Policy().Paused }

// Set puts new settings into force.
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

// Changed is received from to learn of changes; it has one receiver. Any number of changes may be one receive.
func (l *Live) Changed() <-chan struct{} { return l.changed }

// IsUser reports whether a bare JID is that of a user of the configured domains.
func (s *Settings) IsUser(bare string) bool {
	domain := track.Domain(bare)
	return domain != bare && slices.Contains(s.Tap.Domains, domain)
}
