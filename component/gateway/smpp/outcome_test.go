package smpp

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/component/gateway"
)

// Each kind of response to submit_sm.
func TestOutcomes(t *testing.T) {
	status := func(n uint32) func(*link, pdu) []pdu {
		return answering(func(_ *link, p pdu) []pdu { return []pdu{p.response(n, nil)} })
	}
	for name, test := range map[string]struct {
		script func(*link, pdu) []pdu
		want   gateway.Answer
	}{
		"taken":                   {polite, gateway.Answer{Outcome: gateway.Sent, Class: "sent", IDs: []string{"A2"}}},
		"taken without an id":     {answering(func(_ *link, p pdu) []pdu { return []pdu{p.response(0, []byte{0})} }), gateway.Answer{Outcome: gateway.Sent, Class: "sent"}},
		"taken with a broken id":  {answering(func(_ *link, p pdu) []pdu { return []pdu{p.response(0, []byte("abc"))} }), gateway.Answer{Outcome: gateway.Unsure, Class: "unknown"}},
		"answer of another kind":  {answering(func(_ *link, p pdu) []pdu { p.command = enquireLink; return []pdu{p.response(0, []byte{0})} }), gateway.Answer{Outcome: gateway.Unsure, Class: "unknown"}},
		"throttled":               {status(throttled), gateway.Answer{Outcome: gateway.NotSent, Class: "throttled", Wait: minPause}},
		"queue full":              {status(queueFull), gateway.Answer{Outcome: gateway.NotSent, Class: "throttled", Wait: minPause}},
		"wrong number":            {status(invalidDest), gateway.Answer{Outcome: gateway.Refused, Class: "0x0000000b"}},
		"wrong sender":            {status(0x0a), gateway.Answer{Outcome: gateway.NotSent, Class: "0x0000000a"}},
		"submit failed":           {status(0x45), gateway.Answer{Outcome: gateway.NotSent, Class: "0x00000045"}},
		"system error":            {status(systemError), gateway.Answer{Outcome: gateway.Unsure, Class: "0x00000008"}},
		"of the vendor":           {status(0x401), gateway.Answer{Outcome: gateway.NotSent, Class: "0x00000401"}},
		"generic_nack":            {answering(func(_ *link, p pdu) []pdu { return []pdu{{command: genericNack, status: invalidCommand, seq: p.seq}} }), gateway.Answer{Outcome: gateway.NotSent, Class: "0x00000003"}},
		"link lost":               {answering(func(l *link, _ pdu) []pdu { l.conn.Close(); return nil }), gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}},
		"unbound instead":         {answering(func(*link, pdu) []pdu { return []pdu{{command: unbind, seq: 1}} }), gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}},
		"never answered":          {answering(func(*link, pdu) []pdu { return nil }), gateway.Answer{Outcome: gateway.Unsure, Class: "timeout"}},
		"answered with rubbish":   {answering(func(l *link, _ pdu) []pdu { l.conn.Write(make([]byte, 16)); return nil }), gateway.Answer{Outcome: gateway.Unsure, Class: "lost"}},
		"not bound":               {func(l *link, p pdu) []pdu { return []pdu{p.response(invalidPassword, nil)} }, gateway.Answer{Outcome: gateway.NotSent, Class: "unbound"}},
		"answer to somebody else": {answering(func(_ *link, p pdu) []pdu { p.seq += 1000; return []pdu{p.response(0, []byte{0})} }), gateway.Answer{Outcome: gateway.Unsure, Class: "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Route{}, test.script, func(t *testing.T, w *world) {
				is(t, "answer", w.submit(t.Context(), "Hello"), test.want)
			})
		})
	}
}

// Throttling pauses the whole route, twice as long each time, until a submission succeeds.
func TestThrottled(t *testing.T) {
	n := 0
	run(t, Route{}, answering(func(l *link, p pdu) []pdu {
		if n++; n <= 9 {
			return []pdu{p.response(throttled, nil)}
		}
		return polite(l, p)
	}), func(t *testing.T, w *world) {
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 120, 120} {
			wait *= minPause
			is(t, "first", w.submit(t.Context(), "Hello"), gateway.Answer{Outcome: gateway.NotSent, Class: "throttled", Wait: wait})
			before := n
			is(t, "meanwhile", w.submit(t.Context(), "Hello"), gateway.Answer{Outcome: gateway.NotSent, Class: "throttled", Wait: wait})
			if n != before {
				t.Error("asked meanwhile")
			}
			time.Sleep(wait)
		}
		is(t, "at last", w.submit(t.Context(), "Hello").Outcome, gateway.Sent)
		n = 8
		is(t, "anew", w.submit(t.Context(), "Hello").Wait, minPause)
	})
}

// Outstanding submissions are limited by the window. One that waits for its turn when the link is lost was not sent.
func TestWindow(t *testing.T) {
	var under, most int
	var mu sync.Mutex
	var hold chan bool // must be made within the bubble
	run(t, Route{Window: 3}, answering(func(l *link, p pdu) []pdu {
		mu.Lock()
		under++
		most = max(most, under)
		mu.Unlock()
		go func() {
			if <-hold {
				mu.Lock()
				under--
				mu.Unlock()
				l.send(polite(l, p)[0])
			}
		}()
		return nil
	}), func(t *testing.T, w *world) {
		hold = make(chan bool)
		answers := make(chan gateway.Answer, 10)
		for range 10 {
			go func() { answers <- w.submit(t.Context(), "Hello") }()
		}
		synctest.Wait()
		for range 4 {
			hold <- true
			synctest.Wait()
		}
		w.smsc.last().conn.Close()
		close(hold)
		got := map[string]int{}
		for range 10 {
			a := <-answers
			got[a.Class]++
		}
		is(t, "answers", got, map[string]int{"sent": 4, "lost": 3, "unbound": 3})
		is(t, "at once", most, 3)
	})
}

// Long texts: parts are sent one after the other, throttling is waited out, and a part that fails makes the text unsure.
func TestParts(t *testing.T) {
	for name, test := range map[string]struct {
		second func(pdu) []pdu
		want   gateway.Answer
	}{
		"taken":      {nil, gateway.Answer{Outcome: gateway.Sent, Class: "sent", IDs: []string{"A2", "A3", "A4"}}},
		"refused":    {func(p pdu) []pdu { return []pdu{p.response(invalidDest, nil)} }, gateway.Answer{Outcome: gateway.Unsure, Class: "part"}},
		"unanswered": {func(pdu) []pdu { return nil }, gateway.Answer{Outcome: gateway.Unsure, Class: "part"}},
		"throttled":  {func(p pdu) []pdu { return []pdu{p.response(throttled, nil)} }, gateway.Answer{Outcome: gateway.Sent, Class: "sent", IDs: []string{"A2", "A4", "A5"}}},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			run(t, Route{}, answering(func(l *link, p pdu) []pdu {
				if n++; n == 2 && test.second != nil {
					return test.second(p)
				}
				return polite(l, p)
			}), func(t *testing.T, w *world) {
				is(t, "answer", w.submit(t.Context(), strings.Repeat("Hello ", 60)), test.want)
			})
		})
	}
}

// A late response still decides.
func TestLateAnswer(t *testing.T) {
	for status, want := range map[uint32]gateway.Report{
		statusOK:    {Route: "r", Ref: ref, ID: "A2", State: gateway.Accepted},
		invalidDest: {Route: "r", Ref: ref, State: gateway.Failed},
	} {
		run(t, Route{}, answering(func(l *link, p pdu) []pdu {
			go func() {
				time.Sleep(20 * time.Second)
				if answer := polite(l, p)[0]; status == statusOK {
					l.send(answer)
				} else {
					l.send(p.response(status, nil))
				}
			}()
			return nil
		}), func(t *testing.T, w *world) {
			is(t, "answer", w.submit(t.Context(), "Hello").Class, "timeout")
			time.Sleep(11 * time.Second)
			synctest.Wait()
			is(t, "reports", w.sink.Reports(), []gateway.Report{want})
		})
	}
}

// After each kind of failure the gateway rebinds, soon at first; after refused credentials it waits longer.
func TestRebind(t *testing.T) {
	run(t, Route{}, polite, func(t *testing.T, w *world) {
		w.smsc.last().conn.Close()
		synctest.Wait()
		up, why := w.Up()
		is(t, "up", up, false)
		is(t, "why", why, io.EOF.Error())
		time.Sleep(minPause)
		synctest.Wait()
		up, why = w.Up()
		is(t, "up again", up, true)
		is(t, "why", why, "")
		w.smsc.last().send(pdu{command: unbind, seq: 1})
		is(t, "answer to unbind", (<-w.smsc.last().got).command, unbind|response)
		time.Sleep(2 * minPause)
		synctest.Wait()
		is(t, "binds", w.smsc.said(), []string{"bind 9", "bind 9", "bind 9"})
		is(t, "check", w.Check(t.Context()), nil)
	})
	run(t, Route{}, func(l *link, p pdu) []pdu { return []pdu{p.response(bindFailed, nil)} }, func(t *testing.T, w *world) {
		up, why := w.Up()
		is(t, "up", up, false)
		is(t, "why", why, "bind refused with status 0x0000000d")
		time.Sleep(time.Hour)
		if n := w.smsc.dialed(); n < 10 || n > 20 { // 5 s, 10 s, … 5 min
			t.Errorf("%d tries in an hour", n)
		}
		is(t, "check", w.Check(t.Context()).Error(), why)
	})
	run(t, Route{}, polite, func(t *testing.T, w *world) {
		w.smsc.mu.Lock()
		w.smsc.dead = true
		w.smsc.mu.Unlock()
		w.smsc.last().conn.Close()
		time.Sleep(time.Hour)
		if n := w.smsc.dialed(); n < 50 || n > 80 { // 250 ms, … a minute
			t.Errorf("%d tries in an hour", n)
		}
	})
}

// The link to a silent SMSC is closed; an idle one gets enquire_link.
func TestEnquire(t *testing.T) {
	var asked int
	var mute bool
	var mu sync.Mutex
	run(t, Route{}, func(l *link, p pdu) []pdu {
		mu.Lock()
		defer mu.Unlock()
		if p.command == enquireLink {
			asked++
			if mute {
				return nil
			}
		}
		return polite(l, p)
	}, func(t *testing.T, w *world) {
		time.Sleep(95 * time.Second)
		mu.Lock()
		is(t, "asked", asked, 3)
		mute = true
		mu.Unlock()
		time.Sleep(36 * time.Second) // 25 s until enquire_link, 10 s for the response, 250 ms
		synctest.Wait()
		is(t, "binds", w.smsc.said(), []string{"bind 9", "bind 9"})
		w.smsc.last().send(pdu{command: enquireLink, seq: 5})
		is(t, "answer", <-w.smsc.last().got, pdu{command: enquireLink | response, seq: 5, body: []byte{}})
		w.smsc.last().send(pdu{command: 0x55, seq: 6})
		is(t, "answer", <-w.smsc.last().got, pdu{command: genericNack, status: invalidCommand, seq: 6, body: []byte{}})
	})
}

// A pair of binds: losing the receiver does not stop submissions.
func TestPair(t *testing.T) {
	run(t, Route{Bind: "pair"}, polite, func(t *testing.T, w *world) {
		said := w.smsc.said()
		if len(said) != 2 || said[0] == said[1] {
			t.Fatalf("got %v", said)
		}
		for _, l := range w.smsc.links {
			l.send(pdu{command: enquireLink, seq: 5})
			<-l.got
		}
		is(t, "answer", w.submit(t.Context(), "Hello").Outcome, gateway.Sent)
	})
}

// Shutting down waits for outstanding submissions, accepts no more, and unbinds.
func TestShutdown(t *testing.T) {
	run(t, Route{}, answering(func(l *link, p pdu) []pdu {
		go func() {
			time.Sleep(3 * time.Second)
			l.send(polite(l, p)[0])
		}()
		return nil
	}), func(t *testing.T, w *world) {
		answers := make(chan gateway.Answer, 1)
		go func() { answers <- w.submit(context.Background(), "Hello") }()
		synctest.Wait()
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			is(t, "meanwhile", w.submit(context.Background(), "Hello").Class, "unbound")
		}()
		w.stop()
		is(t, "answer", (<-answers).Outcome, gateway.Sent)
		is(t, "took", time.Since(began), 3*time.Second)
		is(t, "said", w.smsc.said(), []string{"bind 9", "submit 8613800138000", "unbind"})
	})
}
