package serverload

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// The server is killed under load, or restarted; so is the component's connection. Nothing is reported twice, each sender's
// messages are reported in order, and losses are visible: a killed run neither says goodbye nor continues.
func TestServerRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if k.tap != lab.Module {
			continue
		}
		for name, end := range map[string]func(*lab.Server){"killed": (*lab.Server).Kill, "stopped": (*lab.Server).Stop} {
			t.Run(k.server+" "+name, func(t *testing.T) {
				t.Parallel()
				byes, runs := 0, 2
				if name == "stopped" {
					if k.server == "prosody" {
						byes = 1
					} else {
						runs = 1 // it closes the component's connection before unloading its modules, and continues the run
					}
				}
				restarted(t, k, end, byes, runs)
			})
		}
	}
}

func restarted(t *testing.T, k kind, end func(*lab.Server), byes, runs int) {
	const pairs, each = 5, 20
	server := k.open(t, lab.Options{Tap: lab.Module, NoMAM: true, Measured: true})
	registered(server, pairs)
	server.Restart() // otherwise the accounts may be lost
	before := &Load{Addr: server.C2S, Domain: server.Domain, Pairs: pairs, Window: window}
	if err := before.Connect(); err != nil {
		t.Fatal(err)
	}
	sink, err := Attach(server.ComponentAddr, server.Component, server.Secret, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { sink.Close() }()
	before.Listen()
	written := make(chan error)
	go func() {
		_, err := before.Write(math.MaxInt, 300, 0) // until the connections end
		written <- err
	}()
	await(t, func() bool { return sink.Now().Events["out"] > 3*pairs*each })
	end(server)
	before.Close()
	if err := <-written; err == nil {
		t.Error("the connections have not ended")
	}
	sink.Close()
	server.Start()

	after := &Load{Addr: server.C2S, Domain: server.Domain, Pairs: pairs, Window: window}
	after.seq.Store(before.seq.Load())
	if err := after.Connect(); err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if err := sink.Connect(server.ComponentAddr, server.Secret); err != nil {
		t.Fatal(err)
	}
	after.Listen()
	if _, err := after.Write(each, 0, 0); err != nil {
		t.Fatal(err)
	}
	first := before.seq.Load()
	var told []int
	await(t, func() bool {
		told = numbers(t, sink.Told())
		return count(told, first) == pairs*each && sink.Acknowledged()
	})
	if got := count(told, first); got != pairs*each {
		t.Errorf("%d messages were reported after the restart, want %d", got, pairs*each)
	}
	seen := sink.Now()
	if got := seen.Events["bye"]; got != byes {
		t.Errorf("%d runs have said goodbye, want %d", got, byes)
	}
	if seen.Missing > 0 || seen.Lost > 0 || sink.Runs() != runs {
		t.Errorf("%d batches are missing, %d events lost, in %d runs", seen.Missing, seen.Lost, sink.Runs())
	}
}

// numbers are those of the reported messages. Each sender's must increase.
func numbers(t *testing.T, told []string) (all []int) {
	t.Helper()
	last := map[string]int{}
	for _, event := range told {
		from, id := attr([]byte(event), "f"), attr([]byte(event), "i")
		if !strings.HasPrefix(event, "out ") || !strings.HasPrefix(id, "m") {
			continue
		}
		n, err := strconv.Atoi(id[1:])
		if err != nil {
			t.Fatalf("%s: %v", event, err)
		}
		if n <= last[from] {
			t.Fatalf("%s came after number %d", event, last[from])
		}
		last[from] = n
		all = append(all, n)
	}
	return all
}

func count(numbers []int, above int64) (n int) {
	for _, number := range numbers {
		if int64(number) > above {
			n++
		}
	}
	return n
}
