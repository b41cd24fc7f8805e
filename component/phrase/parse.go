package phrase

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Verb is what a person wants who writes to the contact.
type Verb string

const (
	Unknown Verb = ""
	Sent    Verb = "sent"
	No      Verb = "no"
	Snooze  Verb = "snooze"
	Help    Verb = "help"
	Status  Verb = "status"
	Stop    Verb = "stop"
	Start   Verb = "start"
)

// Order is what a person wrote to the contact.
type Order struct {
	Verb Verb
	Code string        // of the prompt, "" if none was named
	For  time.Duration // Snooze
}

// DefaultSnooze is how long a prompt is put off by somebody who does not say how long.
const DefaultSnooze = 10 * time.Minute

// maxOrder is the longest text that can be an order, in bytes.
const maxOrder = 200

// words are what people may say; those of one script only.
var words = map[string]Verb{
	"sent": Sent, "done": Sent, "已发": Sent, "已发送": Sent, "已发短信": Sent, "发了": Sent, "发送了": Sent,
	"no": No, "不": No, "否": No, "不发": No, "不用": No, "不用发": No, "不要": No,
	"snooze": Snooze, "later": Snooze, "稍后": Snooze, "推迟": Snooze, "等等": Snooze, "等一下": Snooze,
	"help": Help, "帮助": Help,
	"status": Status, "状态": Status,
	"stop": Stop, "停": Stop, "停止": Stop, "退订": Stop,
	"start": Start, "开始": Start,
}

// Parse reads an order. It forgives case, quotes, punctuation, full-width letters, quoted lines and a code before the
// verb; but nothing else may stand there: "No, thanks, Bob is on holiday" answers no prompt.
func Parse(body string) Order {
	if len(body) > maxOrder {
		body = unquoted(body)
	}
	if len(body) > maxOrder {
		return Order{}
	}
	text := strings.ToLower(norm.NFKC.String(unquoted(body)))
	if strings.Trim(text, "? \n\t") == "" && strings.Contains(text, "?") {
		return Order{Verb: Help}
	}
	said := tokens(text)
	if len(said) > 1 && isCode(said[0]) && words[said[0]] == Unknown {
		said[0], said[1] = said[1], said[0]
	}
	if len(said) == 0 {
		return Order{}
	}
	o := Order{Verb: words[said[0]]}
	said = said[1:]
	switch o.Verb {
	case Sent, No, Snooze:
		if len(said) > 0 && isCode(said[0]) {
			o.Code, said = said[0], said[1:]
		}
	}
	if o.Verb == Snooze {
		o.For = DefaultSnooze
		if len(said) > 0 && (said[0] == "for" || said[0] == "in") {
			said = said[1:]
		}
		if len(said) > 0 {
			d, ok := ParseDuration(strings.Join(said, " "))
			if !ok {
				return Order{}
			}
			o.For, said = d, nil
		}
	}
	if len(said) > 0 {
		return Order{}
	}
	return o
}

// unquoted returns text without the lines that quote another message (XEP-0393 §5.1.3, XEP-0461 §3.1).
func unquoted(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), ">") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// tokens splits text into words: runs of ideographs, and runs of other letters and digits.
func tokens(text string) []string {
	var all []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			all = append(all, string(word))
			word = word[:0]
		}
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			end()
			continue
		}
		if len(word) > 0 && unicode.Is(unicode.Han, word[0]) != unicode.Is(unicode.Han, r) {
			end()
		}
		word = append(word, r)
	}
	end()
	return all
}

// isCode reports whether a word has the form of a code (protocol §7).
func isCode(word string) bool {
	return len(word) == 4 && strings.Trim(word, "23456789abcdefghjkmnpqrstuvwxyz") == ""
}

var units = map[string]time.Duration{
	"":  time.Minute,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second, "秒": time.Second, "秒钟": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute, "分": time.Minute, "分钟": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour, "小时": time.Hour, "个小时": time.Hour, "时": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour, "天": 24 * time.Hour,
}

const year = 366 * 24 * time.Hour

// ParseDuration reads a time as people write it: "10m", "1 h 30 min", "90s", "10分钟"; a number alone is minutes.
// Zero and more than a year are none.
func ParseDuration(text string) (d time.Duration, ok bool) {
	rest := strings.ToLower(norm.NFKC.String(strings.TrimSpace(text)))
	if rest == "半小时" || rest == "半个小时" {
		return 30 * time.Minute, true
	}
	if len(rest) > 40 {
		return 0, false
	}
	for rest != "" {
		number := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return 0, false
		}
		rest = strings.TrimLeft(rest[len(number):], " ")
		end := strings.IndexAny(rest, " 0123456789")
		if end < 0 {
			end = len(rest)
		}
		unit, known := units[rest[:end]]
		if !known || end == 0 && (rest != "" || d > 0) {
			return 0, false
		}
		rest = strings.TrimLeft(rest[end:], " ")
		if n > uint64(year/unit) {
			return 0, false
		}
		if d += time.Duration(n) * unit; d > year {
			return 0, false
		}
	}
	return d, d > 0
}
