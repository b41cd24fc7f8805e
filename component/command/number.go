package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tocsin/address"
	"tocsin/component/numbers"
	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

const (
	// maxContacts is how many contacts a user can have settings for.
	maxContacts = 500
	// maxReleases is how many releases of a number are shown.
	maxReleases = 20
)

// everybody and nobody are entries of hide_from. They are valid addresses: Gajim submits nothing else in a jid-multi.
const (
	everybody = "everybody"
	nobody    = "nobody"
)

// number shows and changes a user's own number and who may see it, and lists who was shown it.
func (c *Commands) number(ctx context.Context, r request) (response, error) {
	n, bound, err := c.deps.Directory.Number(ctx, r.user)
	if err != nil {
		return response{}, fmt.Errorf("look up a number: %w", err)
	}
	if r.Stage == 0 {
		return c.showNumber(ctx, r, n, bound)
	}
	if r.nothing() {
		return r.unchanged(), nil
	}
	a, say := r.answers(), &r.say.Form.Number
	change := c.numberChange(a, r.o)
	hide, hides := a.hideFrom("hide_from")
	code, _ := a.text("code")
	again, _ := a.truth("resend", say.Resend)
	noSMS, stops := a.truth("no_sms", say.NoSMS)
	if err := a.err(); err != nil {
		return response{}, err
	}
	said := ""
	if code != "" && !change.remove {
		change.number, change.numberGiven = "", false // the form still has the previous one
		if said, err = c.tryCode(ctx, r, code); err != nil {
			return response{}, err
		}
		if n, bound, err = c.deps.Directory.Number(ctx, r.user); err != nil {
			return response{}, fmt.Errorf("look up a number: %w", err)
		}
	}
	next, err := r.decide(n, bound, change)
	if err != nil {
		return response{}, err
	}
	stopped := ""
	stops = stops && r.o.SMS && !change.remove
	if moves := next.set != nil && next.set.E164 != n.E164; stops && !moves { // first, because it can fail
		if stopped, err = c.ownStop(ctx, r, n, noSMS); err != nil {
			return response{}, err
		}
	} else if stops && noSMS && !r.verifies(*next.set) {
		if stopped, err = c.ownStop(ctx, r, *next.set, true); err != nil {
			return response{}, err
		}
	}
	text, err := c.carryOut(ctx, r, n, next, again)
	if err != nil {
		return response{}, err
	}
	if hides {
		if err := c.hide(ctx, r, hide); err != nil {
			return response{}, err
		}
	}
	if said+stopped != "" && text == r.say.Form.Saved {
		text = ""
	}
	return done(r.say.Join(r.say.Join(said, text), stopped)), nil
}

// carryOut binds or removes a number as decided, by way of a code if it must be confirmed, and returns the text for the user.
// again requests another code.
func (c *Commands) carryOut(ctx context.Context, r request, n track.Number, next binding, again bool) (string, error) {
	switch {
	case next.set != nil && next.set.E164 != n.E164 && r.verifies(*next.set):
		text, err := c.requestCode(ctx, r, *next.set)
		if err != nil || n.E164 == "" || r.verifies(n) || n.Consent == next.set.Consent {
			return text, err
		}
		n.Consent = next.set.Consent // applies to the number in use
		return text, c.bind(ctx, r.user, binding{set: &n})
	case again && !r.o.SelfService:
		return "", adhoc.Failure(r.say.Form.Fault.ByAdminOnly)
	case again && r.o.Verify && !next.remove:
		p, err := c.deps.Phone.Phone(ctx, r.user, n.E164, track.At(r.Now))
		if err != nil {
			return "", fmt.Errorf("look up a code: %w", err)
		}
		if p.Pending {
			n.E164 = p.Code.Number
		} else if !r.verifies(n) {
			return "", adhoc.Failure(r.say.Form.Fault.Code[track.CodeNone])
		}
		if err := c.bind(ctx, r.user, next); err != nil {
			return "", err
		}
		return c.requestCode(ctx, r, n)
	}
	return next.text, c.bind(ctx, r.user, next)
}

func (c *Commands) showNumber(ctx context.Context, r request, n track.Number, bound bool) (response, error) {
	say := &r.say.Form.Number
	state := say.NotBound
	if bound {
		state = say.Bound(n)
	}
	lines, phone, err := c.phoneLines(ctx, r, n)
	if err != nil {
		return response{}, err
	}
	for _, line := range lines {
		state = r.say.Join(state, line)
	}
	var fields []forms.Field
	if phone.Pending && r.o.Verify {
		fields = append(fields, labelled(forms.Text("code", "", ""), say.Code))
	}
	if r.o.SelfService {
		fields = append(fields,
			labelled(forms.Text("number", "", n.E164), say.Number),
			labelled(forms.Bool("consent", "", n.Consent), say.Consent))
	}
	if r.o.SelfService && (phone.Pending && r.o.Verify || r.verifies(n)) {
		fields = append(fields, labelled(forms.Bool("resend", "", false), say.Resend))
	}
	if r.o.SMS && bound && !r.verifies(n) {
		fields = append(fields, labelled(forms.Bool("no_sms", "", phone.Stopped != ""), say.NoSMS))
	}
	hidden := c.hiddenFrom(r.user)
	if i := slices.Index(hidden, ""); i >= 0 {
		hidden[i] = everybody
		slices.Sort(hidden)
	}
	fields = append(fields, labelled(forms.JIDs("hide_from", "", hidden...), say.HideFrom))
	if r.o.SelfService && bound {
		fields = append(fields, labelled(forms.Bool("remove", "", false), say.Remove))
	}
	releases, err := c.deps.Directory.Releases(ctx, r.user, maxReleases)
	if err != nil {
		return response{}, fmt.Errorf("load releases: %w", err)
	}
	switch {
	case len(releases) > 0:
		fields = append(fields, forms.Fixed(say.Releases))
	case bound:
		state = r.say.Join(state, say.NoReleases)
	}
	for _, release := range releases {
		fields = append(fields, forms.Fixed(say.Release(release.To, quote(release.ID), r.local(release.At), r.now)))
	}
	return r.form("number", r.adding(say.Title, state), fields...), nil
}

// numberChange is a change to a number; anything not given stays as it is.
type numberChange struct {
	number                                string // E.164
	numberGiven, remove                   bool
	consent, consentGiven, consentImplied bool // implied: by binding a first number
}

func (c *Commands) numberChange(a *answers, o *Options) (change numberChange) {
	say := &a.say.Form.Number
	text, given := a.text("number")
	change.numberGiven = given
	change.remove, _ = a.truth("remove", say.Remove)
	change.consent, change.consentGiven = a.truth("consent", say.Consent)
	if text != "" && !change.remove {
		change.number = a.phone(text, o.Region)
	}
	return change
}

// phone reads a mobile number.
func (a *answers) phone(text, region string) string {
	number, err := numbers.Parse(text, region)
	var refused numbers.Refusal
	if errors.As(err, &refused) {
		a.fail(a.say.Form.Fault.Refused(quote(text), refused))
	}
	return number
}

// binding is the decision about a number, and the text for the user.
type binding struct {
	set    *track.Number // nil: nothing
	remove bool
	text   string
}

// decide applies a change to the user's number.
func (r request) decide(n track.Number, bound bool, change numberChange) (binding, error) {
	say, fault := &r.say.Form.Number, &r.say.Form.Fault
	next := n
	if change.remove || change.numberGiven && change.number == "" {
		switch {
		case !bound && change.consent && !change.remove:
			return binding{}, adhoc.Failure(fault.NoNumber)
		case !bound && change.remove:
			return binding{text: say.NotBound}, nil
		case !bound:
			return binding{text: r.say.Form.Saved}, nil
		case !r.o.SelfService:
			return binding{}, adhoc.Failure(fault.ByAdminOnly)
		}
		return binding{remove: true, text: say.Removed}, nil
	}
	if change.number != "" && change.number != n.E164 {
		next = track.Number{JID: r.user, E164: change.number, Source: track.FromUser, Consent: n.Consent, At: track.At(r.Now)}
	}
	switch {
	case change.consentGiven:
		next.Consent = change.consent
	case !bound:
		next.Consent = change.consentImplied
	}
	switch {
	case next.E164 == "" && change.consent:
		return binding{}, adhoc.Failure(fault.NoNumber)
	case next == n || next.E164 == "":
		return binding{text: r.say.Form.Saved}, nil
	case !r.o.SelfService:
		return binding{}, adhoc.Failure(fault.ByAdminOnly)
	}
	return binding{set: &next, text: say.Now(next)}, nil
}

// bind carries out a decision.
func (c *Commands) bind(ctx context.Context, user string, b binding) error {
	if b.remove {
		if _, err := c.deps.Directory.RemoveNumber(ctx, user); err != nil {
			return fmt.Errorf("remove a number: %w", err)
		}
	}
	if b.set != nil {
		if err := c.deps.Directory.SetNumbers(ctx, *b.set); err != nil {
			return fmt.Errorf("bind a number: %w", err)
		}
	}
	return nil
}

// hideFrom parses addresses to hide a number from: people, domains, or "" for everybody.
func (a *answers) hideFrom(name string) (hide map[string]bool, given bool) {
	text, given := a.text(name)
	if !given {
		return nil, false
	}
	hide = map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch strings.ToLower(line) {
		case "", nobody:
			continue
		case everybody, "*":
			hide[""] = true
			continue
		}
		j, err := address.Parse(line)
		if err != nil {
			a.fail(a.say.Form.Fault.NotAUser(quote(line)))
			return nil, false
		}
		hide[j.Bare().String()] = true
	}
	if len(hide) > maxContacts {
		a.fail(a.say.Form.Fault.TooMany(maxContacts))
	}
	return hide, true
}

// hide sets the list of those the user's number is hidden from.
func (c *Commands) hide(ctx context.Context, r request, hide map[string]bool) error {
	known := map[string]track.Contact{}
	muted := 0
	for _, contact := range c.deps.Settings.ContactsOf(r.user) {
		known[contact.Contact] = contact
		if contact.Muted && !hide[contact.Contact] {
			muted++
		}
	}
	if muted+len(hide) > maxContacts {
		return adhoc.Failure(r.say.Form.Fault.TooMany(maxContacts))
	}
	for who := range hide {
		if _, ok := known[who]; !ok {
			known[who] = track.Contact{Owner: r.user, Contact: who}
		}
	}
	for who, contact := range known {
		if contact.Hidden == hide[who] {
			continue
		}
		contact.Hidden = hide[who]
		if err := c.deps.Settings.SetContact(ctx, contact); err != nil {
			return fmt.Errorf("hide a number: %w", err)
		}
	}
	return nil
}
