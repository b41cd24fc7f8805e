package phrase

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Verb is the verb of a chat command (protocol §7).
type Verb string

const (
	Unknown  Verb = ""
	Greeting Verb = "hello"
	Help     Verb = "help" // Rest: a topic, or ""
	Start    Verb = "start"
	Stop     Verb = "stop"

	// Answers to a prompt.
	Sent   Verb = "sent"
	No     Verb = "no"
	Snooze Verb = "later"
	SendIt Verb = "send" // the component sends the SMS

	Status   Verb = "status"
	Escalate Verb = "send now" // Rest: to whom; "" for the newest message
	Cancel   Verb = "cancel"
	Mute     Verb = "mute"
	Unmute   Verb = "unmute"

	Number Verb = "number" // Rest: a number, "remove", or "" to show one's own
	Code   Verb = "code"   // Rest: the code that confirms the number
	SMSTo  Verb = "sms"    // Rest: on or off, for SMS from the component to the number
	Share  Verb = "share with"
	Hide   Verb = "hide from"
	Unhide Verb = "unhide"
	Who    Verb = "who"

	SetMode     Verb = "mode"
	SetTimes    Verb = "times"
	SetText     Verb = "text"
	SetQuiet    Verb = "quiet"
	SetZone     Verb = "time zone"
	SetWatching Verb = "watch me"
	SetSync     Verb = "my devices"
	SetGateway  Verb = "gateway"
	SetLanguage Verb = "language"
	Settings    Verb = "settings"
	Forget      Verb = "forget me"
)

// Command is a chat command: what a user wrote to the contact.
type Command struct {
	Verb Verb
	Code string        // of the answered prompt, or ""
	For  time.Duration // Snooze
	Rest string        // the text after the verb
}

// DefaultSnooze is how long a prompt is put off by default.
const DefaultSnooze = 10 * time.Minute

// maxCommand is the maximum length of a command, in bytes.
const maxCommand = 200

// words are the words for each verb. The first one of each language is used in help. In Chinese, Rest may follow without a space.
var words = map[Verb][]string{
	Greeting:    {"hello", "hi", "hey", "good morning", "good evening", "你好", "您好", "在吗", "嗨"},
	Help:        {"help", "帮助"},
	Start:       {"start", "开始"},
	Stop:        {"stop", "停止", "停", "退订"},
	Sent:        {"sent", "done", "已发", "已发送", "已发短信", "发了", "发送了"},
	No:          {"no", "不发", "不", "否", "不用", "不用发", "不要"},
	Snooze:      {"later", "snooze", "稍后", "推迟", "等等", "等一下"},
	SendIt:      {"send", "代发", "代发短信", "帮我发"},
	Status:      {"status", "watching", "状态"},
	Escalate:    {"send now", "escalate", "立即发短信", "马上发短信", "改发短信"},
	Cancel:      {"cancel", "取消跟踪", "取消"},
	Mute:        {"mute", "不再询问", "免询问"},
	Unmute:      {"unmute", "恢复询问", "取消免询问"},
	Number:      {"number", "my number", "号码", "我的号码", "手机号码", "手机号"},
	Code:        {"code", "验证码"},
	SMSTo:       {"sms", "短信"},
	Share:       {"share with", "share", "公开给"},
	Hide:        {"hide from", "hide", "隐藏"},
	Unhide:      {"unhide from", "unhide", "取消隐藏"},
	Who:         {"who", "谁看过"},
	SetMode:     {"mode", "方式"},
	SetTimes:    {"times", "时限"},
	SetText:     {"text", "短信内容"},
	SetQuiet:    {"quiet", "quiet hours", "免打扰"},
	SetZone:     {"time zone", "timezone", "zone", "时区"},
	SetWatching: {"watch me", "跟踪我"},
	SetSync:     {"my devices", "我的设备"},
	SetGateway:  {"gateway", "短信网关"},
	SetLanguage: {"language", "语言"},
	Settings:    {"settings", "preferences", "设置"},
	Forget:      {"forget me", "忘记我", "删除我的数据"},
}

// bare are the verbs that must stand alone: "start the pump" is not a command.
var bare = map[Verb]bool{Greeting: true, Start: true, Stop: true, Status: true, Who: true, Settings: true}

// Parse parses a chat command. It ignores case, quotation marks, punctuation, full-width letters and quoted lines, and accepts a
// code before the verb of an answer. An answer must have no other text: "No, thanks, Bob is on holiday" answers no prompt.
func Parse(body string) Command {
	if len(body) > maxCommand {
		body = unquoted(body)
	}
	if len(body) > maxCommand {
		return Command{}
	}
	text := strings.TrimFunc(norm.NFKC.String(unquoted(body)), padding)
	if text == "" {
		if strings.ContainsAny(norm.NFKC.String(body), "?") {
			return Command{Verb: Help}
		}
		return Command{}
	}
	if o, ok := parseAnswer(text); ok {
		return o
	}
	if lone.MatchString(text) {
		return Command{Verb: Code, Rest: text}
	}
	verb, rest := leading(text)
	if verb == Unknown || answerVerbs[verb] || rest != "" && bare[verb] {
		return Command{}
	}
	return Command{Verb: verb, Rest: rest}
}

// lone matches a text that is nothing but a six-digit code.
var lone = regexp.MustCompile(`^[0-9]{3}[ -]?[0-9]{3}$`)

// Digits returns the digits of a code as typed by a user.
func Digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, norm.NFKC.String(text))
}

// padding reports whether r is ignored around a command. Letters, digits, and the plus of a number are not.
func padding(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' }

// leading returns the longest verb that text begins with, and the rest.
func leading(text string) (verb Verb, rest string) {
	lower, longest := strings.ToLower(text), 0
	for v, said := range words {
		for _, word := range said {
			if len(word) > longest && strings.HasPrefix(lower, word) && ends(word, lower[len(word):]) {
				verb, longest = v, len(word)
			}
		}
	}
	if len(lower) != len(text) { // lower case may have another length
		text = lower
	}
	return verb, strings.TrimLeftFunc(text[longest:], padding)
}

// ends reports whether a word ends before after. Chinese words need no separator.
func ends(word, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(word)
	next, size := utf8.DecodeRuneInString(after)
	return size == 0 || unicode.Is(unicode.Han, last) || unicode.Is(unicode.Han, next) || !unicode.IsLetter(next) && !unicode.IsDigit(next)
}

var answerVerbs = map[Verb]bool{Sent: true, No: true, Snooze: true, SendIt: true}

// parseAnswer parses the answer to a prompt: a verb, with a code before or after it, and a duration for Snooze.
func parseAnswer(text string) (o Command, ok bool) {
	said := tokens(strings.ToLower(text))
	verb := func(word string) Verb {
		for v := range answerVerbs {
			if slices.Contains(words[v], word) {
				return v
			}
		}
		return Unknown
	}
	if len(said) > 1 && isCode(said[0]) && verb(said[0]) == Unknown {
		said[0], said[1] = said[1], said[0]
	}
	if len(said) == 0 || verb(said[0]) == Unknown {
		return Command{}, false
	}
	o, said = Command{Verb: verb(said[0])}, said[1:]
	if len(said) > 0 && isCode(said[0]) {
		o.Code, said = said[0], said[1:]
	}
	if o.Verb != Snooze {
		return o, len(said) == 0
	}
	o.For = DefaultSnooze
	if len(said) > 0 && (said[0] == "for" || said[0] == "in") {
		said = said[1:]
	}
	if len(said) > 0 {
		o.For, ok = ParseDuration(strings.Join(said, " "))
		return o, ok
	}
	return o, true
}

// unquoted removes lines that quote another message (XEP-0393 §5.1.3, XEP-0461 §3.1).
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

// ParseDuration parses a duration as people write it: "10m", "1 h 30 min", "90s", "10分钟"; a plain number means minutes. Zero and
// more than a year are invalid.
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

// Reaction returns the answer that an emoji stands for (protocol §7), or Unknown.
func Reaction(emoji string) Verb {
	plain := strings.Map(func(r rune) rune {
		if r == '\uFE0F' || r == '\uFE0E' || r >= '\U0001F3FB' && r <= '\U0001F3FF' { // variation selectors, skin tones
			return -1
		}
		return r
	}, emoji)
	switch plain {
	case "👍", "✅", "✔", "👌":
		return Sent
	case "👎", "❌", "✖":
		return No
	case "⏰", "💤", "⏳":
		return Snooze
	case "📨", "📩", "💬":
		return SendIt
	}
	return Unknown
}
