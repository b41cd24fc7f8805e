package main

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// A whole story between two terminals, on real servers.
func TestStory(t *testing.T) {
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Hosts: []string{"example.org"}})
	tocsin := lab.Tocsin(t, server, lab.Settings{"numbers.region": "CN"})
	story(t, server, tocsin)
}

func TestStoryOnEjabberd(t *testing.T) {
	server := lab.Ejabberd(t, lab.Options{Tap: lab.ServiceLog, Hosts: []string{"example.org"}})
	tocsin := lab.Tocsin(t, server, lab.Settings{"numbers.region": "CN"})
	story(t, server, tocsin)
}

func story(t *testing.T, server *lab.Server, tocsin *lab.Daemon) {
	for _, user := range []string{"alice", "bob"} {
		server.AddUser(user, user+"'s password")
	}
	one, other := server.Login("alice/setup", lab.Silent), server.Login("bob/setup", lab.Silent)
	lab.Befriend(one, other) // from strangers no confirmations are expected
	one.Close()
	other.Close()
	tocsin.Must("numbers", "set", "bob@example.org", "+8613800138000")
	alice := start(t, server, "alice", "bob", "markers")
	alice.sees("* tocsin.example.org watches what you send to bob@example.org.")
	bob := start(t, server, "bob", "alice", "receipts")
	bob.sees("* tocsin.example.org watches")

	alice.types("The pump has failed")
	bob.sees("< The pump has failed")
	alice.sees("#1 delivered (by receipt")
	// Bob's client does not confirm reading, but has shown that it can: the message times out as unread.
	alice.sees("Send an SMS?")
	alice.sees("  sms:+8613800138000?body=")
	alice.types("/sent")
	alice.sees("* Recorded: SMS sent.")
	alice.sees("#1 escalated")
	bob.types("On my way") // a reply implies that the messages before it were read
	from := alice.seen     // the two may come in either order
	alice.sees("< On my way")
	last := alice.seen
	alice.seen = from
	alice.sees("#1 displayed (by reply)")
	alice.seen = max(last, alice.seen)
	alice.types("/sent")
	alice.sees("* There is nothing to answer.")
	alice.types("/quit")
	alice.ends()
}

// terminal is a running tocsin-chat.
type terminal struct {
	t     *testing.T
	name  string
	in    io.WriteCloser
	done  chan struct{}
	err   error
	mu    sync.Mutex
	lines []string
	seen  int
	more  chan struct{} // receives a value when a line is printed, or the output ends
}

func start(t *testing.T, server *lab.Server, user, to, confirm string) *terminal {
	t.Helper()
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	term := &terminal{t: t, name: user, in: typed, done: make(chan struct{}), more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(term.done)
		term.err = run(ctx, []string{
			"-jid", user + "@example.org/terminal", "-password", user + "'s password", "-server", server.C2S, "-to", to + "@example.org", "-confirm", confirm,
		}, in, out)
		out.Close()
	}()
	var reading sync.WaitGroup
	reading.Go(func() {
		for s := bufio.NewScanner(shown); s.Scan(); {
			term.mu.Lock()
			term.lines = append(term.lines, s.Text())
			term.mu.Unlock()
			select {
			case term.more <- struct{}{}:
			default:
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		typed.Close()
		<-term.done
		reading.Wait()
		if t.Failed() {
			t.Logf("%s's terminal (%v):\n%s", user, term.err, strings.Join(term.lines, "\n"))
		}
	})
	return term
}

func (term *terminal) types(line string) {
	term.t.Helper()
	if _, err := io.WriteString(term.in, line+"\n"); err != nil {
		term.t.Fatal(err)
	}
}

// sees waits for a line with the text, after the last line it waited for.
func (term *terminal) sees(text string) {
	term.t.Helper()
	late := time.After(30 * time.Second)
	for {
		term.mu.Lock()
		for i := term.seen; i < len(term.lines); i++ {
			if strings.Contains(term.lines[i], text) {
				term.seen = i + 1
				term.mu.Unlock()
				return
			}
		}
		term.mu.Unlock()
		select {
		case <-term.more:
		case <-term.done:
			term.t.Fatalf("%s's chat ended (%v) before %q", term.name, term.err, text)
		case <-late:
			term.t.Fatalf("%s's terminal does not print %q", term.name, text)
		}
	}
}

func (term *terminal) ends() {
	term.t.Helper()
	select {
	case <-term.done:
		if term.err != nil {
			term.t.Error(term.err)
		}
	case <-time.After(lab.Timeout):
		term.t.Errorf("%s's chat did not end", term.name)
	}
}

// The exit codes of the program.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "tocsin-chat")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for args, want := range map[string]int{
		"-help": 0,
		"":      2,
		"-jid alice@example.org -to bob@example.org -server 127.0.0.1:1": 1, // nothing listens there
	} {
		cmd := exec.Command(program, strings.Fields(args)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("tocsin-chat %s: exit %d, want %d\n%s", args, got, want, out)
		}
	}
}
