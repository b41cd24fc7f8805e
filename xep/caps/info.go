package caps

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// Info is a disco#info response (XEP-0030 §3), as far as its hash covers it.
type Info struct {
	XMLName    xml.Name   `xml:"http://jabber.org/protocol/disco#info query"`
	Node       string     `xml:"node,attr,omitempty"`
	Identities []Identity `xml:"http://jabber.org/protocol/disco#info identity"`
	Features   []Feature  `xml:"http://jabber.org/protocol/disco#info feature"`
	Forms      []Form     `xml:"jabber:x:data x"`
}

// Identity is what an entity is.
type Identity struct {
	Category string `xml:"category,attr"`
	Type     string `xml:"type,attr"`
	Lang     string `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
	Name     string `xml:"name,attr,omitempty"`
}

// Feature is what an entity can do.
type Feature struct {
	Var string `xml:"var,attr"`
}

// Form is extended information (XEP-0128).
type Form struct {
	Type   string  `xml:"type,attr,omitempty"` // result
	Fields []Field `xml:"jabber:x:data field"`
}

// Field is a field of a Form.
type Field struct {
	Var    string   `xml:"var,attr"`
	Type   string   `xml:"type,attr,omitempty"`
	Values []string `xml:"jabber:x:data value"`
}

// text returns the string S of XEP-0115 §5.1, or why the response is ill-formed by §5.4 rule 3.
func (i Info) text() ([]byte, error) {
	var s []byte
	var separators bool
	add := func(parts []string) {
		for _, p := range parts {
			separators = separators || strings.Contains(p, "<")
			s = append(append(s, p...), '<')
		}
	}

	identities := slices.Clone(i.Identities)
	slices.SortFunc(identities, func(a, b Identity) int { return slices.Compare(a.key(), b.key()) })
	for n, id := range identities {
		if n > 0 && id == identities[n-1] {
			return nil, fmt.Errorf("%w: repeated identity", ErrIllFormed)
		}
		add([]string{strings.Join(id.key(), "/")})
	}

	var features []string
	for _, f := range i.Features {
		features = append(features, f.Var)
	}
	slices.Sort(features)
	if len(slices.Compact(slices.Clone(features))) < len(features) {
		return nil, fmt.Errorf("%w: repeated feature", ErrIllFormed)
	}
	add(features)

	forms := make(map[string]Form)
	var kinds []string
	for _, f := range i.Forms {
		kind, ok, err := f.kind()
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if _, repeated := forms[kind]; repeated {
			return nil, fmt.Errorf("%w: repeated form", ErrIllFormed)
		}
		forms[kind] = f
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		add([]string{kind})
		fields := slices.Clone(forms[kind].Fields)
		slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Var, b.Var) })
		for _, f := range fields {
			if f.Var != formType {
				add([]string{f.Var})
				add(slices.Sorted(slices.Values(f.Values)))
			}
		}
	}
	if separators { // two responses could share one hash: the poisoning of XEP-0115 §9.3
		return nil, fmt.Errorf("%w: '<' in a value", ErrIllFormed)
	}
	return s, nil
}

// hides reports whether the hash covers s as something other than a feature.
func (i Info) hides(s string) bool {
	for _, id := range i.Identities {
		if strings.Join(id.key(), "/") == s {
			return true
		}
	}
	for _, form := range i.Forms {
		for _, f := range form.Fields {
			if f.Var == s || slices.Contains(f.Values, s) {
				return true
			}
		}
	}
	return false
}

func (i Identity) key() []string { return []string{i.Category, i.Type, i.Lang, i.Name} }

const formType = "FORM_TYPE"

// kind returns the FORM_TYPE of the form; ok is false if the hash ignores the form.
func (f Form) kind() (kind string, ok bool, err error) {
	for _, field := range f.Fields {
		if field.Var != formType || field.Type != "hidden" {
			continue
		}
		for _, v := range field.Values {
			if ok && v != kind {
				return "", false, fmt.Errorf("%w: two values of %s", ErrIllFormed, formType)
			}
			kind, ok = v, true
		}
	}
	return kind, ok, nil
}
