package command

import (
	"strings"
	"time"

	"tocsin/address"
	"tocsin/component/phrase"
	"tocsin/component/sms"
	"tocsin/xep/forms"
)

// maxQuote limits what is quoted of an input, in graphemes.
const maxQuote = 60

func quote(text string) string { return sms.Cut(sms.Clean(text), maxQuote) }

// answers reads a submitted form. All faults are kept, as texts for the person who filled it in.
type answers struct {
	form   *forms.Form
	say    *phrase.Phrases
	faults faults
}

// faults are the errors in a submitted form, which is shown again with them.
type faults []string

// Error implements error.
func (f faults) Error() string { return strings.Join(f, " ") }

func (r request) answers() *answers { return &answers{form: r.Form, say: r.say} }

func (a *answers) fail(text string) { a.faults = append(a.faults, text) }

// err returns the faults, or nil.
func (a *answers) err() error {
	if len(a.faults) == 0 {
		return nil
	}
	return a.faults
}

func (a *answers) text(name string) (value string, given bool) { return a.form.Text(name) }

// truth reads yes or no; an empty field is not given.
func (a *answers) truth(name string, l phrase.Label) (value, given bool) {
	value, given, err := a.form.Bool(name)
	if err != nil {
		a.fail(a.say.Form.Fault.NotYesNo(l.Label))
	}
	return value, given
}

// choice reads one of the words; "default" is read as "".
func (a *answers) choice(name string, l phrase.Label, words ...string) (value string, given bool) {
	value, given, err := a.form.Choice(name, append(words, byDefault)...)
	if err != nil {
		text, _ := a.form.Text(name)
		a.fail(a.say.Form.Fault.NotOneOf(l.Label, quote(text)))
	}
	if value == byDefault {
		value = ""
	}
	return value, given
}

// byDefault is the word that restores the server default. An empty field means the same, but some clients omit it (Gajim,
// when it purges a form), and its meaning is not obvious.
const byDefault = "default"

func isDefault(text string) bool {
	return text == "" || strings.EqualFold(text, byDefault) || text == "默认"
}

// duration reads a duration with its unit; "default" is read as 0.
func (a *answers) duration(name string) (d time.Duration, given bool) {
	text, given := a.form.Text(name)
	if !given || isDefault(text) {
		return 0, given
	}
	d, ok := phrase.ParseDuration(text)
	if !ok || strings.Trim(text, "0123456789") == "" { // in a form, a number alone might be seconds
		a.fail(a.say.Form.Fault.NotADuration(quote(text)))
		return 0, false
	}
	return d, true
}

// person reads the bare JID of somebody; "" if the field is empty.
func (a *answers) person(name string) string {
	text, _ := a.form.Text(name)
	if text == "" {
		return ""
	}
	j, err := address.Parse(text)
	if err != nil || j.Localpart() == "" {
		a.fail(a.say.Form.Fault.NotAUser(quote(text)))
		return ""
	}
	return j.Bare().String()
}

// needed returns the value of a required field.
func (a *answers) needed(name, value string, l phrase.Label) string {
	if text, _ := a.form.Text(name); text == "" {
		a.fail(a.say.Form.Fault.Missing(l.Label))
	}
	return value
}
