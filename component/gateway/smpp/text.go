package smpp

import (
	"encoding/binary"
	"strings"

	"tocsin/component/gateway"
	"tocsin/component/sms"
)

// Possible meanings of data_coding 0 (SMPP 3.4 §5.2.19: the SMSC's default alphabet).
const (
	gsm7   = "gsm7"
	latin1 = "latin1"
	ascii  = "ascii"
)

// data_coding (§5.2.19).
const (
	codingDefault byte = 0
	codingASCII   byte = 1
	codingBinary  byte = 2
	codingLatin1  byte = 3
	codingUCS2    byte = 8
)

// Ways to send a text of several segments.
const (
	byUDH     = "udh"     // the user data header of 3GPP TS 23.040 §9.2.3.24.1
	bySAR     = "sar"     // the sar_ parameters of SMPP (§5.3.2.22-25)
	byPayload = "payload" // the whole text in message_payload (§5.3.2.32); the SMSC splits it
)

// maxParts is the limit of one octet.
const maxParts = 255

// encode encodes text in the SMSC's default alphabet, or in UTF-16 if that lacks a character. Characters outside the GSM alphabet
// always need UTF-16, because phones have no other 7-bit alphabet.
func encode(text, alphabet string) (code []byte, coding byte) {
	code, ok := sms.Septets(text)
	if ok && alphabet != gsm7 {
		code, ok = single(text, alphabet)
	}
	if ok {
		return code, codingDefault
	}
	return sms.UCS2(text), codingUCS2
}

// single encodes text with one octet per character.
func single(text, alphabet string) (code []byte, ok bool) {
	limit := rune(0xff)
	if alphabet == ascii {
		limit = 0x7f
	}
	for _, r := range text {
		if r > limit {
			return nil, false
		}
		code = append(code, byte(r))
	}
	return code, true
}

// decode decodes a text from a phone; ok is false for binary content and unknown alphabets.
func decode(code []byte, coding byte, alphabet string) (text string, ok bool) {
	switch {
	case coding == codingUCS2, coding&0xec == 0x08: // general data coding of TS 23.038 §4, which some SMSCs pass on
		return sms.FromUCS2(code), true
	case coding == codingLatin1, coding == codingDefault && alphabet == latin1:
		return latin(code), true
	case coding == codingASCII, coding == codingDefault && alphabet == ascii:
		return strings.ToValidUTF8(string(code), "\ufffd"), true
	case coding != codingBinary && coding&0xec == 0, coding&0xf4 == 0xf0: // the latter with a message class, TS 23.038 §4
		return sms.FromSeptets(code), true
	}
	return "", false
}

func latin(code []byte) string {
	var b strings.Builder
	for _, c := range code {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// parts returns the submit_sm for a submission, one per segment unless the SMSC splits the text. ref is the concatenation
// reference: the same in a repetition, so that the phone recognises the parts. It returns nil if there are too many segments.
func parts(r *Route, m gateway.Submission, ref byte) []*message {
	from := m.From
	if from == "" {
		from = r.From
	}
	base := message{
		service: r.ServiceType, source: sender(from), dest: party{1, 1, strings.TrimPrefix(m.To, "+")},
		validity: relative(m.Validity), registered: 1,
	}
	code, coding := encode(m.Text, r.Alphabet)
	base.coding = coding
	segments := sms.Split(m.Text, coding == codingDefault)
	if len(segments) > maxParts {
		return nil
	}
	if len(segments) == 1 || r.Long == byPayload {
		if len(segments) == 1 {
			base.short = code
		} else {
			base.tlvs = []tlv{{tagMessagePayload, code}}
		}
		return []*message{&base}
	}
	list := make([]*message, len(segments))
	total := byte(len(segments)) //nolint:gosec // at most maxParts
	for i, segment := range segments {
		part := base
		code := octets(segment, r.Alphabet, coding)
		seq := byte(i + 1) //nolint:gosec // at most maxParts
		if r.Long == bySAR {
			part.short = code
			part.tlvs = []tlv{{tagSARRef, []byte{0, ref}}, {tagSARTotal, []byte{total}}, {tagSARSeq, []byte{seq}}}
		} else {
			part.class |= classUDHI
			part.short = append([]byte{5, 0, 3, ref, total, seq}, code...)
		}
		list[i] = &part
	}
	return list
}

// octets encodes a segment in the encoding of the whole text, even if the segment alone would not need it.
func octets(segment, alphabet string, coding byte) []byte {
	if coding == codingUCS2 {
		return sms.UCS2(segment)
	}
	code, _ := encode(segment, alphabet)
	return code
}

// sender returns the address of a sender with its type (SMPP 3.4 §5.2.5, §5.2.6): a number, a short code, or alphanumeric.
func sender(from string) party {
	digits, global := strings.CutPrefix(from, "+")
	switch {
	case from == "":
		return party{}
	case global:
		return party{1, 1, digits}
	case strings.Trim(from, "0123456789") == "":
		return party{3, 0, from}
	}
	return party{5, 0, from}
}

// fragment is the position of a part in a concatenated text.
type fragment struct {
	ref        int
	total, seq int
}

// split returns a part's position and octets, from the user data header or the sar_ parameters; ok is false for a whole text.
func split(m *message) (f fragment, code []byte, ok bool) {
	code = m.text()
	if m.class&classUDHI != 0 && len(code) > 0 {
		end := 1 + int(code[0])
		if end > len(code) {
			return f, nil, false
		}
		f, ok = header(code[1:end])
		return f, code[end:], ok
	}
	ref, hasRef := m.number(tagSARRef)
	total, hasTotal := m.number(tagSARTotal)
	seq, hasSeq := m.number(tagSARSeq)
	if hasRef && hasTotal && hasSeq {
		f = fragment{ref, total, seq}
		return f, code, f.valid()
	}
	return f, code, false
}

// header finds the concatenation element in a user data header (TS 23.040 §9.2.3.24.1 and .8).
func header(elements []byte) (f fragment, ok bool) {
	for len(elements) >= 2 {
		id, n := elements[0], int(elements[1])
		if 2+n > len(elements) {
			return f, false
		}
		value := elements[2 : 2+n]
		elements = elements[2+n:]
		switch {
		case id == 0 && n == 3:
			f = fragment{int(value[0]), int(value[1]), int(value[2])}
			return f, f.valid()
		case id == 8 && n == 4:
			f = fragment{int(binary.BigEndian.Uint16(value)), int(value[2]), int(value[3])}
			return f, f.valid()
		}
	}
	return f, false
}

func (f fragment) valid() bool { return f.total > 1 && f.seq >= 1 && f.seq <= f.total }
