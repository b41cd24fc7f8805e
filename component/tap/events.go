package tap

import "tocsin/track"

// Batch identifies the batch of events in a frame (docs/PROTOCOL.md §10). The zero Batch stands for a copy, which has
// no number.
type Batch struct {
	Run  string
	N    uint64     // from 1
	Lost uint64     // events that the run has dropped so far
	Host string     // the domain that sent it
	Sent track.Time // by the server's clock; 0: not given
}

// Hello is the introduction of a run of one of our modules.
type Hello struct {
	Module, Server string
	Hosts          []string
	Node           string // of a cluster
	Reports        Reports
}

// Reports is what a source can report besides sent messages.
type Reports uint16

const (
	ReportsHanded Reports = 1 << iota
	ReportsAcks
	ReportsUnacked
	ReportsOffline
	ReportsBounces
	ReportsDropped
	ReportsSessions
	ReportsRosters
	ReportsRemovals
)

// SessionKind is what happened to a session.
type SessionKind uint8

const (
	SessionOpened SessionKind = iota
	SessionManaged
	SessionHibernating
	SessionResumed
	SessionClosed
	SessionPresence
	SessionHere // it existed when the component connected
)

// SessionEnd is why a session was closed.
type SessionEnd uint8

const (
	EndUnknown  SessionEnd = iota
	EndLeft                // by its client
	EndLost                // the connection was lost, without stream management
	EndTimeout             // it was not resumed in time
	EndReplaced            // by one with the same resource
	EndKicked              // by the server or an admin
	EndMoved               // it continues under another key
)

// Session is one event of a local user's session. Events with the same Key concern the same session, whatever its
// address.
type Session struct {
	Kind   SessionKind
	JID    string // full
	Key    string
	At     track.Time
	Before string // SessionResumed: the key it had before, "" if it is the same

	Managed     bool // SessionManaged, SessionHere: it uses XEP-0198
	Resumable   bool // and can be resumed
	Hibernating bool // SessionHibernating, SessionHere: its client is away
	Available   bool // SessionPresence, SessionHere: its client is available (RFC 6121 §4)
	Caps        Caps
	End         SessionEnd // SessionClosed
}

// Display says that Owner has displayed, on one of their devices, the messages from With up to the one with the stanza-id ID
// assigned by By (XEP-0490).
type Display struct{ Owner, With, ID, By string }
