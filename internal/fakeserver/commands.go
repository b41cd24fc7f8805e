package fakeserver

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"
	"time"
)

// commands are the commands of stories.
var commands = map[string]func(*stage, []string) error{
	"recv": func(st *stage, args []string) error {
		if len(args) != 1 {
			return errors.New("recv XML")
		}
		st.send(args[0])
		return nil
	},

	// tap EVENT FROM → TO WORDS: an event of a message, as the tap reports it.
	"tap": func(st *stage, args []string) error {
		from, to, words, err := way(args)
		if err != nil {
			return err
		}
		xml, err := message(from, to, words)
		if err != nil {
			return err
		}
		switch event := args[0]; event {
		case eventOut, eventIn, eventOffline, eventArchived, eventAcked, eventHanded, eventUnacked, eventBounce, eventDropped, eventReplay:
			st.tell(event, from, to, xml, known(words)...)
		default:
			return fmt.Errorf("unknown event %q", event)
		}
		synctest.Wait()
		return nil
	},

	// session WHO EVENT [why=REASON]: an event of a session, for taps that report sessions.
	"session": func(st *stage, args []string) error {
		if len(args) < 2 {
			return errors.New("session NAME/RESOURCE opened|managed|hibernating|resumed|closed [why=REASON]")
		}
		attrs := ""
		if len(args) == 3 {
			attrs = " why='" + escape(strings.TrimPrefix(args[2], "why=")) + "'"
		}
		full := address(args[0])
		st.session(full, args[1], attrs)
		if args[1] == "closed" {
			st.set(func(p people) { delete(p.devices, full) })
		}
		synctest.Wait()
		return nil
	},

	// mds WHO WITH ID: a user's device publishes that it has displayed messages up to this archive id (XEP-0490).
	"mds": func(st *stage, args []string) error {
		if len(args) != 3 {
			return errors.New("mds NAME WITH STANZA-ID")
		}
		owner := address(args[0])
		st.sendEvent(domainOf(owner), fmt.Sprintf("<mds o='%[1]s' with='%[2]s' id='%[3]s' by='%[1]s'/>", escape(owner), escape(address(args[1])), escape(args[2])))
		synctest.Wait()
		return nil
	},

	// archived FROM TO ID STANZA-ID: the id of a message in TO's archive.
	"archived": func(st *stage, args []string) error {
		if len(args) != 4 {
			return errors.New("archived FROM TO ID STANZA-ID")
		}
		to := address(args[1])
		st.sendEvent(domainOf(to), fmt.Sprintf("<stanza-id f='%s' t='%s' i='%s' id='%s'/>", escape(address(args[0])), escape(to), escape(args[2]), escape(args[3])))
		synctest.Wait()
		return nil
	},

	// online WHO FEATURES: a client logs in. A Tocsin-aware one sends directed presence to the component.
	"online": func(st *stage, args []string) error {
		if len(args) == 0 || !strings.Contains(args[0], "/") {
			return errors.New("online NAME/RESOURCE [FEATURE…]")
		}
		full := address(args[0])
		forged, hides := slices.Contains(args, "forged"), slices.Contains(args, "hideform")
		list := slices.DeleteFunc(args[1:], func(word string) bool { return word == "forged" || word == "hideform" })
		st.set(func(p people) { p.devices[full], p.forged[full], p.hides[full] = list, forged, hides })
		st.presence(full, "", slices.Contains(list, "T"))
		return nil
	},
	"offline": func(st *stage, args []string) error {
		if len(args) != 1 {
			return errors.New("offline NAME/RESOURCE")
		}
		full := address(args[0])
		var list []string
		var was bool
		st.set(func(p people) {
			list, was = p.devices[full]
			delete(p.devices, full)
		})
		if !was {
			return errors.New("not online")
		}
		st.presence(full, "unavailable", slices.Contains(list, "T"))
		return nil
	},
	// disco WHO FEATURES: what a client answers from now on, without announcing it; "silent": nothing.
	"disco": func(st *stage, args []string) error {
		if len(args) == 0 {
			return errors.New("disco NAME/RESOURCE [FEATURE…]")
		}
		full := address(args[0])
		st.set(func(p people) {
			p.devices[full] = args[1:]
			p.silent[full] = len(args) == 2 && args[1] == "silent"
		})
		return nil
	},
	// vanish WHO: a client disappears unnoticed.
	"vanish": func(st *stage, args []string) error {
		st.set(func(p people) { delete(p.devices, address(args[0])) })
		return nil
	},

	"number": func(st *stage, args []string) error {
		if len(args) < 2 {
			return errors.New("number NAME NUMBER [private]")
		}
		return st.subject.Number(address(args[0]), args[1], len(args) == 2)
	},
	// phone FROM → TO "TEXT" id=ID: an SMS from a phone.
	"phone": func(st *stage, args []string) error {
		if arrow(args) != 1 || len(args) != 5 {
			return errors.New(`phone NUMBER → NUMBER "TEXT" id=ID`)
		}
		text, err := strconv.Unquote(args[3])
		if err == nil {
			err = st.subject.Phone(strings.TrimPrefix(args[4], "id="), args[0], args[2], text)
		}
		synctest.Wait()
		return err
	},
	// stored WHO quiet=HOURS zone=ZONE: settings in the database, from the next start on.
	"stored": func(st *stage, args []string) error {
		if len(args) != 3 {
			return errors.New("stored NAME quiet=HOURS zone=ZONE")
		}
		return st.subject.Prefer(address(args[0]), strings.TrimPrefix(args[1], "quiet="), strings.TrimPrefix(args[2], "zone="))
	},
	"vcard": func(st *stage, args []string) error {
		if len(args) != 2 {
			return errors.New("vcard NAME NUMBER")
		}
		st.set(func(p people) { p.vcards[address(args[0])] = args[1] })
		return nil
	},
	// called OWNER CONTACT NAME
	"called": func(st *stage, args []string) error {
		if len(args) != 3 {
			return errors.New(`called OWNER CONTACT "NAME"`)
		}
		st.set(func(p people) { p.names[address(args[0])+" "+address(args[1])] = strings.Trim(args[2], `"`) })
		return nil
	},
	// roster OWNER CONTACT SUBSCRIPTION: the content of a roster from now on. Events report it; from the first one on,
	// rosters may also be read.
	"roster": func(st *stage, args []string) error {
		if len(args) != 3 {
			return errors.New("roster OWNER CONTACT SUBSCRIPTION")
		}
		owner, contact := address(args[0]), address(args[1])
		st.set(func(p people) { p.rosters[owner+" "+contact] = args[2] })
		if st.shape == Events {
			st.sendEvent(domainOf(owner), fmt.Sprintf("<roster o='%s' j='%s' ro='%s'/>", escape(owner), escape(contact), escape(args[2])))
			synctest.Wait()
		}
		if !st.people.granted {
			st.mu.Lock()
			st.people.granted = true
			st.mu.Unlock()
			st.send(grant(domain))
			synctest.Wait()
		}
		return nil
	},

	// react WHO ID EMOJI…: a user reacts to a message of the contact; without an emoji, removes the reactions.
	"react": func(st *stage, args []string) error {
		if len(args) < 2 {
			return errors.New("react NAME/RESOURCE ID [EMOJI…]")
		}
		var all strings.Builder
		for _, emoji := range args[2:] {
			fmt.Fprintf(&all, "<reaction>%s</reaction>", escape(emoji))
		}
		return st.write(address(args[0]), []string{fmt.Sprintf("<reactions xmlns='urn:xmpp:reactions:0' id='%s'>%s</reactions>", escape(args[1]), all.String())})
	},
	// say WHO "TEXT" [lang=] [reply=ID]: a user writes to the contact.
	"say": func(st *stage, args []string) error {
		if len(args) < 2 {
			return errors.New(`say NAME/RESOURCE "TEXT"`)
		}
		return st.write(address(args[0]), args[1:])
	},
	// answer WHO PROMPT ACTION [for=SECONDS] → ok, or the error's condition and application-specific condition.
	"answer": func(st *stage, args []string) error {
		i := arrow(args)
		if i < 3 || i == len(args)-1 {
			return errors.New("answer NAME/RESOURCE PROMPT ACTION [for=SECONDS] → RESULT")
		}
		var pause string
		if i == 4 {
			pause = " for='" + strings.TrimPrefix(args[3], "for=") + "'"
		}
		payload := fmt.Sprintf("<answer xmlns='%s' prompt='%s' action='%s'%s/>", nsTocsin, escape(args[1]), escape(args[2]), pause)
		return st.ask(address(args[0]), "set", payload, args[i+1:])
	},
	// ask WHO get|set <payload/> → RESULT: any other request to the component.
	"ask": func(st *stage, args []string) error {
		if arrow(args) != 3 || len(args) < 5 {
			return errors.New("ask NAME/RESOURCE get|set <PAYLOAD/> → RESULT")
		}
		return st.ask(address(args[0]), args[1], args[2], args[4:])
	},

	// command WHO NAME FIELD=VALUE… → RESULT: an ad-hoc command, whose form is submitted with these values (XEP-0050).
	"command": func(st *stage, args []string) error {
		i := arrow(args)
		if i < 2 || i == len(args)-1 {
			return errors.New("command NAME/RESOURCE COMMAND [FIELD=VALUE…] → RESULT")
		}
		return st.command(address(args[0]), args[1], args[2:i], args[i+1:])
	},

	"advance": func(st *stage, args []string) error {
		d, err := time.ParseDuration(strings.Join(args, ""))
		if err != nil {
			return err
		}
		synctest.Wait()
		time.Sleep(d)
		synctest.Wait()
		return nil
	},
	"expect": func(st *stage, args []string) error {
		if len(args) == 1 && args[0] == "nothing" {
			return st.expectNothing()
		}
		p, err := pattern(args)
		if err != nil {
			return err
		}
		return st.expect(p)
	},
	"! expect": func(st *stage, args []string) error {
		p, err := pattern(args)
		if err != nil {
			return err
		}
		return st.expectNot(p)
	},

	"deaf": func(st *stage, args []string) error {
		synctest.Wait()
		st.mu.Lock()
		defer st.mu.Unlock()
		st.deaf = st.peer
		return nil
	},
	"down": func(st *stage, args []string) error {
		st.server.Refuse("connection")
		st.peer.Cut()
		st.peer = nil
		synctest.Wait()
		return nil
	},
	"up": func(st *stage, args []string) error {
		st.server.Refuse("")
		return st.connected()
	},
	"crash": func(st *stage, args []string) error {
		if !st.running {
			return errors.New("not running")
		}
		st.subject.Crash()
		st.running, st.peer = false, nil
		synctest.Wait()
		return nil
	},
	"start": func(st *stage, args []string) error { return st.start() },
}

func init() {
	commands["restart"] = func(st *stage, args []string) error {
		if err := commands["crash"](st, nil); err != nil {
			return err
		}
		return st.start()
	}
}

// set changes what the server knows about people.
func (st *stage) set(change func(people)) {
	synctest.Wait()
	st.mu.Lock()
	defer st.mu.Unlock()
	change(st.people)
}

// ask sends a request, and compares the outcome: "ok", or the conditions of an error. The payload of a result can be
// expected afterwards.
func (st *stage) ask(from, kind, payload string, want []string) error {
	answer, err := st.request(from, kind, payload)
	if err != nil {
		return err
	}
	return st.compare(answer, outcome(answer), want)
}

func (st *stage) compare(answer *Element, got string, want []string) error {
	if got != strings.Join(want, " ") {
		return fmt.Errorf("answered %s", answer.XML)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(answer.Children) > 0 && got == "ok" {
		st.seen = append(st.seen, answer.Children[0])
	}
	return nil
}

// outcome is "ok" for a result, otherwise the conditions of the error.
func outcome(answer *Element) string {
	if answer.Attr["type"] == "result" {
		return "ok"
	}
	var conditions []string
	for _, c := range answer.Children {
		if c.Name.Local != "error" {
			continue
		}
		for _, condition := range c.Children {
			if condition.Name.Local != "text" {
				conditions = append(conditions, condition.Name.Local)
			}
		}
	}
	return strings.Join(conditions, " ")
}

// command runs the two stages of a command: it requests the form, and submits it. The outcome of a command completed with an
// error note is "failed".
func (st *stage) command(from, name string, fields, want []string) error {
	const ns = "http://jabber.org/protocol/commands"
	node := nsTocsin + "#" + name
	answer, err := st.request(from, "set", fmt.Sprintf("<command xmlns='%s' node='%s' action='execute'/>", ns, node))
	if err != nil {
		return err
	}
	command := answer.Child(ns, "command")
	if command != nil && command.Attr["status"] == "executing" {
		var form strings.Builder
		for _, field := range fields {
			name, value, _ := strings.Cut(field, "=")
			fmt.Fprintf(&form, "<field var='%s'><value>%s</value></field>", escape(name), escape(value))
		}
		answer, err = st.request(from, "set", fmt.Sprintf("<command xmlns='%s' node='%s' sessionid='%s' action='complete'>"+
			"<x xmlns='jabber:x:data' type='submit'>%s</x></command>", ns, node, escape(command.Attr["sessionid"]), form.String()))
		if err != nil {
			return err
		}
		command = answer.Child(ns, "command")
	}
	got := outcome(answer)
	if command != nil {
		if note := command.Child(ns, "note"); note != nil && note.Attr["type"] == "error" {
			got = "failed"
		}
	}
	return st.compare(answer, got, want)
}

// way parses FROM → TO, and returns the words after it; TO may be missing.
func way(args []string) (from, to string, words []string, err error) {
	if i := arrow(args); i == 2 && len(args) > 3 {
		if args[3] != "nobody" {
			to = address(args[3])
		}
		return address(args[1]), to, args[4:], nil
	}
	return "", "", nil, errors.New("EVENT FROM → TO …")
}

func arrow(args []string) int {
	for i, arg := range args {
		if arg == "→" {
			return i
		}
	}
	return -1
}

// write sends a user's message to the contact: the tap's copy, and the stanza.
func (st *stage) write(from string, words []string) error {
	xml, err := message(from, contact, words)
	if err != nil {
		return err
	}
	st.tell(eventOut, from, contact, xml)
	st.send(strings.Replace(xml, " xmlns='jabber:client'", "", 1))
	synctest.Wait()
	return nil
}
