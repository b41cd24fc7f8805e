package lab

import (
	"slices"
	"strconv"
	"strings"
)

const (
	nsTap   = "urn:tocsin:tap:1"
	nsDisco = "http://jabber.org/protocol/disco#info"
)

// Batch is the header of a batch of events (docs/PROTOCOL.md §10).
type Batch struct {
	Host, Run string
	N, Lost   int
	Events    int
}

// handle answers the requests of a module with events, puts the events into the inbox like stanzas, and acknowledges their
// batches.
func (c *Component) handle(e *Element) (keep bool) {
	if e.Is("iq[@type='get']/{" + nsDisco + "}query") {
		var features strings.Builder
		for _, f := range append([]string{nsTap}, c.Features...) {
			features.WriteString("<feature var='" + Escape(f) + "'/>")
		}
		_ = c.put("<iq type='result' id='" + Escape(e.Attr("id")) + "' from='" + c.jid + "' to='" + Escape(e.Attr("from")) + "'><query xmlns='" + nsDisco +
			"'><identity category='component' type='generic'/>" + features.String() + "</query></iq>")
		c.asked()
		return true
	}
	tap := e.Find("{" + nsTap + "}tap")
	if tap == nil {
		return false
	}
	c.mu.Lock()
	n, _ := strconv.Atoi(tap.Attr("n"))
	lost, _ := strconv.Atoi(tap.Attr("lost"))
	c.batches = append(c.batches, Batch{Host: e.Attr("from"), Run: tap.Attr("run"), N: n, Lost: lost, Events: len(tap.Children)})
	silent := c.silent
	c.mu.Unlock()
	c.push(tap.Children...)
	if !silent {
		c.acks++
		_ = c.put("<iq type='set' id='ack-" + strconv.Itoa(c.acks) + "' from='" + c.jid + "' to='" + Escape(e.Attr("from")) + "'><ack xmlns='" + nsTap +
			"' run='" + Escape(tap.Attr("run")) + "' n='" + Escape(tap.Attr("n")) + "'/></iq>")
	}
	return true
}

// Batches returns the batches so far, on all connections of this component.
func (c *Component) Batches() []Batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.batches)
}

// Silent makes the component acknowledge no batches, like one that is stuck; false ends that for later ones.
func (c *Component) Silent(silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = silent
}

// Events removes the events with these names from the inbox and returns them in order; without names, all.
func (c *Component) Events(names ...string) (events []*Element) {
	for {
		e, err := c.take(0, func(e *Element) bool {
			return e.Name.Space == nsTap && (len(names) == 0 || slices.Contains(names, e.Name.Local))
		})
		if err != nil {
			return events
		}
		events = append(events, e)
	}
}

// AboutMessages are the names of the events about messages.
var AboutMessages = []string{"out", "in", "handed", "acked", "unacked", "offline", "bounce", "dropped"}

// Event describes an event briefly: its name, and the message's id or the session's address.
func Event(e *Element) string {
	what := e.Name.Local
	for _, key := range []string{"i", "s", "j"} {
		if v := e.Attr(key); v != "" {
			what += " " + v
			break
		}
	}
	for _, key := range []string{"y", "how", "why"} {
		if v := e.Attr(key); v != "" {
			what += " " + v
		}
	}
	return what
}
