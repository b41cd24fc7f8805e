package phrase

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*3600)
	now      = time.Date(2026, 11, 24, 10, 12, 0, 0, shanghai)
	sent     = time.Date(2026, 11, 24, 10, 2, 0, 0, shanghai)
)

func TestPrompt(t *testing.T) {
	const link, page = "sms:+8613800138000?body=Hello", "https://xmpp.example.org/tocsin/p/x7f3k9"
	one, three := []time.Time{sent}, []time.Time{sent, sent.Add(time.Minute), now}
	burst := []string{"Hi Bob", "The pump\nhas failed", "please call me"}
	const number = "+8613800138000"
	for name, tc := range map[string]struct {
		ask    PromptContent
		en, zh string
	}{
		"unread": {PromptContent{Reason: track.StateTimeoutUnread, Sent: one, Quotes: burst[:1], Number: number, Text: "alice wrote: Hi Bob", Link: link},
			`bob@example.org has not read your message from 10:02:
> Hi Bob
SMS to +8613800138000:
alice wrote: Hi Bob
sms:+8613800138000?body=Hello
React 👍 when sent, 👎 for no, ⏰ for later. (Or reply: sent, no, later.)`,
			`bob@example.org 还没有阅读您 10:02 的消息：
> Hi Bob
发短信到 +8613800138000：
alice wrote: Hi Bob
sms:+8613800138000?body=Hello
已发短信点 👍，不发点 👎，稍后再问点 ⏰。（或回复：已发、不发、稍后。）`},
		"with a gateway": {PromptContent{Reason: track.StateTimeoutUnread, Sent: one, Number: number, Text: "alice wrote: Hi Bob", Link: link, Gateway: "cheogram.com", Via: "xmpp:+8613800138000@cheogram.com?message"},
			`bob@example.org has not read your message from 10:02.
SMS to +8613800138000:
alice wrote: Hi Bob
Via cheogram.com: xmpp:+8613800138000@cheogram.com?message
sms:+8613800138000?body=Hello
React 👍 when sent, 👎 for no, ⏰ for later. (Or reply: sent, no, later.)`,
			`bob@example.org 还没有阅读您 10:02 的消息。
发短信到 +8613800138000：
alice wrote: Hi Bob
通过 cheogram.com 发送：xmpp:+8613800138000@cheogram.com?message
sms:+8613800138000?body=Hello
已发短信点 👍，不发点 👎，稍后再问点 ⏰。（或回复：已发、不发、稍后。）`},
		"a burst, with a page": {PromptContent{Reason: track.StateTimeoutUnread, Sent: three, Quotes: burst, Number: number, Text: "…", Link: page, IsPage: true},
			`bob@example.org has not read your 3 messages since 10:02:
> Hi Bob
> The pump has failed
> please call me
SMS: https://xmpp.example.org/tocsin/p/x7f3k9
React 👍 when sent, 👎 for no, ⏰ for later. (Or reply: sent, no, later.)`,
			`bob@example.org 还没有阅读您 10:02 以来的 3 条消息：
> Hi Bob
> The pump has failed
> please call me
短信：https://xmpp.example.org/tocsin/p/x7f3k9
已发短信点 👍，不发点 👎，稍后再问点 ⏰。（或回复：已发、不发、稍后。）`},
		"which of them may not be told, and there are other prompts": {PromptContent{Reason: track.StateTimeout, Sent: one, Quotes: burst[:1], Code: "7f3c"},
			`bob@example.org has not confirmed your message from 10:02:
> Hi Bob
No phone number can be shown. If you know one, send an SMS.
React 👍 when sent, 👎 for no, ⏰ for later. (Or reply: sent 7f3c, no 7f3c, later 7f3c.)`,
			`您 10:02 发给 bob@example.org 的消息还没有确认：
> Hi Bob
没有可以显示的号码。如果您知道号码，请发短信。
已发短信点 👍，不发点 👎，稍后再问点 ⏰。（或回复：已发 7f3c、不发 7f3c、稍后 7f3c。）`},
		"encrypted, undelivered": {PromptContent{Reason: track.StateTimeoutUndelivered, Sent: three, Number: number, Link: "sms:" + number},
			`Your 3 messages since 10:02 have not reached bob@example.org.
SMS to +8613800138000 – write the text yourself:
sms:+8613800138000
React 👍 when sent, 👎 for no, ⏰ for later. (Or reply: sent, no, later.)`,
			`您 10:02 以来发给 bob@example.org 的 3 条消息还没有送达。
发短信到 +8613800138000，内容请您自己写：
sms:+8613800138000
已发短信点 👍，不发点 👎，稍后再问点 ⏰。（或回复：已发、不发、稍后。）`},
		"by command, very many": {PromptContent{Sent: make([]time.Time, 7), Quotes: []string{"1", "2", "3", "4", "5", "6", strings.Repeat("7", 200)}, Number: number, Link: page, IsPage: true},
			`Send bob@example.org an SMS instead? Your 7 messages since ` + enTime(time.Time{}, now) + `:
> 1
> 2
> …
> 5
> 6
> ` + strings.Repeat("7", 160) + `…
SMS: https://xmpp.example.org/tocsin/p/x7f3k9
React 👍 when sent, 👎 for no, ⏰ for later. (Or reply: sent, no, later.)`,
			`要改发短信吗？您 ` + zhTime(time.Time{}, now) + ` 以来发给 bob@example.org 的 7 条消息：
> 1
> 2
> …
> 5
> 6
> ` + strings.Repeat("7", 160) + `…
短信：https://xmpp.example.org/tocsin/p/x7f3k9
已发短信点 👍，不发点 👎，稍后再问点 ⏰。（或回复：已发、不发、稍后。）`},
	} {
		t.Run(name, func(t *testing.T) {
			tc.ask.With, tc.ask.Now = "bob@example.org", now
			if diff := cmp.Diff([]string{tc.en, tc.zh}, []string{In("en").Chat.Prompt(tc.ask), In("zh").Chat.Prompt(tc.ask)}); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		})
	}
}

func TestReaction(t *testing.T) {
	for emoji, want := range map[string]Verb{"👍": Sent, "👍🏽": Sent, "✔️": Sent, "✅": Sent, "👎🏿": No, "❌": No, "✖️": No, "⏰": Snooze, "⏳": Snooze, "❤️": Unknown, "": Unknown} {
		t.Run(emoji, func(t *testing.T) {
			if got := Reaction(emoji); got != want {
				t.Errorf("Reaction(%q) = %q, want %q", emoji, got, want)
			}
		})
	}
}

func TestSentences(t *testing.T) {
	en, zh := In("en"), In("zh")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	quiet := track.Explanation{Reason: track.ReasonQuiet, Whose: track.TierRecipient, Until: track.At(time.Date(2026, 11, 24, 7, 0, 0, 0, berlin)), Zone: berlin}
	many := make([]string, 14)
	for i := range many {
		many[i] = "u" + strconv.Itoa(i)
	}
	for _, tc := range []struct{ got, want string }{
		{en.Chat.Settled("Bob", track.WithdrawDisplayed, now, now), "Bob read it at 10:12. Nothing to do."},
		{zh.Chat.Settled("Bob", track.WithdrawDisplayed, now, now), "Bob 已于 10:12 阅读，无需处理。"},
		{en.Chat.Digest(Digest{Read: []string{"bob", "carol"}, Unread: []string{"dave"}}), `While you were away: read by bob, carol; not read by dave. Reply "status" for more.`},
		{zh.Chat.Digest(Digest{Read: []string{"bob", "carol"}, Failed: []string{"dave"}}), "您离开期间：bob、carol 已读；dave 未能送达。回复“状态”查看详情。"},
		{en.Chat.Digest(Digest{Unread: many}), `While you were away: not read by u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and 4 more. Reply "status" for more.`},
		{en.Chat.WhichOne([]Open{{"7f3c", "bob"}, {"9k2d", "carol"}}), `Which one? Add the code, for example "sent 7f3c": 7f3c for bob, 9k2d for carol.`},
		{en.Chat.Snoozed("bob", now.Add(10*time.Minute), now, 0), "You will be asked about bob again at 10:22."},
		{en.Chat.Snoozed("bob", now.Add(time.Hour), now, time.Hour), "You will be asked about bob again at 11:12. The longest delay is 1 hour."},
		{en.Chat.Remind("alice", 1, sent, now), `Reminder: alice wrote to you at 10:02 and is waiting for you to read it. To stop these reminders, reply "watch me off".`},
		{en.Chat.Remind("alice", 40, sent, now), `Reminder: alice has sent you 40 messages since 10:02 and is waiting for you to read them. To stop these reminders, reply "watch me off".`},
		{zh.Chat.Remind("alice", 40, sent, now), "提醒：alice 自 10:02 起给您发了 40 条消息，正在等您阅读。不想再收到提醒，请回复“跟踪我 关”。"},
		{en.Chat.Capped("bob", track.CapConversation), "You have reached the daily limit of prompts about bob. Your messages are still watched."},
		{en.Chat.Capped("bob", track.CapRecipient), "There will be no more prompts about bob today, except for urgent messages. Your messages are still watched."},
		{zh.Chat.Capped("bob", track.CapSender), "一小时内对您的询问已达上限。您的消息仍在跟踪中。"},
		{en.Chat.Replied("bob", "on my way"), "bob answered by SMS: on my way"},
		{en.Chat.Replied("bob", "yes\n\nSMS: http"), "bob answered by SMS:\n> yes\n> \n> SMS: http"},
		{zh.Chat.Replied("bob", "马上到"), "bob 用短信回复：马上到"},
		{en.SMS.Answer(2), "To answer, begin with 2."},
		{en.SMS.Whom([]Open{{"1", "alice@example.org"}, {"2", "carol@example.org"}}), "Your reply was not passed on: several people have written to you. Begin with 1 for alice@example.org, 2 for carol@example.org."},
		{en.Watch.Reason(quiet, now), "Not asked yet: the recipient's quiet hours until 07:00 Europe/Berlin."},
		{zh.Watch.Reason(quiet, now), "暂未询问：对方的免打扰时段，到 07:00 Europe/Berlin 为止。"},
		{en.Time(sent, now), "10:02"},
		{en.Time(sent.UTC(), now), "02:02 UTC"},
		{en.Time(sent.AddDate(0, 0, -1), now), "23 November 10:02"},
		{zh.Time(sent.AddDate(0, 0, -1), now), "11月23日 10:02"},
		{zh.Time(sent.AddDate(-1, 0, 0), now), "2025年11月24日 10:02"},
		{en.Duration(90 * time.Minute), "1 hour 30 minutes"},
		{en.Duration(0), "0 seconds"},
		{zh.Duration(125 * time.Second), "2 分钟 5 秒"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, tc := range []struct {
		choices []string
		want    string
	}{
		{nil, "en"},
		{[]string{"", "", "zh"}, "zh"},
		{[]string{"en", "zh"}, "en"},
		{[]string{"zh-Hans", "en"}, "zh"},
		{[]string{"zh_CN.UTF-8"}, "zh"},
		{[]string{"ZH-TW"}, "zh"},
		{[]string{"de", "zh"}, "zh"},
		{[]string{"de-AT", "fr"}, "en"},
		{[]string{"en-GB", "zh"}, "en"},
		{[]string{"zho"}, "en"}, // no BCP 47 tag
	} {
		if got := Language(tc.choices...); got != tc.want {
			t.Errorf("Language(%q) = %q, want %q", tc.choices, got, tc.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		body string
		want Command
	}{
		{"sent 7f3c", Command{Verb: Sent, Code: "7f3c"}},
		{"SENT 7F3C", Command{Verb: Sent, Code: "7f3c"}},
		{"  \"Sent 7f3c\".\n", Command{Verb: Sent, Code: "7f3c"}},
		{"“sent 7f3c”，", Command{Verb: Sent, Code: "7f3c"}},
		{"ｓｅｎｔ　７ｆ３ｃ", Command{Verb: Sent, Code: "7f3c"}},
		{"7f3c sent", Command{Verb: Sent, Code: "7f3c"}},
		{"sent", Command{Verb: Sent}},
		{"> bob has not read your message.\nsent 7f3c", Command{Verb: Sent, Code: "7f3c"}},
		{"> " + strings.Repeat("long ", 200) + "\nno", Command{Verb: No}},
		{"no 7f3c", Command{Verb: No, Code: "7f3c"}},
		{"No!", Command{Verb: No}},
		{"No, thanks, Bob is on holiday", Command{}},
		{"no idea what this is", Command{}},
		{"sent 7f3c and 9k2d", Command{}},
		{"sent 7f3", Command{}},
		{"sent 7f3l", Command{}}, // no l in codes
		{"snooze", Command{Verb: Snooze, For: 10 * time.Minute}},
		{"snooze 7f3c", Command{Verb: Snooze, Code: "7f3c", For: 10 * time.Minute}},
		{"snooze 7f3c 10m", Command{Verb: Snooze, Code: "7f3c", For: 10 * time.Minute}},
		{"snooze 7f3c for 2 hours", Command{Verb: Snooze, Code: "7f3c", For: 2 * time.Hour}},
		{"Snooze 45m", Command{Verb: Snooze, For: 45 * time.Minute}},
		{"snooze 30", Command{Verb: Snooze, For: 30 * time.Minute}},
		{"snooze 7f3c 1h30m", Command{Verb: Snooze, Code: "7f3c", For: 90 * time.Minute}},
		{"snooze 7f3c never", Command{}},
		{"snooze 7f3c 0m", Command{}},
		{"snooze 99999999999h", Command{}},
		{"help", Command{Verb: Help}},
		{"?", Command{Verb: Help}},
		{"？", Command{Verb: Help}},
		{"status", Command{Verb: Status}},
		{"Stop.", Command{Verb: Stop}},
		{"START", Command{Verb: Start}},
		{"stop it", Command{}},
		{"已发 7f3c", Command{Verb: Sent, Code: "7f3c"}},
		{"已发送7f3c。", Command{Verb: Sent, Code: "7f3c"}},
		{"不发", Command{Verb: No}},
		{"稍后7f3c 20分钟", Command{Verb: Snooze, Code: "7f3c", For: 20 * time.Minute}},
		{"稍后 半小时", Command{Verb: Snooze, For: 30 * time.Minute}},
		{"帮助", Command{Verb: Help}},
		{"状态", Command{Verb: Status}},
		{"停止", Command{Verb: Stop}},
		{"开始", Command{Verb: Start}},
		{"不知道这是什么", Command{}},
		{"hello!", Command{Verb: Greeting}},
		{"Hi Bob", Command{}},
		{"在吗？", Command{Verb: Greeting}},
		{"help quiet", Command{Verb: Help, Rest: "quiet"}},
		{"帮助 免打扰", Command{Verb: Help, Rest: "免打扰"}},
		{"watching", Command{Verb: Status}},
		{"Send now Bob@example.org.", Command{Verb: Escalate, Rest: "Bob@example.org"}},
		{"send now", Command{Verb: Escalate}},
		{"send nowhere", Command{}},
		{"cancel bob", Command{Verb: Cancel, Rest: "bob"}},
		{"取消隐藏 alice", Command{Verb: Unhide, Rest: "alice"}},
		{"取消 bob", Command{Verb: Cancel, Rest: "bob"}},
		{"mute bob", Command{Verb: Mute, Rest: "bob"}},
		{"免询问bob", Command{Verb: Mute, Rest: "bob"}},
		{"number", Command{Verb: Number}},
		{"Number: +86 138 0013 8000", Command{Verb: Number, Rest: "+86 138 0013 8000"}},
		{"号码 138 0013 8000", Command{Verb: Number, Rest: "138 0013 8000"}},
		{"number remove", Command{Verb: Number, Rest: "remove"}},
		{"share with everybody", Command{Verb: Share, Rest: "everybody"}},
		{"hide from alice", Command{Verb: Hide, Rest: "alice"}},
		{"who", Command{Verb: Who}},
		{"who is this", Command{}},
		{"谁看过？", Command{Verb: Who}},
		{"watch me off", Command{Verb: SetWatching, Rest: "off"}},
		{"quiet 22:00-07:00 Europe/Berlin", Command{Verb: SetQuiet, Rest: "22:00-07:00 Europe/Berlin"}},
		{"quiet hours 22:00-07:00", Command{Verb: SetQuiet, Rest: "22:00-07:00"}},
		{"免打扰２２：００－７：００", Command{Verb: SetQuiet, Rest: "22:00-7:00"}},
		{"times 2m 10m", Command{Verb: SetTimes, Rest: "2m 10m"}},
		{"mode ask", Command{Verb: SetMode, Rest: "ask"}},
		{"text notice", Command{Verb: SetText, Rest: "notice"}},
		{"language zh", Command{Verb: SetLanguage, Rest: "zh"}},
		{"time zone Asia/Shanghai", Command{Verb: SetZone, Rest: "Asia/Shanghai"}},
		{"settings", Command{Verb: Settings}},
		{"设置", Command{Verb: Settings}},
		{"forget me", Command{Verb: Forget}},
		{"forget me yes", Command{Verb: Forget, Rest: "yes"}},
		{"", Command{}},
		{"...", Command{}},
		{"7f3c", Command{}},
		{strings.Repeat("sent ", 1000), Command{}},
	} {
		if got := Parse(tc.body); got != tc.want {
			t.Errorf("Parse(%.60q) = %+v, want %+v", tc.body, got, tc.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "10m": 10 * time.Minute, "2h": 2 * time.Hour, "1 h 30 min": 90 * time.Minute, "15": 15 * time.Minute,
		"10 分钟": 10 * time.Minute, "2小时": 2 * time.Hour, "1d": 24 * time.Hour, "半小时": 30 * time.Minute, " 5 MIN ": 5 * time.Minute,
		"": 0, "0": 0, "m": 0, "10x": 0, "10m5": 0, "-5m": 0, "1.5h": 0, "10 10": 0, "400d": 0, "18446744073709551616s": 0, "4294967295h": 0,
	} {
		t.Run(text, func(t *testing.T) {
			if d, ok := ParseDuration(text); d != want || ok != (want > 0) {
				t.Errorf("ParseDuration(%q) = %v, %t", text, d, ok)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"sent 7f3c", "snooze 7f3c 10m", "稍后7f3c20分钟", "> a\nno", "?", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o := Parse(body)
		if o.Code != "" && !isCode(o.Code) || (o.For > 0) != (o.Verb == Snooze) || o.Verb == Unknown && o != (Command{}) {
			t.Errorf("Parse(%q) = %+v", body, o)
		}
	})
}
