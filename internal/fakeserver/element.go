package fakeserver

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Element is one XML element. Attributes are keyed by local name; namespace declarations are left out.
type Element struct {
	Name     xml.Name
	Attr     map[string]string
	Children []*Element
	Text     string // all character data directly inside
	XML      string // encoded again, for error messages and for sending it back
	End      int64  // offset of its end in the stream, in bytes
}

// Child returns the first child of that name, or nil.
func (e *Element) Child(space, local string) *Element {
	for _, c := range e.Children {
		if c.Name == (xml.Name{Space: space, Local: local}) {
			return c
		}
	}
	return nil
}

// ParseElement parses one element.
func ParseElement(s string) (*Element, error) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.DefaultSpace = nsComponent
	start, err := next(d)
	if err != nil {
		return nil, err
	}
	e, err := element(d, *start)
	if err != nil {
		return nil, err
	}
	if _, err := next(d); err != io.EOF {
		return nil, fmt.Errorf("more than one element")
	}
	return e, nil
}

const nsComponent = "jabber:component:accept"

// next reads up to a start element. The end of the stream is io.EOF.
func next(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, io.EOF
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return nil, fmt.Errorf("text between stanzas: %q", t)
			}
		}
	}
}

// element reads the rest of an element.
func element(d *xml.Decoder, start xml.StartElement) (*Element, error) {
	e := &Element{Name: start.Name, Attr: make(map[string]string)}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			e.Attr[a.Name.Local] = a.Value
		}
	}
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			c, err := element(d, t)
			if err != nil {
				return nil, err
			}
			e.Children = append(e.Children, c)
		case xml.CharData:
			e.Text += string(t)
		case xml.EndElement:
			e.XML = e.write(start.Attr)
			return e, nil
		}
	}
}

func (e *Element) write(attrs []xml.Attr) string {
	var b strings.Builder
	b.WriteString("<" + e.Name.Local)
	if e.Name.Space != nsComponent {
		fmt.Fprintf(&b, " xmlns='%s'", escape(e.Name.Space))
	}
	for _, a := range attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		name := a.Name.Local
		if a.Name.Space == "http://www.w3.org/XML/1998/namespace" {
			name = "xml:" + name
		}
		fmt.Fprintf(&b, " %s='%s'", name, escape(a.Value))
	}
	if len(e.Children) == 0 && e.Text == "" {
		b.WriteString("/>")
		return b.String()
	}
	b.WriteString(">" + escape(e.Text))
	for _, c := range e.Children {
		b.WriteString(c.XML)
	}
	fmt.Fprintf(&b, "</%s>", e.Name.Local)
	return b.String()
}

func attr(attrs []xml.Attr, local string) string {
	for _, a := range attrs {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}
