package tap

import (
	"encoding/base64"
	"testing"
)

// Which OTR messages were written by a person.
func TestOTR(t *testing.T) {
	data := func(bytes ...byte) string {
		return "?OTR:" + base64.StdEncoding.EncodeToString(append(bytes, make([]byte, 40)...)) + "."
	}
	tags := []byte{0, 0, 1, 2, 0, 0, 3, 4}
	v3 := func(kind, flags byte) string { return data(append(append([]byte{0, 3, kind}, tags...), flags)...) }
	for _, tt := range []struct {
		name, body string
		want       bodyKind
	}{
		{"query", "?OTRv23?\nalice@here.test has requested an Off-the-Record private conversation.", otrAutoBody},
		{"old query", "?OTR?", otrAutoBody},
		{"error", "?OTR Error: You sent encrypted data to bob, who wasn't expecting it.", otrAutoBody},
		{"D-H commit, version 2", data(0, 2, 2, 0), otrAutoBody},
		{"D-H key, version 3", v3(0x0a, 0), otrAutoBody},
		{"reveal signature", v3(0x11, 0), otrAutoBody},
		{"signature", data(0, 2, 0x12, 0), otrAutoBody},
		{"data, version 1", data(0, 1, 3, 9), otrBody},
		{"data, version 2", data(0, 2, 3, 0), otrBody},
		{"heartbeat, version 2", data(0, 2, 3, 1), otrAutoBody},
		{"data, version 3", v3(3, 0), otrBody},
		{"heartbeat, version 3", v3(3, 1), otrAutoBody},
		{"first fragment, version 2", "?OTR,1,3,?OTR:" + base64.StdEncoding.EncodeToString([]byte{0, 2, 3, 0, 5, 6, 7, 8, 9}) + ",", otrBody},
		{"first fragment, version 3", "?OTR|5a73a599|27e31597,00001,00003,?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA1g5IjD1ZGLDVQEyCgCyn9hb,", otrBody},
		{"first fragment of a key exchange", "?OTR,1,3,?OTR:AAICAAAAxM277nE7lEH30XWAryFZW4W,", otrAutoBody},
		{"second fragment", "?OTR,2,3,mU/xQwlPZqVhXIlvZrbwCjsFtIIDm3G2ZfNuHNB3LN,", otrAutoBody},
		{"cut short", "?OTR:AAMD", otrAutoBody},
		{"no data", "?OTR:!!!!!!!!!!!!!!!!", otrAutoBody},
		{"text with a tag of white space", "Hello \t  \t\t\t\t \t \t \t    \t\t  \t ", textBody},
		{"text about it", "I use ?OTR: sometimes", textBody},
	} {
		f := fields{stanza: stanza{has: hasBody, body: []byte(tt.body)}}
		if got := f.bodyKind(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
