package main

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/xep/escalation"
	"tocsin/xep/hints"
	"tocsin/xep/markers"
	"tocsin/xep/receipts"
)

// chat is the client's state and its decisions. It does no I/O.
type chat struct {
	to      jid.JID // bare
	service string  // domain whose statuses and prompts are trusted; "" if the server has none
	confirm string

	numbers map[string]int    // numbers of one's own messages by stanza id, from 1
	seqs    map[string]uint32 // seq of the newest status by stanza id
	open    []escalation.Escalate
}

func newChat(to jid.JID, confirm string) *chat {
	return &chat{to: to, confirm: confirm, numbers: make(map[string]int), seqs: make(map[string]uint32)}
}

// action is the effect of a typed line or a received stanza.
type action struct {
	show   []string
	send   []message
	answer *escalation.Answer
	quit   bool
}

const help = `A line is sent as a message; /urgent TEXT marks it as urgent, /unwatched TEXT disables watching. On a prompt: /sent, /no, /snooze [SECONDS].
/quit or end of input ends the chat.`

func (c *chat) welcome() string {
	if c.service == "" {
		return "* The server does not run Tocsin: messages are sent, but not watched.\n" + help
	}
	return fmt.Sprintf("* %s watches what you send to %s.\n%s", c.service, c.to, help)
}

// line handles a line typed by the user.
func (c *chat) line(text string) action {
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "":
		return action{}
	case "/quit":
		return action{quit: true}
	case "/sent":
		return c.reply(escalation.Answer{Action: escalation.Sent})
	case "/no":
		return c.reply(escalation.Answer{Action: escalation.Decline})
	case "/snooze":
		if rest == "" {
			rest = "600"
		}
		if n, err := strconv.Atoi(rest); err != nil || n <= 0 {
			return action{show: []string{"* /snooze takes seconds, like /snooze 600"}}
		}
		return c.reply(escalation.Answer{Action: escalation.Snooze, For: rest})
	case "/urgent":
		return c.compose(rest, escalation.Track{Priority: escalation.Urgent})
	case "/unwatched":
		return c.compose(rest, escalation.Track{Until: escalation.UntilNone})
	}
	if strings.HasPrefix(word, "/") {
		return action{show: []string{help}}
	}
	return c.compose(strings.TrimSpace(text), escalation.Track{Priority: escalation.Normal})
}

// compose sends a message that asks for a receipt (XEP-0184), a marker (XEP-0333), and to be watched.
func (c *chat) compose(body string, hint escalation.Track) action {
	if body == "" {
		return action{show: []string{help}}
	}
	id := rand.Text()
	c.numbers[id] = len(c.numbers) + 1
	return action{
		show: []string{fmt.Sprintf("#%d > %s", c.numbers[id], body)},
		send: []message{{
			To: c.to.String(), Type: "chat", ID: id, Body: body,
			Request: &receipts.Request{}, Markable: &markers.Markable{}, Track: &hint,
		}},
	}
}

func (c *chat) reply(a escalation.Answer) action {
	if len(c.open) == 0 {
		return action{show: []string{"* There is nothing to answer."}}
	}
	a.Prompt = c.open[0].Prompt
	return action{answer: &a}
}

// answered describes the outcome of an answer. It also removes the prompt, which is no longer open, unless the service could
// not be reached.
func (c *chat) answered(a escalation.Answer, fault string) string {
	if fault == "" || fault == "item-not-found" || fault == "gone" || fault == "not-acceptable" || fault == "conflict" {
		c.forget(a.Prompt)
	}
	switch fault {
	case "":
		return map[escalation.Action]string{
			escalation.Sent: "* Recorded: SMS sent.", escalation.Decline: "* Recorded: no SMS.", escalation.Snooze: "* You will be asked again.",
		}[a.Action]
	case "not-acceptable":
		return "* It has been read meanwhile: no SMS is needed."
	case "conflict":
		return "* Another of your devices is dealing with it."
	case "gone", "item-not-found":
		return "* The prompt is no longer open."
	}
	return "* The service returned an error: " + fault
}

// receive handles a message stanza.
func (c *chat) receive(m message, now time.Time) action {
	from, err := jid.Parse(m.From)
	if err != nil || m.Type == "error" {
		return action{}
	}
	// Only the service sends states and prompts: its domain, or its contact there, without a resource. Such elements are
	// ignored from anyone else.
	if c.service != "" && from.Domainpart() == c.service && from.Resourcepart() == "" {
		return c.notified(m)
	}
	if !from.Bare().Equal(c.to) || m.Body == "" {
		return action{}
	}
	act := action{show: []string{fmt.Sprintf("%s < %s", now.Format("15:04:05"), m.Body)}}
	if m.ID == "" || m.Delay != nil && c.confirm == "nothing" {
		return act
	}
	if m.Request != nil && c.confirm != "nothing" {
		act.send = append(act.send, message{
			To: m.From, Type: "chat", ID: rand.Text(), Received: &receipts.Received{ID: m.ID}, Store: &hints.Store{},
		})
	}
	// What is printed is displayed. The marker goes to the bare JID, for all of the sender's clients (XEP-0333 §4.2).
	if m.Markable != nil && c.confirm == "markers" {
		act.send = append(act.send, message{
			To: c.to.String(), Type: "chat", ID: rand.Text(), Displayed: &markers.Displayed{ID: m.ID}, Store: &hints.Store{},
		})
	}
	return act
}

// notified handles a message from the service.
func (c *chat) notified(m message) (act action) {
	statuses := m.Status
	if m.Statuses != nil {
		statuses = append(statuses, m.Statuses.Status...)
	}
	for _, s := range statuses {
		if s.Seq <= c.seqs[s.ID] {
			continue // older than the one we have
		}
		c.seqs[s.ID] = s.Seq
		if n, ok := c.numbers[s.ID]; ok {
			act.show = append(act.show, fmt.Sprintf("#%d %s%s", n, s.State, because(s)))
		}
	}
	if m.Escalate != nil {
		act.show = append(act.show, c.prompt(*m.Escalate)...)
	}
	if m.Withdraw != nil && c.forget(m.Withdraw.Prompt) {
		act.show = append(act.show, fmt.Sprintf("* No SMS is needed any more (%s).", m.Withdraw.Reason))
	}
	if m.SMSReply != nil {
		act.show = append(act.show, fmt.Sprintf("* %s replied by SMS: %s", m.SMSReply.With, m.SMSReply.Text))
	}
	return act
}

// prompt stores a prompt and returns the lines to print: a later one of the same id replaces it.
func (c *chat) prompt(e escalation.Escalate) []string {
	c.forget(e.Prompt)
	c.open = append(c.open, e)
	if e.Test {
		return append([]string{"* A test by the server's admin: no SMS is needed."}, how(e)...)
	}
	about := []string{c.name(e.ID)}
	for _, also := range e.Also {
		about = append(about, c.name(also.ID))
	}
	return append([]string{fmt.Sprintf("* %s: %s of %s. Send an SMS?", e.With, e.Reason, strings.Join(about, ", "))}, how(e)...)
}

// how explains how to answer a prompt.
func how(e escalation.Escalate) (lines []string) {
	// Only sms: links are shown: users may click on them in a terminal.
	if e.SMS != nil && strings.HasPrefix(e.SMS.URI, "sms:") {
		lines = append(lines, "  "+e.SMS.URI)
	} else {
		lines = append(lines, "  No number is known.")
	}
	return append(lines, "  Then answer /sent, /no or /snooze.")
}

func (c *chat) name(id string) string {
	if n, ok := c.numbers[id]; ok {
		return "#" + strconv.Itoa(n)
	}
	return "an earlier message"
}

func (c *chat) forget(prompt string) (found bool) {
	before := len(c.open)
	c.open = slices.DeleteFunc(c.open, func(e escalation.Escalate) bool { return e.Prompt == prompt })
	return len(c.open) < before
}

func because(s escalation.Status) string {
	var why []string
	if s.Basis != "" {
		why = append(why, "by "+string(s.Basis))
	}
	if s.Further == escalation.Unknown {
		why = append(why, "no read confirmation expected")
	}
	if len(why) == 0 {
		return ""
	}
	return " (" + strings.Join(why, ", ") + ")"
}
