package web

import (
	"net/http"
	"slices"
	"strings"

	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

// formView is a data form as shown on a page.
type formView struct {
	Name    string // of the command
	Title   string
	Intro   []string
	Fields  []fieldView
	Readout bool // read-only
	Button  string
}

// fieldView is a field of a form.
type fieldView struct {
	ID, Name, Label, Desc, Value string
	Kind                         string // head, text, lines, box, list
	Checked, Required            bool
	Options                      []optionView
}

type optionView struct {
	Value, Label string
	Chosen       bool
}

// viewOf returns the view of a form.
func viewOf(name, button string, f *forms.Form) formView {
	v := formView{Name: name, Title: f.Title, Intro: f.Instructions, Button: button, Readout: f.Type == forms.Result}
	for _, field := range f.Fields {
		one := fieldView{
			ID: name + "-" + field.Var, Name: field.Var, Label: field.Label, Desc: field.Desc, Value: strings.Join(field.Values, "\n"),
			Required: field.Required != nil,
		}
		switch field.Type {
		case "hidden":
			continue
		case "fixed":
			one.Kind = "head"
		case "boolean":
			one.Kind, one.Checked = "box", one.Value == "true" || one.Value == "1"
		case "list-single":
			one.Kind = "list"
			for _, o := range field.Options {
				label := o.Label
				if label == "" {
					label = o.Value
				}
				one.Options = append(one.Options, optionView{o.Value, label, o.Value == one.Value})
			}
		case "jid-multi", "text-multi":
			one.Kind = "lines"
		default:
			one.Kind = "text"
		}
		v.Fields = append(v.Fields, one)
	}
	return v
}

// filled returns a submitted form with the values posted by a page, which does not send unticked boxes.
func filled(r *http.Request, asked *forms.Form) *forms.Form {
	f := &forms.Form{Type: forms.Submit}
	for _, field := range asked.Fields {
		if field.Var == "" || field.Type == "hidden" || field.Type == "fixed" {
			continue
		}
		value := strings.ReplaceAll(r.PostFormValue(field.Var), "\r\n", "\n")
		if field.Type == "boolean" {
			value = "false"
			if slices.Contains([]string{"on", "true", "1"}, r.PostFormValue(field.Var)) {
				value = "true"
			}
		}
		f.Fields = append(f.Fields, forms.Field{Var: field.Var, Values: []string{value}})
	}
	return f
}

// notes returns the notes of a command.
func notes(all []adhoc.Note) (list []note) {
	for _, n := range all {
		list = append(list, note{Text: n.Text, Fault: n.Type == adhoc.Fault})
	}
	return list
}
