package presence

import (
	"slices"
	"strings"

	"tocsin/track"
)

// View is which of a user's resources can currently be reached.
type View struct {
	Ready    bool // false: a query is pending, and Events.Changed will follow
	Online   bool
	Reported bool     // the user's server reports presence: silence means absence
	SMS      []string // full JIDs that support T#sms
	Capable  []string // full JIDs that support T
}

// View returns which of a user's resources can be reached. Those not seen recently are checked first.
func (r *Registry) View(owner string) View {
	now := r.clock.Now()
	r.mu.Lock()
	v := View{Ready: true, Reported: r.reporting[track.Domain(owner)]}
	var asks []device
	for _, d := range r.users[owner] {
		if d.source == FromActivity && now.Sub(d.seen) > activityLife && !d.answers {
			r.remove(owner, d.full)
			continue
		}
		if !d.confirmed || d.answers && min(now.Sub(d.seen), now.Sub(d.silent)) > sureFor {
			if r.begin(d, true, now) {
				check := *d
				check.check = true
				asks = append(asks, check)
			}
		}
		if d.asking {
			v.Ready = false
			continue
		}
		v.Online = true
		if d.features&track.CanStatus != 0 {
			v.Capable = append(v.Capable, d.full)
		}
		if d.features&track.CanSMS != 0 {
			v.SMS = append(v.SMS, d.full)
		}
	}
	r.mu.Unlock()
	for _, d := range asks {
		r.enqueue(d)
	}
	return v
}

// ReportsPresence reports whether any server has reported presence.
func (r *Registry) ReportsPresence() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.reporting) > 0
}

// Online reports whether a resource is believed to be online, without a query.
func (r *Registry) Online(full string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[track.Bare(full)][full] != nil
}

// Devices returns a user's resources that are known to be online.
func (r *Registry) Devices(owner string) []track.Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []track.Device
	for _, d := range r.users[owner] {
		list = append(list, track.Device{JID: d.full, Features: d.features, At: track.At(d.seen)})
	}
	slices.SortFunc(list, func(x, y track.Device) int { return strings.Compare(x.JID, y.JID) })
	return list
}

// Clients returns what presence and features reveal about a user's clients.
func (r *Registry) Clients(bare string) track.Clients {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := track.Clients{Sessions: track.Sessions{Known: r.reporting[track.Domain(bare)]}}
	silent := 0
	for _, d := range r.users[bare] {
		c.Sessions.All++
		if d.acks {
			c.Sessions.Managed++
		}
		if d.features&track.CanMarkers != 0 {
			c.Markers = track.Yes
		} else if d.itself {
			silent++
		}
	}
	if silent > 0 && silent == int(c.Sessions.All) {
		c.Markers = track.No
	}
	return c
}

// Present reports whether a resource of a user is online, or none of the user's is known.
func (r *Registry) Present(bare, resource string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	devices := r.users[bare]
	return len(devices) == 0 || devices[bare+"/"+resource] != nil
}

// Acknowledged records that a resource has acknowledged a stanza (XEP-0198).
func (r *Registry) Acknowledged(full string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.users[track.Bare(full)][full]; d != nil {
		d.acks = true
	}
}

// Answering returns the full JIDs of a user's resources that are known to answer queries.
func (r *Registry) Answering(owner string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, d := range r.users[owner] {
		if d.answers && !d.silent.After(d.seen) {
			list = append(list, d.full)
		}
	}
	slices.Sort(list)
	return list
}
