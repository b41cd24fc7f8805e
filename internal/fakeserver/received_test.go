package fakeserver

import (
	"crypto/sha1"
	"fmt"
	"net"
	"testing"
	"time"
)

// Received counts bytes before they are read, and End is where each stanza ends among them.
func TestReceived(t *testing.T) {
	const first, both = "<message id='m1'/>", "<message id='m1'/><message id='m2'/>"
	s, err := Listen("tocsin.example.org", "secret")
	if err != nil {
		t.Fatal(err)
	}
	ends, read := make(chan int64), make(chan bool)
	s.Answer = func(_ *Peer, e *Element) bool {
		ends <- e.End
		<-read
		return true
	}
	s.Start()
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", s.Domain)
	fmt.Fprintf(conn, "<handshake>%x</handshake>", sha1.Sum([]byte(s.StreamID+s.Secret)))
	peer, err := s.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := peer.Received()
	fmt.Fprint(conn, both)
	if end := <-ends; end != before+int64(len(first)) {
		t.Errorf("the first stanza ends at %d, %d bytes were received", end, before)
	}
	for deadline := time.Now().Add(time.Minute); peer.Received() < before+int64(len(both)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes were received, %d before", peer.Received(), before)
		}
	}
	read <- true
	if end := <-ends; end != peer.Received() {
		t.Errorf("the second stanza ends at %d, %d bytes were received", end, peer.Received())
	}
	read <- true
}
