package lab

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	dec := xml.NewDecoder(strings.NewReader(`<message xmlns='jabber:client' type='chat' id='m1' xml:lang='en'><body>it's [so]</body>` +
		`<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='m2'><received xmlns='urn:xmpp:receipts' id='x'/></message></forwarded></message>`))
	tok, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	e, err := tree(dec, tok.(xml.StartElement))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"message":                      true,
		"iq":                           false,
		"message[@type='chat'][@lang]": true,
		"message[@type='normal']":      false,
		"message[@to]":                 false,
		"{jabber:client}message/body":  true,
		"message/{jabber:client}body":  true,
		"message/forwarded/message[@id='m2']/{urn:xmpp:receipts}received[@id='x']": true,
		"message/{urn:xmpp:receipts}received":                                      false,
		"message//received":                                                        true,
		"message/*/message":                                                        true,
		"message/body[.='it']":                                                     false,
	} {
		if e.Is(path) != want {
			t.Errorf("Is(%q) is %t", path, !want)
		}
	}
	if got := e.Find("body").Text; got != "it's [so]" {
		t.Errorf("body: %q", got)
	}
	if got := len(e.All("//message")); got != 1 {
		t.Errorf("//message: %d", got)
	}
	if got := e.Find("nothing").Attr("id"); got != "" {
		t.Errorf("attribute of a missing element: %q", got)
	}
	if got, want := e.Find("forwarded").String(), "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='m2'><received xmlns='urn:xmpp:receipts' id='x'/></message></forwarded>"; got != want {
		t.Errorf("String: %s", got)
	}
	for _, path := range []string{"a[", "a[b]", "a[@b=c]", "/a", "a/", "{a", "a[.]"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is accepted", path)
				}
			}()
			parse(path)
		}()
	}
}
