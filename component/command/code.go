package command

import (
	"context"
	"fmt"
	"strings"

	"tocsin/component/numbers"
	"tocsin/component/phrase"
	"tocsin/track"
	"tocsin/xep/adhoc"
)

// verifies reports whether a number is still to be confirmed by a code.
func (r request) verifies(n track.Number) bool {
	return r.o.Verify && n.Source == track.FromUser && !n.Verified && n.E164 != ""
}

// requestCode requests a code for a number. It returns the text for the user, or a Failure if nothing was changed.
func (c *Commands) requestCode(ctx context.Context, r request, n track.Number) (string, error) {
	in := &track.CodeRequested{
		CodeKey: track.CodeKey{User: r.user, Number: n.E164, Country: numbers.Country(n.E164)}, Language: r.say.Lang, Consent: n.Consent,
	}
	if err := c.deps.Phone.RequestCode(ctx, in); err != nil {
		return "", fmt.Errorf("send a code: %w", err)
	}
	if in.Verdict == track.CodeSent {
		return r.say.Form.Number.CodeSent(n.E164, track.CodeLife), nil
	}
	return "", adhoc.Failure(r.say.Form.Fault.Code[in.Verdict])
}

// tryCode checks a code. It returns the text for the user, or a Failure.
func (c *Commands) tryCode(ctx context.Context, r request, text string) (string, error) {
	in := &track.CodeTried{User: r.user, Digits: phrase.Digits(text)}
	if err := c.deps.Phone.TryCode(ctx, in); err != nil {
		return "", fmt.Errorf("try a code: %w", err)
	}
	say, fault := &r.say.Form.Number, &r.say.Form.Fault
	switch in.Verdict {
	case track.CodeRight:
		return r.say.Join(say.Confirmed, say.Now(in.Number)), nil
	case track.CodeWrong:
		return "", adhoc.Failure(fault.WrongCode(in.Left))
	}
	return "", adhoc.Failure(fault.Code[in.Verdict])
}

// ownStop stops or resumes SMS to a user's number. It returns the text for the user, "" if nothing changed.
func (c *Commands) ownStop(ctx context.Context, r request, n track.Number, on bool) (string, error) {
	say := &r.say.Form.Number
	switch {
	case !on && (n.E164 == "" || r.verifies(n)):
		return "", nil
	case n.E164 == "":
		return "", adhoc.Failure(r.say.Form.Fault.NoNumber)
	case r.verifies(n): // it may be somebody else's
		return "", adhoc.Failure(say.Unconfirmed)
	}
	p, err := c.deps.Phone.Phone(ctx, r.user, n.E164, track.At(r.Now))
	if err != nil {
		return "", fmt.Errorf("look up a stop: %w", err)
	}
	if on == (p.Stopped != "") {
		return "", nil
	}
	in := &track.OwnStop{Number: n.E164, On: on}
	if err := c.deps.Phone.Stop(ctx, in); err != nil {
		return "", fmt.Errorf("stop SMS: %w", err)
	}
	switch {
	case in.By == "":
		return say.SMSOn, nil
	case !on:
		return "", adhoc.Failure(say.StoppedElsewhere)
	}
	return say.SMSOff, nil
}

// phoneLines describes the state of SMS to a user's number: whether it is confirmed, which code is expected, and whether SMS
// are stopped.
func (c *Commands) phoneLines(ctx context.Context, r request, n track.Number) (lines []string, p Phone, err error) {
	if !r.o.SMS {
		return nil, p, nil
	}
	if p, err = c.deps.Phone.Phone(ctx, r.user, n.E164, track.At(r.Now)); err != nil {
		return nil, p, fmt.Errorf("look up a code: %w", err)
	}
	say := &r.say.Form.Number
	if r.verifies(n) {
		lines = append(lines, say.Unconfirmed)
	}
	if p.Pending && r.o.Verify {
		lines = append(lines, say.Expected(p.Code.Number))
	}
	switch p.Stopped {
	case "":
	case track.StopByOwner:
		lines = append(lines, say.SMSOff)
	default:
		lines = append(lines, say.StoppedElsewhere)
	}
	return lines, p, nil
}

// chatCode checks a code.
func (c *Commands) chatCode(ctx context.Context, r request, o phrase.Command) (string, error) {
	if o.Rest == "" {
		return "", faults{r.say.Form.Fault.Missing(r.say.Form.Number.Code.Label)}
	}
	return c.fill(ctx, r, (*Commands).number, "code", o.Rest)
}

// chatSMS stops or resumes SMS to the user's number.
func (c *Commands) chatSMS(ctx context.Context, r request, o phrase.Command) (string, error) {
	no := map[string]string{"true": "false", "false": "true"}[box(o.Rest)]
	if no != "" && r.o.SMS {
		if _, err := c.fill(ctx, r, (*Commands).number, "no_sms", no); err != nil {
			return "", err
		}
	}
	lines, err := c.numberLines(ctx, r)
	if err != nil || no != "" {
		return strings.Join(lines, "\n"), err
	}
	return r.say.Commands.Example(strings.Join(lines, "\n"), o.Verb), nil
}
