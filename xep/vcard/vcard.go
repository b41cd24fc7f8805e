// Package vcard reads phone numbers from vCards: vcard-temp (XEP-0054) and vCard4 over XMPP (XEP-0292).
//
// A vCard is its owner's claim, readable by everybody (XEP-0054 §5): its number may be offered for confirmation, but is not
// bound by itself.
package vcard

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"
)

// NS is the namespace of vcard-temp.
const NS = "vcard-temp"

// Limits for hostile vCards: the number of telephone numbers, and the length of each in bytes.
const (
	maxNumbers = 16
	maxLength  = 64
)

// Temp is a vcard-temp. The zero Temp, in an IQ get to the owner's bare JID, requests it.
type Temp struct {
	XMLName xml.Name `xml:"vcard-temp vCard"`
	Tel     []Tel    `xml:"vcard-temp TEL"`
}

// Tel is a telephone number in a Temp. A number for no particular purpose has no element but NUMBER.
type Tel struct {
	Cell   *Flag  `xml:"CELL"`
	Pref   *Flag  `xml:"PREF"`
	Fax    *Flag  `xml:"FAX"`
	Pager  *Flag  `xml:"PAGER"`
	Modem  *Flag  `xml:"MODEM"`
	BBS    *Flag  `xml:"BBS"`
	Number string `xml:"NUMBER"`
}

// Flag is an empty element.
type Flag struct{}

// VCard4 is a vCard of RFC 6351. The zero VCard4 requests it (XEP-0292 §3.1).
type VCard4 struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:vcard-4.0 vcard"`
	Tel     []Tel4   `xml:"urn:ietf:params:xml:ns:vcard-4.0 tel"`
}

// Tel4 is a telephone number in a VCard4: a tel: URI, or plain text.
type Tel4 struct {
	Types []string `xml:"parameters>type>text"`
	Pref  string   `xml:"parameters>pref>integer,omitempty"`
	URI   string   `xml:"uri,omitempty"`
	Text  string   `xml:"text,omitempty"`
}

// Numbers returns the numbers that may be mobile phones, as written: those marked as mobile first, preferred ones of each
// kind before others. A tel: URI is returned without its scheme.
func (v Temp) Numbers() []string {
	var found []ranked
	for _, t := range v.Tel {
		if t.Fax == nil && t.Pager == nil && t.Modem == nil && t.BBS == nil {
			found = append(found, ranked{t.Number, t.Cell != nil, t.Pref != nil})
		}
	}
	return order(found)
}

// Numbers is the same as for Temp.
func (v VCard4) Numbers() []string {
	var found []ranked
	for _, t := range v.Tel {
		is := func(kind string) bool {
			return slices.ContainsFunc(t.Types, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), kind) })
		}
		if !is("fax") && !is("pager") && !is("textphone") {
			found = append(found, ranked{cmp.Or(strings.TrimSpace(t.URI), t.Text), is("cell"), strings.TrimSpace(t.Pref) == "1" || is("pref")})
		}
	}
	return order(found)
}

type ranked struct {
	number     string
	cell, pref bool
}

func (r ranked) rank() int {
	n := 0
	if !r.cell {
		n += 2
	}
	if !r.pref {
		n++
	}
	return n
}

func order(found []ranked) []string {
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(a.rank(), b.rank()) })
	var numbers []string
	for _, f := range found {
		n := strings.TrimSpace(f.number)
		if len(n) > 4 && strings.EqualFold(n[:4], "tel:") {
			n = n[4:]
		}
		if n != "" && len(n) <= maxLength && len(numbers) < maxNumbers && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
