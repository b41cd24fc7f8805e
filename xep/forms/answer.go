package forms

import (
	"fmt"
	"slices"
	"strings"

	"mellium.im/xmpp/jid"
)

// A submitted form is read by name. A missing field was not given, and leaves its setting unchanged. Unknown fields are
// ignored, and so are the types that clients put on fields. All of this holds for a nil Form.

// Text returns the value of a single-line or multi-line field, without surrounding white space. A field that is present but
// empty is given: it was cleared.
func (f *Form) Text(name string) (value string, given bool) {
	values, given := f.Values(name)
	return strings.TrimSpace(strings.Join(values, "\n")), given
}

// Bool parses 0, 1, false or true; an empty field is not given.
func (f *Form) Bool(name string) (value, given bool, err error) {
	switch text, _ := f.Text(name); text {
	case "":
		return false, false, nil
	case "1", "true":
		return true, true, nil
	case "0", "false":
		return false, true, nil
	}
	return false, false, fmt.Errorf("invalid boolean in %s", name)
}

// Choice reads one of the words; an empty field is not given.
func (f *Form) Choice(name string, words ...string) (value string, given bool, err error) {
	text, _ := f.Text(name)
	if text == "" {
		return "", false, nil
	}
	if !slices.Contains(words, text) {
		return "", false, fmt.Errorf("invalid choice in %s (one of %s)", name, strings.Join(words, ", "))
	}
	return text, true, nil
}

// JIDs parses addresses, one per line or value; blank ones are skipped, so a field with only white space is given and empty.
func (f *Form) JIDs(name string) (addresses []jid.JID, given bool, err error) {
	values, given := f.Values(name)
	for _, v := range values {
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			j, err := jid.Parse(line)
			if err != nil {
				return nil, false, fmt.Errorf("invalid address %.100q in %s", line, name)
			}
			addresses = append(addresses, j)
		}
	}
	return addresses, given, nil
}

// Kind returns the FORM_TYPE of the form, "" if it has none.
func (f *Form) Kind() string {
	kind, _ := f.Text(FormType)
	return kind
}

// Values returns the values of a field as submitted.
func (f *Form) Values(name string) (values []string, given bool) {
	if f == nil {
		return nil, false
	}
	i := slices.IndexFunc(f.Fields, func(field Field) bool { return field.Var == name })
	if i < 0 {
		return nil, false
	}
	return f.Fields[i].Values, true
}
