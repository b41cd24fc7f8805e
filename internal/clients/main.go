// Clients runs a Prosody with Tocsin, to try real clients with both. It plays the other side of the conversation, controlled
// by lines on standard input:
//
//	login bob/phone Gajim            behave as that client: Gajim, Converse, Profanity, Poezio, Silent
//	say bob/phone alice@example.org Good morning.
//	read bob/phone                   look at the newest message
//	logout bob/phone
//	tocsin numbers list              a subcommand of tocsin
//	set escalate.fallback all        another configuration, and reload
//
// It ends at the end of standard input. contrib/clients drives real clients against it.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tocsin/internal/lab"
	"tocsin/internal/tbrun"
)

func main() {
	pages := flag.Bool("pages", true, "prompts by chat have a link to a page")
	undelivered := flag.Duration("undelivered", 6*time.Second, "when a message that is not delivered is overdue")
	unread := flag.Duration("unread", 8*time.Second, "when a message that is not read is overdue")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !tbrun.Perform(ctx, "clients", func(s *tbrun.Stage) { serve(s, *undelivered, *unread, *pages) }) {
		os.Exit(1)
	}
}

const (
	domain = "example.org"
	number = "+8613800138000"
)

var profiles = map[string]lab.Profile{
	"Gajim": lab.Gajim, "Converse": lab.Converse, "Profanity": lab.Profanity, "Poezio": lab.Poezio, "Silent": lab.Silent,
}

func serve(s *tbrun.Stage, undelivered, unread time.Duration, pages bool) {
	server := lab.Prosody(s, lab.Options{Tap: lab.Module, Hosts: []string{domain}, Registration: true})
	settings := lab.Settings{
		"track.undelivered_after": undelivered, "track.unread_after": unread, "track.min_after": "1s", "track.grace": "1s",
		"component.admins": []string{"admin@" + domain}, "numbers.region": "CN",
		"escalate.per_conversation_per_day": 1000, "escalate.per_recipient_per_day": 1000, "escalate.per_sender_per_hour": 1000,
	}
	if pages {
		listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(s))
		settings["web.listen"], settings["web.public"] = listen, "http://"+listen+"/tocsin"
	}
	tocsin := lab.Tocsin(s, server, settings)
	tocsin.Must("numbers", "set", "bob@"+domain, number)
	befriend(server)
	server.AddUser("admin", "admin's password")
	fmt.Printf("clients connect to %s, without TLS, as alice@%s with the password \"alice's password\"\n", server.C2S, domain)
	fmt.Printf("logs: %s %s\n", filepath.Join(server.Dir, "prosody.log"), filepath.Join(tocsin.Dir, "tocsin.log"))

	lines := make(chan string)
	go func() { // ends with standard input, or with the program
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	there := map[string]*lab.Client{}
	for {
		select {
		case <-s.Context().Done():
			return
		case line, ok := <-lines:
			if !ok {
				return
			}
			if err := obey(server, tocsin, there, strings.Fields(line)); err != nil {
				fmt.Println(err)
			} else {
				fmt.Println("ok", line)
			}
		}
	}
}

// obey executes a line.
func obey(server *lab.Server, tocsin *lab.Daemon, there map[string]*lab.Client, words []string) error {
	if len(words) == 0 {
		return nil
	}
	verb, rest := words[0], words[1:]
	switch {
	case verb == "login" && len(rest) == 2:
		profile, ok := profiles[rest[1]]
		if !ok || there[rest[0]] != nil {
			return fmt.Errorf("no such client as %s, or %s is logged in", rest[1], rest[0])
		}
		there[rest[0]] = server.Login(rest[0], profile)
		return nil
	case verb == "tocsin":
		out, fault, code := tocsin.Run(rest...)
		fmt.Print(out, fault)
		if code != 0 {
			return fmt.Errorf("tocsin ended with %d", code)
		}
		return nil
	case verb == "set" && len(rest) >= 2:
		tocsin.Set(lab.Settings{rest[0]: strings.Join(rest[1:], " ")})
		tocsin.Reload()
		return nil
	}
	if len(rest) == 0 || there[rest[0]] == nil {
		return fmt.Errorf("%s: not understood, or nobody of this name is logged in", strings.Join(words, " "))
	}
	who := there[rest[0]]
	switch verb {
	case "say":
		who.Say(rest[1], fmt.Sprintf("s%d", time.Now().UnixMilli()), strings.Join(rest[2:], " "))
	case "read":
		who.Read()
	case "logout":
		who.Close()
		delete(there, rest[0])
	default:
		return fmt.Errorf("%s: not understood", verb)
	}
	return nil
}

// befriend lets Alice and Bob see each other's presence.
func befriend(server *lab.Server) {
	alice, bob := server.Login("alice/setup", lab.Silent), server.Login("bob/setup", lab.Silent)
	lab.Befriend(alice, bob)
	alice.Close()
	bob.Close()
}
