package smpp

import (
	"strings"
	"testing"
	"time"

	"tocsin/component/gateway"
)

func TestReceipt(t *testing.T) {
	const whole = "id:A0000001 sub:001 dlvrd:001 submit date:2611252200 done date:2611252200 stat:DELIVRD err:000 text:"
	withTLV := []tlv{{tagReceiptedID, []byte("A0000009\x00")}, {tagMessageState, []byte{5}}, {tagNetworkError, []byte{3, 0, 1}}}
	for name, test := range map[string]struct {
		text  string
		tlvs  []tlv
		ids   string
		id    string
		state gateway.State
		ok    bool
	}{
		"text":                {whole, nil, idsSame, "A0000001", gateway.Delivered, true},
		"parameters first":    {whole, withTLV, idsSame, "A0000009", gateway.Failed, true},
		"parameters alone":    {"", withTLV, idsSame, "A0000009", gateway.Failed, true},
		"state in text":       {whole, withTLV[:1], idsSame, "A0000009", gateway.Delivered, true},
		"state in parameters": {"id:1", withTLV[1:2], idsSame, "1", gateway.Failed, true},
		"unknown state":       {whole, []tlv{{tagMessageState, []byte{7}}}, idsSame, "A0000001", gateway.Delivered, true},
		"lower case":          {strings.ToLower(whole), nil, idsSame, "a0000001", gateway.Delivered, true},
		"spaces":              {"ID: 7 STAT: EXPIRED TEXT: x", nil, idsSame, "7", gateway.Expired, true},
		"text that deceives":  {"id:1 sub:001 text: id:2 stat:DELIVRD", nil, idsSame, "1", 0, false},
		"hexadecimal":         {"id:2684354561 stat:UNDELIV", nil, idsHexDec, "2684354561", gateway.Failed, true},
		"leading zeros":       {"id:0000000042 stat:REJECTD", nil, idsHexDec, "42", gateway.Failed, true},
		"hexadecimal in both": {"stat:DELETED", []tlv{{tagReceiptedID, []byte("A0000001")}}, idsHexDec, "2684354561", gateway.Failed, true},
		"en route":            {"id:1 stat:ENROUTE", nil, idsSame, "1", gateway.Accepted, true},
		"unknown":             {"id:1 stat:UNKNOWN", nil, idsSame, "1", 0, false},
		"commas":              {"1,DELIVRD,000", nil, idsSame, "", 0, false},
		"no id":               {"stat:DELIVRD", nil, idsSame, "", 0, false},
		"no receipt":          {"hello", nil, idsSame, "", 0, false},
	} {
		id, state, ok := receipt(&message{short: []byte(test.text), tlvs: test.tlvs}, test.ids)
		if ok != test.ok || ok && (id != test.id || state != test.state) {
			t.Errorf("%s: got %q %v %v", name, id, state, ok)
		}
	}
	if got := submitted("A0000001", idsHexDec); got != "2684354561" {
		t.Errorf("the answer's id is %s", got)
	}
	if got := submitted("no-number", idsHexDec); got != "no-number" {
		t.Errorf("the answer's id is %s", got)
	}
}

func TestRelative(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", -1: "", time.Second: "000000000001000R", 90 * time.Second: "000000000130000R", 15 * time.Minute: "000000001500000R",
		36*time.Hour + 1: "000001120001000R", 400 * 24 * time.Hour: "000030000000000R",
	} {
		if got := relative(d); got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
	}
}

func TestSender(t *testing.T) {
	for from, want := range map[string]party{"+15550009999": {1, 1, "15550009999"}, "10690": {3, 0, "10690"}, "Tocsin": {5, 0, "Tocsin"}, "": {}} {
		if got := sender(from); got != want {
			t.Errorf("%s is %+v", from, got)
		}
	}
}

func TestAlphabets(t *testing.T) {
	for _, test := range []struct {
		text, alphabet string
		coding         byte
		code           string
	}{
		{"a€", gsm7, 0, "a\x1be"},
		{"é", gsm7, 0, "\x05"},
		{"é", latin1, 0, "\xe9"},
		{"é", ascii, 8, "\x00\xe9"},
		{"@", latin1, 0, "@"},
		{"@", ascii, 0, "@"},
		{"a€", latin1, 8, "\x00a\x20\xac"},
		{"Ω", latin1, 8, "\x03\xa9"},
		{"ç", latin1, 8, "\x00\xe7"}, // in Latin-1, but not in the GSM alphabet
		{"好🚒", gsm7, 8, "\x59\x7d\xd8\x3d\xde\x92"},
	} {
		code, coding := encode(test.text, test.alphabet)
		if string(code) != test.code || coding != test.coding {
			t.Errorf("%q by %s is %q, %d", test.text, test.alphabet, code, coding)
		}
		if back, ok := decode(code, coding, test.alphabet); !ok || back != test.text {
			t.Errorf("%q by %s comes back as %q", test.text, test.alphabet, back)
		}
	}
	for coding, want := range map[byte]string{1: "a", 3: "a", 0x10: "a", 0xf1: "a", 0x18: "慡"} {
		if got, ok := decode([]byte("aa"), coding, gsm7); !ok || !strings.HasPrefix(got, want) {
			t.Errorf("coding %#x is %q", coding, got)
		}
	}
	for _, coding := range []byte{2, 4, 5, 0xf4} {
		if _, ok := decode([]byte("aa"), coding, gsm7); ok {
			t.Errorf("coding %#x is a text", coding)
		}
	}
}

// Texts split in any way are joined again.
func TestLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("a€", 200), strings.Repeat("好🚒", 100), strings.Repeat("é", 161)} {
		for _, alphabet := range []string{gsm7, latin1, ascii} {
			for _, long := range []string{byUDH, bySAR, byPayload} {
				list := parts(&Route{Long: long, Alphabet: alphabet}, gateway.Submission{Text: text, To: "+1"}, 0x42)
				whole := ""
				for i, m := range list {
					m, err := parseMessage(m.body())
					if err != nil {
						t.Fatal(err)
					}
					f, code, isPart := split(m)
					if isPart != (long != byPayload) || isPart && f != (fragment{0x42, len(list), i + 1}) {
						t.Fatalf("%s: %+v %v", long, f, isPart)
					}
					if len(m.short) > 140+20 {
						t.Errorf("%d octets", len(m.short))
					}
					segment, _ := decode(code, m.coding, alphabet)
					whole += segment
				}
				if whole != text || long != byPayload && len(list) < 2 {
					t.Errorf("%s by %s in %d parts: %q", alphabet, long, len(list), whole)
				}
			}
		}
	}
	if got := parts(&Route{Long: byUDH, Alphabet: gsm7}, gateway.Submission{Text: strings.Repeat("a", 153*255+1)}, 0); got != nil {
		t.Errorf("%d parts", len(got))
	}
}

func TestSplitHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		short string
		want  fragment
		ok    bool
	}{
		"8 bits":       {"\x05\x00\x03\x07\x02\x01hi", fragment{7, 2, 1}, true},
		"16 bits":      {"\x06\x08\x04\x01\x02\x02\x02hi", fragment{0x102, 2, 2}, true},
		"after ports":  {"\x0b\x05\x04\x00\x00\x00\x00\x00\x03\x07\x02\x02hi", fragment{7, 2, 2}, true},
		"of one":       {"\x05\x00\x03\x07\x01\x01hi", fragment{}, false},
		"beyond":       {"\x05\x00\x03\x07\x02\x03hi", fragment{}, false},
		"0":            {"\x05\x00\x03\x07\x02\x00hi", fragment{}, false},
		"too long":     {"\x50\x00\x03\x07\x02\x01hi", fragment{}, false},
		"element runs": {"\x05\x00\x09\x07\x02\x01hi", fragment{}, false},
	} {
		f, _, ok := split(&message{class: classUDHI, short: []byte(test.short)})
		if ok != test.ok || ok && f != test.want {
			t.Errorf("%s: %+v %v", name, f, ok)
		}
	}
}

func TestRoute(t *testing.T) {
	_, err := New(Route{Name: "Bad Name", Address: "nowhere", Bind: "x", Long: "x", Alphabet: "x", IDs: "x", Window: 1001, Enquire: -1, CA: []byte("x"), User: strings.Repeat("u", 16), From: strings.Repeat("f", 21)}, nil, nil, nil)
	want := `name: invalid name "Bad Name" (a-z, 0-9 and hyphens, at most 32)
address: invalid address "nowhere" (example: smpp.example.org:2775)
user: more than 15 octets
from: more than 20 octets
bind: invalid value "x" (must be transceiver, pair)
long: invalid value "x" (must be udh, sar, payload)
alphabet: invalid value "x" (must be gsm7, latin1, ascii)
ids: invalid value "x" (must be same, hex-dec)
enquire: -1ns is less than 0s
window: 1001 is not from 1 to 1000
ca_file: no certificates in it`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v", err)
	}
}
