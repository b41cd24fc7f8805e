package selftest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/component/clock"
	"tocsin/component/settings"
	"tocsin/track"
)

// SMSRequest is a test SMS requested by an admin.
type SMSRequest struct {
	Number string `json:"number"` // E.164
	Route  string `json:"route,omitempty"`
	Text   string `json:"text,omitempty"`
	Force  bool   `json:"force,omitempty"` // ignore the number's daily limit
}

// SMS has the dependencies of a test of SMS. All are required.
type SMS struct {
	Inputs   Inputs
	Settings *settings.Live
	Clock    clock.Clock
}

// Run sends one SMS, and reports each step. It returns when the outcome is known, or ctx ends. Errors come from the database.
func (t *SMS) Run(ctx context.Context, o SMSRequest, report func(Step)) error {
	step := func(name, format string, args ...any) {
		report(Step{At: t.Clock.Now(), Name: name, Text: fmt.Sprintf(format, args...)})
	}
	fail := func(name, format string, args ...any) {
		report(Step{At: t.Clock.Now(), Name: name, Text: fmt.Sprintf(format, args...), Failed: true})
	}
	names, err := t.routes(o)
	if err != nil {
		fail("routes", "%v", err)
		return nil
	}
	step("routes", "%s", names)
	in := &track.TextTry{Number: o.Number, Route: o.Route, Body: o.Text, Force: o.Force}
	if err := t.Inputs.Do(ctx, in); err != nil {
		return err
	}
	if in.Why != "" {
		fail("policy", "%s", refusals[in.Why])
		return nil
	}
	step("queued", "%s", in.ID)
	return t.follow(ctx, in.ID, step, fail)
}

// refusals are the reasons why no SMS is sent.
var refusals = map[track.NoText]string{
	track.NoSMS: "the configuration has no [sms] table", track.OptedOut: `the owner of this number has opted out of SMS (see "tocsin sms stops list")`, track.NoRoute: "no route covers this number",
	track.Busy: "another SMS to this number is on its way", track.NumberCap: "the number's daily limit is reached (per_number_per_day; use -force to send anyway)",
	track.OverBudget: "the daily budget is used up (segments_per_day)",
}

// routes names the routes to be tried.
func (t *SMS) routes(o SMSRequest) (string, error) {
	all := t.Settings.Get().SMS
	if all == nil {
		return "", fmt.Errorf("%s", refusals[track.NoSMS])
	}
	var names []string
	for _, r := range all.Routes.For(o.Number, false) {
		if o.Route != "" && r.Name != o.Route {
			continue
		}
		name := r.Name
		if g := all.Gateways[r.Name]; g != nil {
			if up, why := g.Up(); !up {
				name += " (down: " + why + ")"
			}
		}
		names = append(names, name)
	}
	switch {
	case len(names) > 0:
		return strings.Join(names, ", "), nil
	case o.Route != "" && all.Routes.Named(o.Route) == nil:
		return "", fmt.Errorf("unknown route %q", o.Route)
	case o.Route != "":
		return "", fmt.Errorf("route %s does not cover this number", o.Route)
	}
	return "", fmt.Errorf("%s", refusals[track.NoRoute])
}

// follow reports the progress of the SMS.
func (t *SMS) follow(ctx context.Context, id string, step, fail func(name, format string, args ...any)) error {
	seen, ended := track.TextQueued, []track.TextState{track.TextDelivered, track.TextFailed, track.TextExpired}
	for {
		look := &track.TextSnapshot{Text: id}
		if err := t.Inputs.Do(context.WithoutCancel(ctx), look); err != nil {
			return err
		}
		state := look.Was.State
		if state != seen {
			if seen == track.TextQueued && look.Was.Segments > 0 {
				step("submitted", "by %s, %d segments", look.Was.Route, look.Was.Segments)
			}
			switch state {
			case track.TextTaken:
				step("accepted", "by the provider")
			case track.TextDelivered:
				step("report", "delivered")
			case track.TextFailed, track.TextExpired:
				fail("report", "not delivered")
			case track.TextUnsure, track.TextLost:
				fail("accepted", "unknown: it may have been sent, so it is not sent again")
			case track.TextRefused, track.TextDropped:
				fail("accepted", "not sent: no route accepted it, or the provider rejected it (see the log)")
			}
			seen = state
		}
		if slices.Contains(ended, state) || state == track.TextRefused || state == track.TextDropped || state == track.TextLost || state == track.TextUnsure {
			return nil
		}
		due, stop := t.Clock.After(poll)
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			if state == track.TextTaken {
				step("report", "none yet: not every provider reports")
				return nil
			}
			fail("accepted", "no answer yet")
			return nil
		}
	}
}
