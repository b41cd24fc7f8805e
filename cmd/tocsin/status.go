package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tocsin/component/metrics"
	"tocsin/component/texts"
	"tocsin/track"
)

type statusCommand struct {
	configFlag
	JSON bool `name:"json" help:"Print JSON."`
}

// status is the state of the database and of the running instance.
type status struct {
	Component   string `json:"component"`
	Pending     int64  `json:"pending"`
	Overdue     int64  `json:"overdue"`
	OpenPrompts int64  `json:"open_prompts"`
	Outbox      int64  `json:"outbox"`
	// Lag is how late the oldest overdue alarm is.
	Lag seconds `json:"lag_seconds"`

	SMS *smsStatus `json:"sms,omitempty"` // nil without [sms]

	// Unreadable are settings of users that are no longer valid, by name; the stricter choice applies.
	Unreadable map[string][]string `json:"unreadable_settings,omitempty"`

	Instance *instanceStatus `json:"instance"` // nil if none was found
	notFound string          // the reason
}

// smsStatus is the use of the SMS budget in the last 24 hours, and the state of the routes.
type smsStatus struct {
	Segments int64              `json:"segments"`
	Budget   int64              `json:"budget"`
	Unsure   int64              `json:"unsure"`           // SMS that may or may not have been sent
	Routes   []texts.RouteState `json:"routes,omitempty"` // as the running instance sees them
}

type instanceStatus struct {
	URL      string     `json:"url"`
	Ready    bool       `json:"ready"`
	Wrong    []string   `json:"wrong,omitempty"`
	Standby  bool       `json:"standby,omitempty"`
	Version  string     `json:"version,omitempty"`
	Since    *time.Time `json:"stream_since"`
	LastCopy *time.Time `json:"last_copy"`
	Queue    seconds    `json:"queue_seconds"` // how long the oldest fact has been waiting to be written

	Losses []metrics.Loss `json:"losses,omitempty"`
}

// seconds is a duration that is encoded as a number of seconds.
type seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// Run queries the database and the running instance.
func (c *statusCommand) Run(ctx context.Context, e *environment) error {
	conf, store, err := c.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	now := e.now()
	sum, err := store.Summary(ctx, track.At(now))
	if err != nil {
		return fmt.Errorf("query the database: %w", err)
	}
	found, why := findInstance(ctx, conf)
	s := newStatus(conf.Component.JID, sum, found, now)
	s.notFound = why
	if conf.SMS != nil {
		use, err := store.SMSUse(ctx, track.At(now.Add(-24*time.Hour)))
		if err != nil {
			return fmt.Errorf("query the database: %w", err)
		}
		s.SMS = &smsStatus{Segments: use.Segments, Budget: int64(conf.SMS.SegmentsPerDay), Unsure: use.Unsure}
		if found != nil {
			s.SMS.Routes = found.State.SMS
		}
	}
	if err := store.Prefs(ctx, func(p track.Prefs) { s.add(&p) }); err != nil {
		return fmt.Errorf("query the database: %w", err)
	}
	if c.JSON {
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(s)
	}
	return s.write(e.stdout, now)
}

func newStatus(component string, sum track.Summary, found *instance, now time.Time) *status {
	s := &status{Component: component, Pending: sum.Pending, Overdue: sum.Overdue, OpenPrompts: sum.OpenPrompts, Outbox: sum.Outbox}
	if late := now.Sub(sum.OldestDue.Std()); sum.OldestDue > 0 && late > 0 {
		s.Lag = seconds(late)
	}
	if found != nil {
		s.Instance = &instanceStatus{
			URL: found.URL, Ready: found.OK, Wrong: found.Wrong, Standby: found.Standby, Version: found.Version, Queue: seconds(found.Lag),
			Since: known(found.Since), LastCopy: known(found.LastCopy), Losses: found.Losses,
		}
	}
	return s
}

// add records an invalid setting of a user.
func (s *status) add(p *track.Prefs) {
	if names := p.Unreadable(); len(names) > 0 {
		if s.Unreadable == nil {
			s.Unreadable = map[string][]string{}
		}
		s.Unreadable[p.JID] = names
	}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *status) write(w io.Writer, now time.Time) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(out, name+"\t"+format+"\n", args...) }
	line("component", "%s", s.Component)
	line("pending", "%s", counted(s.Pending, "message"))
	line("overdue", "%s", counted(s.Overdue, "alarm"))
	line("open prompts", "%d", s.OpenPrompts)
	line("outbox", "%d", s.Outbox)
	for _, jid := range slices.Sorted(maps.Keys(s.Unreadable)) {
		line("unreadable", "settings of %s, the stricter choice applies: %s", jid, strings.Join(s.Unreadable[jid], ", "))
	}
	if s.SMS != nil {
		line("SMS", "%d of %s in 24 h, %d unsure", s.SMS.Segments, counted(s.SMS.Budget, "segment"), s.SMS.Unsure)
		for _, r := range s.SMS.Routes {
			if r.Up {
				line("route", "%s is up", r.Name)
			} else {
				line("route", "%s is DOWN: %s", r.Name, r.Why)
			}
		}
	}
	i := s.Instance
	if i == nil {
		line("instance", "%s", s.notFound)
		line("last copy", "unknown")
		line("lag", "%s", roughly(time.Duration(s.Lag)))
		return out.Flush()
	}
	switch {
	case i.Standby:
		line("instance", "standby: another instance has the stream")
	case i.Ready:
		line("instance", "ready, version %s", i.Version)
	default:
		line("instance", "NOT ready: %s", strings.Join(i.Wrong, "; "))
	}
	if i.Since != nil {
		line("stream", "up for %s", roughly(now.Sub(*i.Since)))
	}
	if i.LastCopy != nil {
		line("last copy", "%s", ago(now, *i.LastCopy))
	} else {
		line("last copy", "none since the instance started")
	}
	line("lag", "%s, queue %s", roughly(time.Duration(s.Lag)), roughly(time.Duration(i.Queue)))
	for _, loss := range i.Losses {
		line("LOST", "%s, %s: %s", counted(int64(loss.Facts), "fact"), ago(now, loss.At), loss.Reason)
	}
	return out.Flush()
}

func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
