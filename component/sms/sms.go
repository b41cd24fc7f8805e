// Package sms composes the text of an SMS, counts and encodes its segments, makes URIs that open a composer with it, and reads
// replies. It is pure, and knows nothing about messages or the owners of numbers. Its tests are tables and property tests.
package sms

import (
	"fmt"
	"strings"
	"text/template"

	"tocsin/xep/escalation"
)

// Fill is the data for an SMS template. Text is empty for a notice.
type Fill struct {
	Sender string // bare JID
	Domain string // of the sender
	Text   string // the message; for a burst all messages, separated by line breaks
	Burst  bool   // several messages: if the text is too long, its middle is cut, not its end (protocol §5)
}

// Draft is an SMS as shown in a prompt.
type Draft struct {
	Text     string // "": the client fills it in
	URI      string // sms:, "" without a number
	Tel      string // tel:, "" without a number
	Segments int    // 0 without a text
	Encoding escalation.Encoding
}

// Compose composes an SMS to number, which may be "", from a template (nil: only the message's text). The result has at most limit
// graphemes: the message is cut, and the rest of the template is kept.
func Compose(t *template.Template, f Fill, number string, limit int) (Draft, error) {
	f.Text = Clean(f.Text)
	text, err := render(t, f)
	if err != nil {
		return Draft{}, err
	}
	if over := length(text) - limit; over > 0 && f.Text != "" {
		if room := length(f.Text) - over; room > 0 {
			f.Text = f.cut(f.Text, room)
			if text, err = render(t, f); err != nil {
				return Draft{}, err
			}
		}
	}
	d := Blank(number)
	d.Text = f.cut(text, limit)
	d.Segments, d.Encoding = Count(d.Text)
	d.URI = URI(number, d.Text)
	return d, nil
}

func (f Fill) cut(text string, n int) string {
	if f.Burst {
		return cutMiddle(text, n)
	}
	return Cut(text, n)
}

// Blank returns an SMS whose text the client fills in, for instance because the message is encrypted.
func Blank(number string) Draft {
	return Draft{URI: URI(number, ""), Tel: Tel(number)}
}

// render executes the template. Without a text, trailing punctuation is removed, so that a template for messages also works for
// notices.
func render(t *template.Template, f Fill) (string, error) {
	if t == nil {
		return f.Text, nil
	}
	var b strings.Builder
	if err := t.Execute(&b, f); err != nil {
		return "", fmt.Errorf("execute the SMS template: %w", err)
	}
	text := Clean(b.String())
	if f.Text == "" {
		text = strings.TrimRight(text, " \n:：,，、-–—")
	}
	return text, nil
}

// Fit is Compose for an SMS sent by the component. Including before and after, it takes at most the given number of segments, n.
func Fit(t *template.Template, f Fill, limit, segments int, before, after string) (text string, n int, err error) {
	fits := func(limit int) bool {
		var d Draft
		if d, err = Compose(t, f, "", limit); err == nil {
			text = before + d.Text + after
			n, _ = Count(text)
		}
		return err == nil && n <= segments
	}
	if fits(limit) || err != nil {
		return text, n, err
	}
	low, high := 0, limit // binary search: it fits with low, but not with high
	for high-low > 1 && err == nil {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	fits(low)
	return text, n, err
}
