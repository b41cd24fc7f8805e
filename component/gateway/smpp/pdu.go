package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Commands (SMPP 3.4 §5.1.2.1).
const (
	bindReceiver    uint32 = 0x00000001
	bindTransmitter uint32 = 0x00000002
	submitSM        uint32 = 0x00000004
	deliverSM       uint32 = 0x00000005
	unbind          uint32 = 0x00000006
	bindTransceiver uint32 = 0x00000009
	enquireLink     uint32 = 0x00000015
	dataSM          uint32 = 0x00000103
	genericNack     uint32 = 0x80000000
	response        uint32 = 0x80000000 // set in the command of every response
)

// Statuses (§5.1.3).
const (
	statusOK         uint32 = 0x00
	invalidLength    uint32 = 0x01 // ESME_RINVMSGLEN: of the text
	invalidCmdLen    uint32 = 0x02 // ESME_RINVCMDLEN
	invalidCommand   uint32 = 0x03 // ESME_RINVCMDID
	systemError      uint32 = 0x08 // ESME_RSYSERR
	invalidDest      uint32 = 0x0b // ESME_RINVDSTADR
	bindFailed       uint32 = 0x0d // ESME_RBINDFAIL
	invalidPassword  uint32 = 0x0e // ESME_RINVPASWD
	invalidSystemID  uint32 = 0x0f // ESME_RINVSYSID
	queueFull        uint32 = 0x14 // ESME_RMSGQFUL
	invalidDestTON   uint32 = 0x50 // ESME_RINVDSTTON
	invalidDestNPI   uint32 = 0x51 // ESME_RINVDSTNPI
	throttled        uint32 = 0x58 // ESME_RTHROTTLED
	temporaryFailure uint32 = 0x64 // ESME_RX_T_APPN
	permanentFailure uint32 = 0x65 // ESME_RX_P_APPN
	rejected         uint32 = 0x66 // ESME_RX_R_APPN
	deliveryFailed   uint32 = 0xfe // ESME_RDELIVERYFAILURE
	unknownError     uint32 = 0xff // ESME_RUNKNOWNERR
)

const (
	headerSize = 16
	maxPDU     = 70 << 10 // bytes; message_payload alone may have 64 KiB
)

// pdu is a protocol data unit: header and body.
type pdu struct {
	command, status, seq uint32
	body                 []byte
}

// errLength means that a PDU's length is invalid. The stream can't be read any further.
var errLength = errors.New("invalid command_length")

// readPDU reads one PDU.
func readPDU(r io.Reader) (pdu, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return pdu{}, err
	}
	p := pdu{command: binary.BigEndian.Uint32(h[4:]), status: binary.BigEndian.Uint32(h[8:]), seq: binary.BigEndian.Uint32(h[12:])}
	length := binary.BigEndian.Uint32(h[:])
	if length < headerSize || length > maxPDU {
		return p, errLength
	}
	p.body = make([]byte, length-headerSize)
	_, err := io.ReadFull(r, p.body)
	return p, err
}

func (p pdu) bytes() []byte {
	b := make([]byte, 0, headerSize+len(p.body))
	b = binary.BigEndian.AppendUint32(b, uint32(headerSize+len(p.body))) //nolint:gosec // we write no larger bodies
	b = binary.BigEndian.AppendUint32(b, p.command)
	b = binary.BigEndian.AppendUint32(b, p.status)
	b = binary.BigEndian.AppendUint32(b, p.seq)
	return append(b, p.body...)
}

// response returns the response to p.
func (p pdu) response(status uint32, body []byte) pdu {
	return pdu{command: p.command | response, status: status, seq: p.seq, body: body}
}

// writer encodes the parameters of a body.
type writer struct{ b []byte }

func (w *writer) octets(values ...byte) { w.b = append(w.b, values...) }

// text writes a C-octet string, which is terminated by a zero octet (§3.1).
func (w *writer) text(s string) { w.b = append(append(w.b, s...), 0) }

func (w *writer) tlv(tag uint16, value []byte) {
	w.b = binary.BigEndian.AppendUint16(w.b, tag)
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(len(value))) //nolint:gosec // callers keep to 64 KiB
	w.b = append(w.b, value...)
}

// reader decodes the parameters of a body. After the first error it returns zero values.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.b = nil
}

func (r *reader) octet() byte {
	if len(r.b) == 0 {
		r.fail("the body ends early")
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// text reads a C-octet string of at most size octets, including its terminator.
func (r *reader) text(size int) string {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 || i >= size {
		r.fail("string of more than %d octets", size-1)
		return ""
	}
	s := string(r.b[:i])
	r.b = r.b[i+1:]
	return s
}

func (r *reader) octetString(n int) []byte {
	if n > len(r.b) {
		r.fail("the body ends early")
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

// tlvs reads the remaining optional parameters (§5.3).
func (r *reader) tlvs() (list []tlv) {
	for len(r.b) > 0 && r.err == nil {
		head := r.octetString(4)
		if r.err != nil {
			break
		}
		value := r.octetString(int(binary.BigEndian.Uint16(head[2:])))
		list = append(list, tlv{binary.BigEndian.Uint16(head), value})
	}
	return list
}
