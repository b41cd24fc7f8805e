package smpp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/component/gateway"
)

// captured returns the PDUs of testdata/pdus.txt, exchanged between an ESME and node-smpp 0.5.1.
func captured(t testing.TB) (list []pdu, raw [][]byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/pdus.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "  ") {
			continue
		}
		code, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		p, err := readPDU(bytes.NewReader(code))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list, raw = append(list, p), append(raw, code)
	}
	if len(list) < 15 {
		t.Fatalf("only %d PDUs", len(list))
	}
	return list, raw
}

// Every captured PDU, and the body of messages, is encoded as it was decoded.
func TestCapturedComeBack(t *testing.T) {
	list, raw := captured(t)
	for i, p := range list {
		if p.command == submitSM || p.command == deliverSM {
			m, err := parseMessage(p.body)
			if err != nil {
				t.Fatal(err)
			}
			p.body = m.body()
		}
		if !bytes.Equal(p.bytes(), raw[i]) {
			t.Errorf("got  %x\nwant %x", p.bytes(), raw[i])
		}
	}
}

// Our submissions equal those captured from an ESME that node-smpp understood.
func TestSubmitAsCaptured(t *testing.T) {
	list, raw := captured(t)
	long := strings.Repeat("abcdefghij", 20)
	chinese := strings.Repeat("你好世界吗", 20)
	submission := func(to, text string) gateway.Submission {
		return gateway.Submission{From: "+15550009999", To: "+" + to, Text: text, Validity: 10 * time.Minute}
	}
	if got := bindBody("tocsin", "s3cret", ""); !bytes.Equal(got, list[0].body) {
		t.Errorf("bind_transceiver\ngot  %x\nwant %x", got, list[0].body)
	}
	var made [][]byte
	for _, test := range []struct {
		m    gateway.Submission
		long string
		ref  byte
	}{
		{submission("8613800138001", "Alice wrote: are you there? €[]"), byUDH, 1},
		{submission("8613800138021", long), byUDH, 0x94},
		{submission("8613800138023", chinese), bySAR, 0xa6},
	} {
		for _, m := range parts(&Route{Long: test.long, Alphabet: gsm7}, test.m, test.ref) {
			made = append(made, m.body())
		}
	}
	var want [][]byte
	for i, p := range list {
		if p.command == submitSM {
			m, _ := parseMessage(p.body)
			if to := m.dest.addr; to == "8613800138001" || to == "8613800138021" || to == "8613800138023" {
				want = append(want, raw[i][headerSize:])
			}
		}
	}
	if diff := cmp.Diff(hexes(want), hexes(made)); diff != "" {
		t.Error(diff)
	}
}

func hexes(list [][]byte) (s []string) {
	for _, b := range list {
		s = append(s, hex.EncodeToString(b))
	}
	return s
}

func TestReceiptsCaptured(t *testing.T) {
	list, _ := captured(t)
	var got []string
	for _, p := range list {
		if p.command != deliverSM {
			continue
		}
		m, err := parseMessage(p.body)
		if err != nil {
			t.Fatal(err)
		}
		id, state, ok := receipt(m, idsSame)
		if !ok {
			t.Errorf("not understood: %q", m.short)
		}
		got = append(got, id+" "+map[gateway.State]string{gateway.Delivered: "delivered", gateway.Failed: "failed"}[state])
	}
	if diff := cmp.Diff([]string{"A0000004 delivered", "A0000005 failed", "A0000006 delivered"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadPDU(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		want error
	}{
		"nothing":   {"", io.EOF},
		"half":      {"0000001000", io.ErrUnexpectedEOF},
		"too short": {"0000000f000000150000000000000001", errLength},
		"too long":  {"ffffffff000000150000000000000001", errLength},
		"no body":   {"00000020000000040000000000000001", io.ErrUnexpectedEOF},
		"whole":     {"00000010000000150000000000000001", nil},
	} {
		code, _ := hex.DecodeString(test.in)
		_, err := readPDU(bytes.NewReader(code))
		if !errors.Is(err, test.want) && !(test.want == io.ErrUnexpectedEOF && errors.Is(err, io.EOF)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A mutilated body is an error, and never causes a panic.
func FuzzMessage(f *testing.F) {
	list, _ := captured(f)
	for _, p := range list {
		f.Add(p.body, true)
	}
	f.Add([]byte("\x00\x01\x01491\x00\x01\x01492\x00\x04\x00\x00\x04\x24\x00\x05id:1 \x04\x27\x00\x01\x02"), false)
	f.Fuzz(func(t *testing.T, body []byte, short bool) {
		read := parseData
		if short {
			read = parseMessage
		}
		m, err := read(body)
		if err != nil {
			return
		}
		if short && !bytes.Equal(m.body(), body) && len(m.tlvs) == 0 {
			t.Fatalf("comes back as %x", m.body())
		}
		receipt(m, idsSame)
		receipt(m, idsHexDec)
		f, code, isPart := split(m)
		if isPart && !f.valid() {
			t.Fatalf("part %+v", f)
		}
		if text, ok := decode(code, m.coding, gsm7); ok && len([]rune(text)) > len(code) {
			t.Fatalf("%d octets are %d characters", len(code), len([]rune(text)))
		}
	})
}

// Reading any octets terminates.
func FuzzReadPDU(f *testing.F) {
	_, raw := captured(f)
	for _, code := range raw {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		for {
			p, err := readPDU(r)
			if err != nil {
				return
			}
			if again, err := readPDU(bytes.NewReader(p.bytes())); err != nil || !bytes.Equal(again.body, p.body) {
				t.Fatalf("%v comes back as %v, %v", p, again, err)
			}
		}
	})
}
