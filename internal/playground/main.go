// Playground shows Tocsin in a browser: Alice and Bob side by side, a switch for what Bob's client confirms, and a line of
// time on which each message's states appear. It runs a real Prosody, Tocsin with short times and a web server, all on
// loopback with throw-away data, until it is interrupted. The browser fetches nothing from elsewhere.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tocsin/internal/lab"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the web page; on loopback")
	undelivered := flag.Duration("undelivered", 8*time.Second, "when a message that is not delivered is overdue")
	unread := flag.Duration("unread", 12*time.Second, "when a message that is not read is overdue")
	number := flag.String("number", "+8613800138000", "Bob's number")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &stage{ctx: ctx}
	s.perform(func() { play(s, *listen, *number, *undelivered, *unread) })
	if s.failed {
		os.Exit(1)
	}
}

const domain = "example.org"

func play(s *stage, listen, number string, undelivered, unread time.Duration) {
	root, err := moduleRoot()
	if err != nil {
		s.Fatal(err)
	}
	plugin := filepath.Join(root, "contrib", "converse")
	install(s, plugin)

	server := lab.Prosody(s, lab.Options{Tap: lab.Module, Hosts: []string{domain}})
	tocsin := lab.Tocsin(s, server, lab.Settings{
		"track.undelivered_after": undelivered, "track.unread_after": unread, "track.min_after": "1s", "track.grace": "1s",
		"track.priority":                    lab.TOML(`[{name = "urgent", undelivered_after = "4s", unread_after = "6s"}]`),
		"escalate.reveal":                   "all",
		"escalate.expires":                  "10m",
		"numbers.region":                    "CN",
		"log.level":                         "warn",
		"escalate.per_conversation_per_day": 1000, "escalate.per_recipient_per_day": 1000, "escalate.per_sender_per_hour": 1000,
	})
	tocsin.Must("numbers", "set", "bob@"+domain, number)
	befriend(server)

	l, err := net.Listen("tcp", listen)
	if err != nil {
		s.Fatal(err)
	}
	web := &http.Server{
		Handler: site(plugin, facts{
			Websocket: server.Websocket, Domain: domain, Passwords: map[string]string{"alice": "alice's password", "bob": "bob's password"},
			Undelivered: undelivered.Seconds(), Unread: unread.Seconds(), Number: number,
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	defer web.Close()
	fmt.Printf("\n  Open http://%s/ in a browser (中文: http://%s/?lang=zh). Ctrl-C ends the playground.\n\n", l.Addr(), l.Addr())
	select {
	case <-s.ctx.Done():
	case err := <-ended:
		s.Errorf("serve the page: %v", err)
	}
}

// befriend lets Alice and Bob see each other's presence: Converse.js sends markers to friends only.
func befriend(server *lab.Server) {
	alice, bob := server.Login("alice/setup", lab.Silent), server.Login("bob/setup", lab.Silent)
	for _, pair := range [][2]*lab.Client{{alice, bob}, {bob, alice}} {
		from, to := pair[0], pair[1]
		name := map[*lab.Client]string{alice: "Alice", bob: "Bob"}[to]
		from.Must("set", "", "<query xmlns='jabber:iq:roster'><item jid='"+to.Bare()+"' name='"+name+"'/></query>")
		from.Send("<presence type='subscribe' to='%s'/>", to.Bare())
		to.Expect("presence[@type='subscribe']")
		to.Send("<presence type='subscribed' to='%s'/>", from.Bare())
		from.Expect("presence[@type='subscribed']")
	}
	alice.Sync()
	bob.Sync()
	alice.Close()
	bob.Close()
}

// install brings the plugin's npm packages, as its lock file says, unless they are there.
func install(s *stage, plugin string) {
	lock, err := os.Stat(filepath.Join(plugin, "package-lock.json"))
	if err != nil {
		s.Fatal(err)
	}
	if done, err := os.Stat(filepath.Join(plugin, "node_modules", ".package-lock.json")); err == nil && !done.ModTime().Before(lock.ModTime()) {
		return
	}
	fmt.Println("npm ci …")
	cmd := exec.CommandContext(s.ctx, "npm", "ci", "--no-audit", "--no-fund", "--silent")
	cmd.Dir = plugin
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// moduleRoot returns the folder that holds go.mod, upwards from here.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("run it from within the repository (go env GOMOD: %q, %v)", mod, err)
	}
	return filepath.Dir(mod), nil
}
