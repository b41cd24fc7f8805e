package forms

import (
	"encoding/xml"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var ignoreNames = cmp.FilterValues(func(a, b xml.Name) bool { return a == xml.Name{} || b == xml.Name{} }, cmp.Ignore())

func TestEncoding(t *testing.T) {
	for _, tc := range []struct {
		name string
		form Form
		xml  string
	}{
		{"every kind of field", Form{Type: Ask, Title: "Settings", Instructions: []string{"One.", "Two."}, Fields: []Field{
			Hidden(FormType, "urn:example"),
			Fixed("As sender"),
			Text("after", "After", "10m").Needed().Explained("such as 10m"),
			Text("empty", "Empty", ""),
			Bool("on", "On", true),
			List("mode", "Mode", "ask", Option{Label: "Ask me", Value: "ask"}, Option{Value: "never"}),
			JID("with", "With", "bob@example.org"),
			JIDs("all", "All", "a@example.org", "b@example.org"),
			Lines("lines", "Lines", "one", "two"),
		}}, `<x xmlns="jabber:x:data" type="form"><title>Settings</title><instructions>One.</instructions><instructions>Two.</instructions>` +
			`<field var="FORM_TYPE" type="hidden"><value>urn:example</value></field>` +
			`<field type="fixed"><value>As sender</value></field>` +
			`<field var="after" type="text-single" label="After"><desc>such as 10m</desc><required></required><value>10m</value></field>` +
			`<field var="empty" type="text-single" label="Empty"></field>` +
			`<field var="on" type="boolean" label="On"><value>true</value></field>` +
			`<field var="mode" type="list-single" label="Mode"><value>ask</value><option label="Ask me"><value>ask</value></option><option><value>never</value></option></field>` +
			`<field var="with" type="jid-single" label="With"><value>bob@example.org</value></field>` +
			`<field var="all" type="jid-multi" label="All"><value>a@example.org</value><value>b@example.org</value></field>` +
			`<field var="lines" type="text-multi" label="Lines"><value>one</value><value>two</value></field></x>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := xml.Marshal(tc.form)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.xml, string(got)); diff != "" {
				t.Error(diff)
			}
			var back Form
			if err := xml.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.form, back, ignoreNames); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	const submitted = `<x xmlns='jabber:x:data' type='submit'>
		<set xmlns='urn:example'/><reported/>
		<field var='FORM_TYPE' type='hidden'><value>urn:example</value></field>
		<field var='yes' type='boolean'><value>1</value></field>
		<field var='no'><value> false </value></field>
		<field var='maybe' type='boolean'><value>maybe</value></field>
		<field var='unset' type='boolean'><value/></field>
		<field var='number' type='text-private'><value> +86 138 0013 8000 </value></field>
		<field var='cleared'><value/></field>
		<field var='bare'/>
		<field var='lines'><value>one</value><value>two</value></field>
		<field var='mode'><value>ask</value></field>
		<field var='wrong'><value>perhaps</value></field>
		<field var='jids'><value>a@example.org
			b@example.org</value><value/><value>c@example.org/my phone</value></field>
		<field var='blank'><value>   </value></field>
		<field var='bad'><value>a b@example.org</value></field>
		<field var='number'><value>twice</value></field>
	</x>`
	var f *Form
	if err := xml.Unmarshal([]byte(submitted), &f); err != nil {
		t.Fatal(err)
	}
	type result struct {
		Value any
		Given bool
		Err   string
	}
	text := func(name string) result {
		v, given := f.Text(name)
		return result{v, given, ""}
	}
	boolean := func(name string) result {
		v, given, err := f.Bool(name)
		return result{v, given, message(err)}
	}
	choice := func(name string) result {
		v, given, err := f.Choice(name, "ask", "never")
		return result{v, given, message(err)}
	}
	jids := func(name string) result {
		js, given, err := f.JIDs(name)
		var v string
		for _, j := range js {
			v += j.String() + ";"
		}
		return result{v, given, message(err)}
	}
	for _, tc := range []struct {
		read func(string) result
		name string
		want result
	}{
		{text, "number", result{"+86 138 0013 8000", true, ""}},
		{text, "cleared", result{"", true, ""}},
		{text, "bare", result{"", true, ""}},
		{text, "lines", result{"one\ntwo", true, ""}},
		{text, "missing", result{"", false, ""}},
		{boolean, "yes", result{true, true, ""}},
		{boolean, "no", result{false, true, ""}},
		{boolean, "unset", result{false, false, ""}},
		{boolean, "missing", result{false, false, ""}},
		{boolean, "maybe", result{false, false, "invalid boolean in maybe"}},
		{choice, "mode", result{"ask", true, ""}},
		{choice, "missing", result{"", false, ""}},
		{choice, "unset", result{"", false, ""}},
		{choice, "wrong", result{"", false, "invalid choice in wrong (one of ask, never)"}},
		{jids, "jids", result{"a@example.org;b@example.org;c@example.org/my phone;", true, ""}},
		{jids, "blank", result{"", true, ""}},
		{jids, "missing", result{"", false, ""}},
		{jids, "bad", result{"", false, `invalid address "a b@example.org" in bad`}},
	} {
		if diff := cmp.Diff(tc.want, tc.read(tc.name)); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
	if f.Kind() != "urn:example" {
		t.Errorf("Kind() = %q", f.Kind())
	}
	f = nil
	if got := text("number"); got.Given {
		t.Errorf("no form gives %v", got)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
