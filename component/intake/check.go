package intake

import (
	"bytes"
	"encoding/xml"
	"io"

	"mellium.im/xmpp/stream"

	"tocsin/address"
)

// check finds stanzas that would end a session of the XMPP library, before they are passed on. These are few, so it can
// afford the library's own decoder.
type check struct {
	prefixes map[string]bool // bound to the stream's namespace by the stream header
	request  Request         // the newest stanza, if it is a request
}

// header records the prefixes declared in a stream header.
func (c *check) header(b []byte) {
	c.prefixes = map[string]bool{}
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		t, err := d.RawToken()
		if err != nil {
			return
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Space == "xmlns" && a.Value == stream.NS {
				c.prefixes[a.Name.Local] = true
			}
		}
	}
}

// stanza returns why b must not reach the library, "" if it may.
func (c *check) stanza(b []byte) Reason {
	d := xml.NewDecoder(bytes.NewReader(b))
	c.request = Request{}
	depth := 0
	needsChild := false
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Malformed
		}
		switch t := t.(type) {
		case xml.StartElement:
			ofStream := t.Name.Space == stream.NS || c.prefixes[t.Name.Space]
			switch {
			case ofStream && (depth > 0 || t.Name.Local != "error"):
				return StreamInside
			case depth == 0 && !ofStream:
				if !addressed(t) {
					return BadAddress
				}
				if t.Name.Local == "iq" {
					kind := attr(t, "type")
					needsChild = kind != "result"
					if kind != "result" && kind != "error" {
						c.request = Request{From: attr(t, "from"), To: attr(t, "to"), ID: attr(t, "id")}
					}
				}
			case depth == 1:
				needsChild = false
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 1 && needsChild && !blank(t) {
				return BadIQ
			}
		default: // comments, instructions, directives: RFC 6120 §11.1
			return Malformed
		}
	}
	if needsChild {
		return BadIQ
	}
	return ""
}

// addressed reports whether a stanza's addresses are valid. Like the library, it compares only local names.
func addressed(t xml.StartElement) bool {
	for _, a := range t.Attr {
		if (a.Name.Local == "from" || a.Name.Local == "to") && a.Value != "" {
			if _, err := address.Parse(a.Value); err != nil {
				return false
			}
		}
	}
	return true
}

// attr returns the value of the attribute without a prefix, "" if there is none.
func attr(t xml.StartElement, local string) string {
	for _, a := range t.Attr {
		if a.Name.Local == local && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}
