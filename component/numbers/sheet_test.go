package numbers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"

	"tocsin/track"
)

// The same table as written by different programs.
func TestSheets(t *testing.T) {
	bom := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()
	utf16, err := bom.String("jid\tnumber\tconsent\r\nbob@example.org\t+8613800138000\tyes\r\ncarol@example.org\t+4915112345678\tno\r\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []track.Number{
		{JID: "bob@example.org", E164: "+8613800138000", Source: track.FromAdmin, Consent: true},
		{JID: "carol@example.org", E164: "+4915112345678", Source: track.FromAdmin},
	}
	for name, text := range map[string]string{
		"by hand":              "bob@example.org, +86 138 0013 8000\ncarol@example.org, +49 151 12345678, no\n",
		"PowerShell":           "\ufeff\"jid\",\"number\",\"consent\"\r\n\"bob@example.org\",\"+8613800138000\",\"yes\"\r\n\"carol@example.org\",\"+4915112345678\",\"no\"\r\n",
		"semicolons":           "jid;number;consent\r\nbob@example.org;+8613800138000;\r\ncarol@example.org;+4915112345678;no\r\n",
		"semicolons told":      "sep=;\r\nbob@example.org;+8613800138000\r\ncarol@example.org;+4915112345678;no\r\n",
		"Excel's Unicode text": utf16,
		"lines end with CR":    "jid,number,consent\rbob@example.org,+8613800138000,yes\rcarol@example.org,+4915112345678,no\r",
		"cells forced to text": "bob@example.org,=\"+8613800138000\"\ncarol@example.org,\"=\"\"+4915112345678\"\"\",no\n",
		"marked as text":       "bob@example.org,'+8613800138000\ncarol@example.org,'+4915112345678,no\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadCSV(strings.NewReader(text), Terms{Region: "CN"})
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
			}
		})
	}
}

// A number that a spreadsheet has rounded is an error, with the right line.
func TestRoundedNumbers(t *testing.T) {
	_, err := ReadCSV(strings.NewReader("sep=;\njid;number\nbob@example.org;8.61E+12\ncarol@example.org;4,915112E+11\n"), Terms{Region: "CN"})
	want := "line 3: \"8.61E+12\" was rounded by a spreadsheet: format the column as text\nline 4: \"4,915112E+11\" was rounded by a spreadsheet: format the column as text"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// An admin may vouch for a number that the library does not recognise as mobile. That is recorded, and survives an export.
func TestForcedNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"+5215512345678":       "+5215512345678", // Mexico, as until 2019
		"+595 963 123456":      "+595963123456",
		"+541112345678":        "+541112345678",
		"0052 1 5512345678":    "not a phone number", // no country code
		"13800138000":          "not a phone number",
		"+86 138":              "not a number in use",
		"+86 1234567890123456": "not a number in use",
		"+86 12345 6789012":    "+86123456789012", // not as the library changes it
		"+49 (0)151 1234":      "+491511234",
		"+86 110;ext=5":        "an extension, which receives no SMS",
		"+999 123456789":       "not a phone number",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := ParseForced(text)
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("ParseForced(%q) = %q, want %q", text, got, want)
			}
		})
	}

	lines := "bob@example.org,+5215512345678,no,yes\ncarol@example.org,+8613800138000\n"
	list, err := ReadCSV(strings.NewReader(lines), Terms{Region: "CN"})
	want := []track.Number{
		{JID: "bob@example.org", E164: "+5215512345678", Source: track.FromAdminForced},
		{JID: "carol@example.org", E164: "+8613800138000", Source: track.FromAdmin, Consent: true},
	}
	if diff := cmp.Diff(want, list); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("jid,number,consent,forced\nbob@example.org,+5215512345678,no,yes\ncarol@example.org,+8613800138000,yes,no\n", b.String()); diff != "" {
		t.Error(diff)
	}

	unforced := strings.ReplaceAll(lines, ",no,yes", "")
	if _, err := ReadCSV(strings.NewReader(unforced), Terms{Region: "CN"}); err == nil || err.Error() != `line 1: "+5215512345678" is not a number in use` {
		t.Errorf("not forced: %v", err)
	}
	if list, err := ReadCSV(strings.NewReader(unforced), Terms{Region: "CN", Force: true}); err != nil || list[0].Source != track.FromAdminForced || list[1].Source != track.FromAdmin {
		t.Errorf("all forced: %v, %v", list, err)
	}
}

// Any file either has faults, or its numbers can be written and read again.
func FuzzReadCSV(f *testing.F) {
	for _, text := range []string{"jid,number\nbob@example.org,+8613800138000", "sep=\t\r\"a@b\"\t=\"+5215512345678\"\t\t1", "\xff\xfeb\x00@\x00", "\"", ";=\"\";\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ReadCSV(bytes.NewReader(text), Terms{Region: "CN", Force: true})
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteCSV(&b, list); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCSV(&b, Terms{Region: "DE"})
		if diff := cmp.Diff(list, again); diff != "" || err != nil {
			t.Errorf("%v (-first +again):\n%s", err, diff)
		}
	})
}
