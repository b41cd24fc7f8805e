package smpp

import "encoding/binary"

// Optional parameters (SMPP 3.4 §5.3.2).
const (
	tagReceiptedID    uint16 = 0x001e
	tagSARRef         uint16 = 0x020c
	tagSARTotal       uint16 = 0x020e
	tagSARSeq         uint16 = 0x020f
	tagNetworkError   uint16 = 0x0423
	tagMessagePayload uint16 = 0x0424
	tagMessageState   uint16 = 0x0427
)

// Bits of esm_class (§5.2.12).
const (
	classType         byte = 0x3c
	classReceipt      byte = 0x04
	classIntermediate byte = 0x20
	classUDHI         byte = 0x40
)

// tlv is one optional parameter.
type tlv struct {
	tag   uint16
	value []byte
}

// party is an address with its type of number and numbering plan (§5.2.5, §5.2.6).
type party struct {
	ton, npi byte
	addr     string
}

// message is a submit_sm (§4.4.1), deliver_sm (§4.6.1) or data_sm (§4.7.1, which has fewer fields).
type message struct {
	service             string
	source, dest        party
	class               byte
	protocol, priority  byte
	schedule, validity  string
	registered, replace byte
	coding, defaultID   byte
	short               []byte
	tlvs                []tlv
}

// body encodes a submit_sm or deliver_sm.
func (m *message) body() []byte {
	var w writer
	w.text(m.service)
	w.party(m.source)
	w.party(m.dest)
	w.octets(m.class, m.protocol, m.priority)
	w.text(m.schedule)
	w.text(m.validity)
	w.octets(m.registered, m.replace, m.coding, m.defaultID, byte(len(m.short)))
	w.octets(m.short...)
	for _, t := range m.tlvs {
		w.tlv(t.tag, t.value)
	}
	return w.b
}

func (w *writer) party(p party) {
	w.octets(p.ton, p.npi)
	w.text(p.addr)
}

func (r *reader) party(size int) party { return party{r.octet(), r.octet(), r.text(size)} }

// parseMessage decodes a submit_sm or deliver_sm.
func parseMessage(body []byte) (*message, error) {
	r := reader{b: body}
	m := &message{
		service: r.text(6), source: r.party(21), dest: r.party(21),
		class: r.octet(), protocol: r.octet(), priority: r.octet(),
		schedule: r.text(17), validity: r.text(17),
		registered: r.octet(), replace: r.octet(), coding: r.octet(), defaultID: r.octet(),
	}
	m.short = r.octetString(int(r.octet()))
	m.tlvs = r.tlvs()
	return m, r.err
}

// parseData decodes a data_sm.
func parseData(body []byte) (*message, error) {
	r := reader{b: body}
	m := &message{
		service: r.text(6), source: r.party(65), dest: r.party(65),
		class: r.octet(), registered: r.octet(), coding: r.octet(),
	}
	m.tlvs = r.tlvs()
	return m, r.err
}

// tlv returns the value of an optional parameter; ok is false if it is missing.
func (m *message) tlv(tag uint16) (value []byte, ok bool) {
	for _, t := range m.tlvs {
		if t.tag == tag {
			return t.value, true
		}
	}
	return nil, false
}

// text returns the encoded text, which is in message_payload if short_message is empty (§5.3.2.32).
func (m *message) text() []byte {
	if payload, ok := m.tlv(tagMessagePayload); ok && len(m.short) == 0 {
		return payload
	}
	return m.short
}

// number returns the value of an optional parameter of one or two octets.
func (m *message) number(tag uint16) (n int, ok bool) {
	value, ok := m.tlv(tag)
	switch {
	case !ok:
	case len(value) == 1:
		return int(value[0]), true
	case len(value) == 2:
		return int(binary.BigEndian.Uint16(value)), true
	}
	return 0, false
}

// bindBody encodes a bind of any kind (§4.1.1).
func bindBody(user, password, systemType string) []byte {
	var w writer
	w.text(user)
	w.text(password)
	w.text(systemType)
	w.octets(0x34, 0, 0) // interface_version; addr_ton and addr_npi, as the SMSC has them configured
	w.text("")
	return w.b
}

// messageID decodes the response to a submit_sm (§4.4.2) or data_sm.
func messageID(body []byte) (string, error) {
	r := reader{b: body}
	id := r.text(65)
	return id, r.err
}
