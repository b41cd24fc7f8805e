// Package forms is data forms (XEP-0004), for entities that create forms and read submissions.
//
// mellium's form package rejects tables and unknown elements, and does not say which fields were submitted.
package forms

import "encoding/xml"

// FormType is the hidden field that names the purpose of a form (XEP-0068).
const FormType = "FORM_TYPE"

// Form types (XEP-0004 §3.1).
const (
	Ask    = "form"
	Submit = "submit"
	Cancel = "cancel"
	Result = "result"
)

// Form is a data form in any direction.
type Form struct {
	XMLName      xml.Name `xml:"jabber:x:data x"`
	Type         string   `xml:"type,attr"`
	Title        string   `xml:"title,omitempty"`
	Instructions []string `xml:"instructions,omitempty"`
	Fields       []Field  `xml:"field"`
}

// Field is one field of a form.
type Field struct {
	Var      string   `xml:"var,attr,omitempty"`
	Type     string   `xml:"type,attr,omitempty"`
	Label    string   `xml:"label,attr,omitempty"`
	Desc     string   `xml:"desc,omitempty"`
	Required *Flag    `xml:"required"`
	Values   []string `xml:"value"`
	Options  []Option `xml:"option"`
}

// Option is one choice of a list.
type Option struct {
	Label string `xml:"label,attr,omitempty"`
	Value string `xml:"value"`
}

// Flag is an empty element.
type Flag struct{}

// Text returns a field for one line of text.
func Text(name, label, value string) Field { return single("text-single", name, label, value) }

// Lines returns a field for several lines of text.
func Lines(name, label string, values ...string) Field {
	return Field{Type: "text-multi", Var: name, Label: label, Values: values}
}

// Bool returns a field for yes or no.
func Bool(name, label string, value bool) Field {
	text := "false"
	if value {
		text = "true"
	}
	return single("boolean", name, label, text)
}

// List returns a field with one choice out of options.
func List(name, label, value string, options ...Option) Field {
	f := single("list-single", name, label, value)
	f.Options = options
	return f
}

// JID returns a field for one address.
func JID(name, label, value string) Field { return single("jid-single", name, label, value) }

// JIDs returns a field for several addresses.
func JIDs(name, label string, values ...string) Field {
	return Field{Type: "jid-multi", Var: name, Label: label, Values: values}
}

// Hidden returns a field that people do not see.
func Hidden(name, value string) Field { return single("hidden", name, "", value) }

// Fixed returns a line of text between fields.
func Fixed(text string) Field { return single("fixed", "", "", text) }

func single(kind, name, label, value string) Field {
	f := Field{Type: kind, Var: name, Label: label}
	if value != "" {
		f.Values = []string{value}
	}
	return f
}

// Needed returns f marked as required.
func (f Field) Needed() Field {
	f.Required = &Flag{}
	return f
}

// Explained returns f with a description.
func (f Field) Explained(desc string) Field {
	f.Desc = desc
	return f
}
