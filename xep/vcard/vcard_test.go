package vcard

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbers(t *testing.T) {
	for _, tc := range []struct {
		name, xml string
		want      []string
	}{
		{"mobile before home, fax never", `<vCard xmlns='vcard-temp'><FN>A</FN><TEL><WORK/><FAX/><NUMBER>1</NUMBER></TEL>
			<TEL><HOME/><VOICE/><NUMBER>303-555-1212</NUMBER></TEL><TEL><CELL/><NUMBER> +86 138 0013 8000 </NUMBER></TEL>
			<TEL><PAGER/><NUMBER>2</NUMBER></TEL></vCard>`,
			[]string{"+86 138 0013 8000", "303-555-1212"}},
		{"the preferred mobile first", `<vCard xmlns='vcard-temp'><TEL><PREF/><NUMBER>1</NUMBER></TEL><TEL><CELL/><NUMBER>2</NUMBER></TEL>
			<TEL><CELL/><PREF/><NUMBER>3</NUMBER></TEL></vCard>`, []string{"3", "2", "1"}},
		{"empty and repeated numbers", `<vCard xmlns='vcard-temp'><TEL/><TEL><CELL/><NUMBER/></TEL><TEL><NUMBER>1</NUMBER></TEL>
			<TEL><NUMBER>1</NUMBER></TEL></vCard>`, []string{"1"}},
		{"foreign TEL", `<vCard xmlns='vcard-temp'><TEL xmlns='urn:example'><NUMBER>1</NUMBER></TEL></vCard>`, nil},
		{"no number", `<vCard xmlns='vcard-temp'/>`, nil},
		{"too long", `<vCard xmlns='vcard-temp'><TEL><NUMBER>` + strings.Repeat("1", 65) + `</NUMBER></TEL></vCard>`, nil},
		{"vCard4", `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Peter</text></fn>
			<tel><parameters><type><text>work</text><text>voice</text></type><pref><integer>1</integer></pref></parameters><uri>tel:+1-303-308-3282</uri></tel>
			<tel><parameters><type><text>work</text><text>fax</text></type></parameters><uri>tel:+1-303-308-3219</uri></tel>
			<tel><parameters><type><text>cell</text><text>voice</text><text>text</text></type></parameters><uri>tel:+1-720-256-6756</uri></tel>
			<tel><text>+49 171 1234567</text></tel></vcard>`,
			[]string{"+1-720-256-6756", "+1-303-308-3282", "+49 171 1234567"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			if strings.HasPrefix(tc.xml, "<vCard") {
				var v Temp
				if err := xml.Unmarshal([]byte(tc.xml), &v); err != nil {
					t.Fatal(err)
				}
				got = v.Numbers()
			} else {
				var v VCard4
				if err := xml.Unmarshal([]byte(tc.xml), &v); err != nil {
					t.Fatal(err)
				}
				got = v.Numbers()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumbersAreBounded(t *testing.T) {
	var v Temp
	for i := range 10_000 {
		v.Tel = append(v.Tel, Tel{Number: fmt.Sprint(i)})
	}
	if got := len(v.Numbers()); got != maxNumbers {
		t.Errorf("%d numbers", got)
	}
}
