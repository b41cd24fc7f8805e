package smpp

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/component/gateway"
	"tocsin/internal/sink"
)

func fromPhone(text string) *message {
	return &message{source: party{1, 1, "8613800138001"}, dest: party{1, 1, "15550009999"}, short: []byte(text)}
}

// Receipts come in either command, also before the response to the submission. They are acknowledged once stored.
func TestReceipts(t *testing.T) {
	for _, command := range []uint32{deliverSM, dataSM} {
		run(t, Route{}, polite, func(t *testing.T, w *world) {
			m := fromPhone("id:A2 stat:DELIVRD err:000 text:Hello")
			m.class = classReceipt
			w.sink.Fail(sink.Always)
			is(t, "while the sink fails", w.deliver(t, command, m), temporaryFailure)
			w.sink.Fail(0)
			is(t, "afterwards", w.deliver(t, command, m), statusOK)
			m.class, m.short = classIntermediate, []byte("id:A3 stat:ENROUTE")
			is(t, "intermediate", w.deliver(t, command, m), statusOK)
			m.class, m.short = classReceipt, []byte("1,DELIVRD,000")
			is(t, "not understood", w.deliver(t, command, m), statusOK)
			m.class = 0x08
			is(t, "acknowledgement", w.deliver(t, command, m), statusOK)
			is(t, "reports", w.sink.Reports(), []gateway.Report{{Route: "r", ID: "A2", State: gateway.Delivered}, {Route: "r", ID: "A3", State: gateway.Accepted}})
			is(t, "replies", len(w.sink.Replies()), 0)
			if !strings.Contains(w.log.String(), "ignoring a receipt without id or state") {
				t.Errorf("logged %q", w.log)
			}
		})
	}
}

func TestReceiptBeforeAnswer(t *testing.T) {
	run(t, Route{}, answering(func(l *link, p pdu) []pdu {
		receipt := &message{class: classReceipt, tlvs: []tlv{{tagReceiptedID, []byte("A2\x00")}, {tagMessageState, []byte{2}}}}
		go func() {
			time.Sleep(time.Second)
			l.send(polite(l, p)[0])
		}()
		return []pdu{{command: deliverSM, seq: 1, body: receipt.body()}}
	}), func(t *testing.T, w *world) {
		answer := make(chan gateway.Answer, 1)
		go func() { answer <- w.submit(t.Context(), "Hello") }()
		synctest.Wait()
		is(t, "reports", w.sink.Reports(), []gateway.Report{{Route: "r", ID: "A2", State: gateway.Delivered}})
		is(t, "ids", (<-answer).IDs, []string{"A2"})
	})
}

// The same text sent again is another reply; a delivery that was not acknowledged is the same reply when it is repeated.
func TestReplies(t *testing.T) {
	run(t, Route{}, polite, func(t *testing.T, w *world) {
		is(t, "first", w.deliver(t, deliverSM, fromPhone("ok")), statusOK)
		is(t, "again", w.deliver(t, deliverSM, fromPhone("ok")), statusOK)
		w.sink.Fail(sink.Always)
		is(t, "fails", w.deliver(t, deliverSM, fromPhone("ok")), temporaryFailure)
		id := w.inbox.known[keyOf(w)].id
		w.sink.Fail(0)
		is(t, "repeated", w.deliver(t, dataSM, fromPhone("ok")), statusOK)
		r := w.sink.Replies()
		if len(r) != 3 || r[0].ID == r[1].ID || r[1].ID == r[2].ID || r[2].ID != id {
			t.Fatalf("got %+v", r)
		}
		is(t, "reply", gateway.Reply{Route: "r", ID: id, From: "+8613800138001", To: "+15550009999", Text: "ok"}, r[2])
		binary := fromPhone("ok")
		binary.coding = 4
		is(t, "binary", w.deliver(t, deliverSM, binary), statusOK)
		nobody := fromPhone("ok")
		nobody.source.addr = "86\xff"
		is(t, "from nobody", w.deliver(t, deliverSM, nobody), statusOK)
		is(t, "broken", w.deliver(t, deliverSM, &message{source: party{1, 1, strings.Repeat("1", 30)}}), invalidLength)
		is(t, "replies", len(w.sink.Replies()), 3)
	})
}

func keyOf(w *world) string {
	for key := range w.inbox.known {
		return key
	}
	return ""
}

// The parts of a long reply are joined, in any order. The last one is acknowledged once all is stored, and may be repeated alone.
func TestLongReply(t *testing.T) {
	text := strings.Repeat("好的，马上到", 40)
	for _, long := range []string{byUDH, bySAR} {
		run(t, Route{}, polite, func(t *testing.T, w *world) {
			list := parts(&Route{Long: long, Alphabet: gsm7}, gateway.Submission{Text: text, To: "+1"}, 9)
			list[0], list[2] = list[2], list[0]
			for i, m := range list {
				m.registered, m.validity = 0, ""
				m.source, m.dest = fromPhone("").source, fromPhone("").dest
				if i < len(list)-1 {
					is(t, "part", w.deliver(t, deliverSM, m), statusOK)
					is(t, "replies", len(w.sink.Replies()), 0)
				}
			}
			last := list[len(list)-1]
			w.sink.Fail(sink.Always)
			is(t, "last, fails", w.deliver(t, deliverSM, last), temporaryFailure)
			w.sink.Fail(0)
			is(t, "last", w.deliver(t, deliverSM, last), statusOK)
			if len(w.sink.Replies()) != 1 || w.sink.Replies()[0].Text != text {
				t.Fatalf("got %+v", w.sink.Replies())
			}
			is(t, "partial", len(w.inbox.partial), 0)
		})
	}
}

// Incomplete texts are dropped after a while, and their number is limited.
func TestLonelyParts(t *testing.T) {
	run(t, Route{}, polite, func(t *testing.T, w *world) {
		part := fromPhone("")
		part.class = classUDHI
		for i := range maxPartial + 10 {
			part.source.addr = fmt.Sprint(8613800138000 + i/maxPartialPerPhone)
			part.short = []byte{5, 0, 3, byte(i), 2, 1, 'x'}
			want := statusOK
			if i >= maxPartial {
				want = temporaryFailure
			}
			is(t, "answer", w.deliver(t, deliverSM, part), want)
		}
		is(t, "partial", len(w.inbox.partial), maxPartial)
		time.Sleep(partsTimeout + time.Second)
		part.short = []byte{5, 0, 3, 200, 2, 1, 'x'}
		w.deliver(t, deliverSM, part)
		is(t, "partial", len(w.inbox.partial), 1)
	})
}

// Incomplete texts from one phone do not block another's.
func TestLonelyPartsOfOne(t *testing.T) {
	run(t, Route{}, polite, func(t *testing.T, w *world) {
		part := fromPhone("")
		part.class = classUDHI
		for i := range maxPartialPerPhone + 1 {
			part.short = []byte{5, 0, 3, byte(i), 2, 1, 'x'}
			want := statusOK
			if i == maxPartialPerPhone {
				want = temporaryFailure
			}
			is(t, "answer", w.deliver(t, deliverSM, part), want)
		}
		part.short = []byte{5, 0, 3, 0, 2, 2, 'y'}
		is(t, "the other half of one", w.deliver(t, deliverSM, part), statusOK)
		part.source.addr = "8613800138002"
		part.short = []byte{5, 0, 3, maxPartialPerPhone, 2, 1, 'x'}
		is(t, "another phone's", w.deliver(t, deliverSM, part), statusOK)
	})
}

// An SMSC that delivers faster than the database can store has to retry.
func TestFlood(t *testing.T) {
	run(t, Route{}, polite, func(t *testing.T, w *world) {
		stuck := make(chan struct{})
		w.inbox.jobs <- job{report: &gateway.Report{}}
		resume := w.sink.Hang()
		go func() { <-stuck; resume() }()
		l := w.smsc.last()
		statuses := map[uint32]int{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range maxWaiting + 50 {
				statuses[(<-l.got).status]++
			}
		}()
		for i := range maxWaiting + 50 {
			m := fromPhone("ok")
			l.send(pdu{command: deliverSM, seq: uint32(i + 1), body: m.body()})
		}
		close(stuck)
		<-done
		if statuses[temporaryFailure] < 40 || statuses[statusOK] < maxWaiting {
			t.Errorf("got %v", statuses)
		}
	})
}

func TestHexDec(t *testing.T) {
	run(t, Route{IDs: idsHexDec}, answering(func(_ *link, p pdu) []pdu {
		return []pdu{p.response(0, []byte("A0000001\x00"))}
	}), func(t *testing.T, w *world) {
		is(t, "ids", w.submit(t.Context(), "Hello").IDs, []string{"2684354561"})
		m := fromPhone("id:2684354561 stat:DELIVRD")
		m.class = classReceipt
		w.deliver(t, deliverSM, m)
		is(t, "reports", w.sink.Reports()[0].ID, "2684354561")
	})
}
