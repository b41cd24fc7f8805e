package source

import (
	"strings"
	"sync"

	"tocsin/component/tap"
	"tocsin/track"
)

const (
	// maxSessions limits the sessions remembered, and the users whose last session's kind is.
	maxSessions = 200_000
	// maxSessionsOf is the same per user: servers allow far fewer, or any number.
	maxSessionsOf = 100
	// confirmWithin is how long a session known before the component connected is still believed without being reported
	// again.
	confirmWithin = 10_000 // milliseconds
)

// Session is a local user's session, as reported by the server.
type Session struct {
	JID         string // full
	Managed     bool   // it uses XEP-0198, so it acknowledges
	Hibernating bool   // its client is disconnected, and may resume it
	Available   bool
}

// SessionTable is who is online according to the server's session events. It is safe for concurrent use.
type SessionTable struct {
	mu       sync.Mutex
	sessions map[string]*entry            // by run and key
	users    map[string]map[string]*entry // the same, by bare address
	last     map[string]bool              // of offline users: whether their last session was managed
	doubtful map[string]track.Time        // keys of sessions known before a hello, and until when they are believed
}

type entry struct {
	Session
	run, key string
}

func newSessionTable() *SessionTable {
	return &SessionTable{sessions: map[string]*entry{}, users: map[string]map[string]*entry{}, last: map[string]bool{}, doubtful: map[string]track.Time{}}
}

// Of returns the sessions of a user, in no order. If there are none, lastManaged reports whether the last one used XEP-0198.
func (r *SessionTable) Of(bare string) (sessions []Session, lastManaged bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.users[bare] {
		sessions = append(sessions, e.Session)
	}
	return sessions, r.last[bare]
}

// change is how an event changes who can be reached.
type change struct {
	came, left string // full addresses, or ""
	caps       tap.Caps
	ended      bool // a session is over, and does not continue under another key
	managed    bool // it acknowledged
}

// record records an event of a run, and returns what it changes.
func (r *SessionTable) record(run string, s *tap.Session) change {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := run + " " + s.Key
	delete(r.doubtful, key)
	e := r.sessions[key]
	switch s.Kind {
	case tap.SessionClosed:
		return r.close(key, s.End)
	case tap.SessionResumed:
		if s.Before != "" {
			before := run + " " + s.Before
			if old := r.sessions[before]; old != nil && e == nil {
				r.remove(before)
				old.key = key
				r.add(old)
				e = old
			}
		}
	}
	if e == nil {
		if len(r.sessions) >= maxSessions || len(r.users[track.Bare(s.JID)]) >= maxSessionsOf {
			return change{}
		}
		e = &entry{Session: Session{JID: s.JID}, run: run, key: key}
		r.add(e)
	}
	switch s.Kind {
	case tap.SessionOpened:
	case tap.SessionManaged:
		e.Managed = true
	case tap.SessionHibernating:
		e.Hibernating, e.Managed = true, true
	case tap.SessionResumed:
		e.Hibernating, e.Managed = false, true
	case tap.SessionHere:
		e.Managed, e.Hibernating, e.Available = s.Managed, s.Hibernating, s.Available
		if s.Available {
			return change{came: e.JID, caps: s.Caps}
		}
	case tap.SessionPresence:
		was := e.Available
		if e.Available = s.Available; e.Available {
			return change{came: e.JID, caps: s.Caps}
		}
		if was && !r.reachable(e.JID) {
			return change{left: e.JID}
		}
	}
	return change{}
}

func (r *SessionTable) close(key string, end tap.SessionEnd) change {
	e := r.sessions[key]
	if e == nil {
		return change{}
	}
	r.remove(key)
	bare := track.Bare(e.JID)
	if r.users[bare] == nil {
		if len(r.last) >= maxSessions {
			clear(r.last)
		}
		r.last[bare] = e.Managed
	}
	c := change{ended: end != tap.EndMoved, managed: e.Managed}
	if c.ended && e.Available && !r.reachable(e.JID) {
		c.left = e.JID
	}
	return c
}

// reachable reports whether there is an available session with this address: a replaced one may end after its successor
// has come.
func (r *SessionTable) reachable(full string) bool {
	for _, e := range r.users[track.Bare(full)] {
		if e.JID == full && e.Available {
			return true
		}
	}
	return false
}

func (r *SessionTable) add(e *entry) {
	bare := track.Bare(e.JID)
	r.sessions[e.key] = e
	if r.users[bare] == nil {
		r.users[bare] = map[string]*entry{}
	}
	r.users[bare][e.key] = e
	delete(r.last, bare)
}

func (r *SessionTable) remove(key string) {
	e := r.sessions[key]
	if e == nil {
		return
	}
	delete(r.sessions, key)
	bare := track.Bare(e.JID)
	if delete(r.users[bare], key); len(r.users[bare]) == 0 {
		delete(r.users, bare)
	}
}

// hello marks all sessions reported by a run and its predecessor as doubtful: existing ones will be reported again.
func (r *SessionTable) hello(run, replaced string, now track.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, e := range r.sessions {
		if e.run == run || e.run == replaced {
			r.doubtful[key] = now + confirmWithin
		}
	}
}

// of returns the sessions of a run, as closed at the given time.
func (r *SessionTable) of(run string, now track.Time) (closed []tap.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, e := range r.sessions {
		if e.run == run {
			closed = append(closed, tap.Session{Kind: tap.SessionClosed, JID: e.JID, Key: strings.TrimPrefix(key, run+" "), At: now})
		}
	}
	return closed
}

// sweep removes the sessions that were not reported again, and returns the addresses that are no longer reachable.
func (r *SessionTable) sweep(now track.Time) (left []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, until := range r.doubtful {
		if now < until {
			continue
		}
		delete(r.doubtful, key)
		if c := r.close(key, tap.EndUnknown); c.left != "" {
			left = append(left, c.left)
		}
	}
	return left
}
