package serverload

import (
	"testing"
	"time"

	"tocsin/internal/lab"
)

// The component's connection is cut again and again under load: every event is reported once, none is lost.
func TestReconnectUnderLoad(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if k.tap == lab.Module {
			t.Run(k.server, func(t *testing.T) {
				t.Parallel()
				reconnects(t, k)
			})
		}
	}
}

func reconnects(t *testing.T, k kind) {
	const pairs, each = 5, 100
	server := k.open(t, lab.Options{Tap: lab.Module, NoMAM: true, Measured: true})
	l := connected(t, server, pairs, false)
	defer l.Close()
	sink, err := Attach(server.ComponentAddr, server.Component, server.Secret, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { sink.Close() }()
	l.Listen()
	written := make(chan error, 1)
	go func() {
		_, err := l.Write(each, 250, 0)
		written <- err
	}()
	for cut := time.NewTicker(200 * time.Millisecond); err == nil; {
		select {
		case err = <-written:
			if err != nil {
				t.Fatal(err)
			}
			cut.Stop()
			await(t, func() bool {
				seen := sink.Now()
				return seen.Events["out"] >= 3*pairs*each && seen.Events["handed"] >= pairs*each && sink.Acknowledged()
			})
			seen := sink.Now()
			if out, handed := seen.Events["out"], seen.Events["handed"]; out != 3*pairs*each || handed != pairs*each || seen.Lost > 0 || seen.Missing > 0 {
				t.Errorf("%d out, %d handed, %d lost, %d batches missing; want %d, %d, 0, 0", out, handed, seen.Lost, seen.Missing, 3*pairs*each, pairs*each)
			}
			return
		case <-cut.C:
			sink.Close()
			if err := sink.Connect(server.ComponentAddr, server.Secret); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func await(t testing.TB, is func() bool) {
	t.Helper()
	turn := time.NewTicker(10 * time.Millisecond)
	defer turn.Stop()
	for deadline := time.Now().Add(lab.Timeout); !is(); <-turn.C {
		if time.Now().After(deadline) {
			return
		}
	}
}
