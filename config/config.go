// Package config reads and validates Tocsin's one TOML file. It is strict, and reports all errors at once, each with its
// file, line and key. It knows nothing about the running component; its results are the settings and policies of other
// packages. Its tests load configurations, good and bad (load_test.go), and config.example.toml (example_test.go).
package config

import (
	"text/template"
	"time"

	"tocsin/track"
)

// Config is the whole file, checked: every JID, domain and path is normalised, every default filled in.
//
// The tag "is" names the form of a text (see forms), or lists the allowed words; "min" and "max" bound a number.
type Config struct {
	Component Component `toml:"component"`
	Tap       Tap       `toml:"tap"`
	Storage   Storage   `toml:"storage"`
	Track     Track     `toml:"track"`
	Escalate  Escalate  `toml:"escalate"`
	Numbers   Numbers   `toml:"numbers"`
	Web       *Web      `toml:"web"` // nil without a [web] table
	SMS       *SMS      `toml:"sms"` // nil without an [sms] table
	Metrics   Metrics   `toml:"metrics"`
	Log       Log       `toml:"log"`

	source source
}

// Component is the connection to the server, and the identities used on it.
type Component struct {
	JID        string   `toml:"jid" is:"domain"`
	Server     string   `toml:"server" is:"server"` // host:port, or unix:/path
	Secret     Secret   `toml:"secret"`             // from the file, secret_file or the environment
	SecretFile string   `toml:"secret_file" is:"path"`
	Contact    string   `toml:"contact" is:"localpart"`
	Name       string   `toml:"name" is:"text"`
	Admins     []string `toml:"admins" is:"user"` // bare JIDs
	Language   string   `toml:"language" is:"en|zh"`
}

// ContactJID is the bare JID from which chat messages are sent.
func (c Component) ContactJID() string { return c.Contact + "@" + c.JID }

// Tap selects the trusted sources of the tap.
type Tap struct {
	Domains   []string        `toml:"domains" is:"domain"`
	Ignore    []track.Pattern `toml:"ignore" is:"pattern"`
	MaxStanza Size            `toml:"max_stanza" min:"4KiB" max:"64MiB"`
}

// Storage is the database.
type Storage struct {
	DSN       DSN           `toml:"dsn" is:"dsn"`
	Retention time.Duration `toml:"retention" min:"1m"`
	KeepText  bool          `toml:"keep_text"`
	Flush     time.Duration `toml:"flush" min:"0s" max:"1s"`
}

// Track selects the messages to watch, and their timeouts.
type Track struct {
	Senders          track.Senders `toml:"senders" is:"all|opted-in|hinted"`
	UndeliveredAfter time.Duration `toml:"undelivered_after" min:"0s"` // 0: never
	UnreadAfter      time.Duration `toml:"unread_after" min:"0s"`
	MinAfter         time.Duration `toml:"min_after" min:"0s"`
	MaxAfter         time.Duration `toml:"max_after" min:"1s"`
	ReplyReads       bool          `toml:"reply_reads"`
	AssumeMarkers    bool          `toml:"assume_markers"`
	Grace            time.Duration `toml:"grace" min:"0s" max:"1h"`
	FireRate         int           `toml:"fire_rate" min:"1" max:"1000000"` // alarms per second
	Priorities       []Priority    `toml:"priority"`
}

// Priority is one [[track.priority]].
type Priority struct {
	Name             string          `toml:"name" is:"low|normal|high|urgent"`
	UndeliveredAfter time.Duration   `toml:"undelivered_after" min:"0s"` // 0: that of [track]
	UnreadAfter      time.Duration   `toml:"unread_after" min:"0s"`
	BypassQuietHours bool            `toml:"bypass_quiet_hours"`
	Senders          []track.Pattern `toml:"senders" is:"pattern"` // empty: everybody
}

// Escalate configures what happens after a timeout.
type Escalate struct {
	Mode      string                        `toml:"mode" is:"ask|auto|never"`
	Fallback  track.Fallback                `toml:"fallback" is:"all|opted-in|never"`
	Expires   time.Duration                 `toml:"expires" min:"1s"`
	Disclose  track.Disclose                `toml:"disclose" is:"consented|roster|all"`
	Reveal    track.Reveal                  `toml:"reveal" is:"consented|all"`
	TextLimit int                           `toml:"text_limit" min:"1" max:"10000"` // graphemes
	Text      string                        `toml:"text" is:"message|notice"`
	Templates map[string]*template.Template `toml:"template" is:"template"` // by language; run with sms.Fill
	Quiet     track.Quiet                   `toml:"quiet_hours" is:"quiet"`

	PerConversationPerDay int `toml:"per_conversation_per_day" min:"0"` // prompts; 0: no limit
	PerRecipientPerDay    int `toml:"per_recipient_per_day" min:"0"`
	PerSenderPerHour      int `toml:"per_sender_per_hour" min:"0"`

	Steps []Step `toml:"step"`
}

// Step is one [[escalate.step]].
type Step struct {
	After      time.Duration `toml:"after" min:"0s"` // after the timeout
	Do         track.Action  `toml:"do" is:"status|remind|prompt|sms|webhook"`
	On         string        `toml:"on" is:"undelivered|unread"`           // "": both
	Priority   string        `toml:"priority" is:"low|normal|high|urgent"` // the lowest priority it applies to; "": all
	URL        string        `toml:"url" is:"url"`                         // webhook
	Secret     Secret        `toml:"secret"`                               // signs the webhook's body
	SecretFile string        `toml:"secret_file" is:"path"`
}

// Numbers configures the sources of phone numbers.
type Numbers struct {
	Region      string   `toml:"region" is:"region"`
	Sources     []string `toml:"sources" is:"directory|vcard"` // queried in this order
	SelfService bool     `toml:"self_service"`
	Verify      bool     `toml:"verify"`
}

// Web is the HTTP server for pages, behind the admin's TLS proxy.
type Web struct {
	Listen string `toml:"listen" is:"listen"` // host:port
	Public string `toml:"public" is:"url"`    // base of the links given to people: https://host/path
}

// Metrics is the HTTP server for /metrics, /healthz and /readyz.
type Metrics struct {
	Listen string `toml:"listen" is:"listen"` // host:port; "": off
}

// Log is the level and format of the log on stderr.
type Log struct {
	Level  string `toml:"level" is:"debug|info|warn|error"`
	Format string `toml:"format" is:"text|json"`
}

// maxSteps is the maximum number of steps.
const maxSteps = 5

// Default returns the default configuration. Three keys have no default: the component's JID and secret, and the domains.
func Default() *Config {
	return &Config{
		Component: Component{Server: "127.0.0.1:5347", Contact: "sms", Name: "SMS escalation", Language: "en"},
		Tap:       Tap{MaxStanza: 512 << 10},
		Storage:   Storage{DSN: "sqlite:tocsin.db", Retention: 168 * time.Hour, KeepText: true, Flush: 5 * time.Millisecond},
		Track: Track{
			Senders:          track.SendersAll,
			UndeliveredAfter: 2 * time.Minute,
			UnreadAfter:      10 * time.Minute,
			MinAfter:         10 * time.Second,
			MaxAfter:         72 * time.Hour,
			ReplyReads:       true,
			Grace:            10 * time.Second,
			FireRate:         1000,
			Priorities:       []Priority{{Name: "urgent", UndeliveredAfter: 30 * time.Second, UnreadAfter: 2 * time.Minute}},
		},
		Escalate: Escalate{
			Mode:      "ask",
			Fallback:  track.FallbackOptedIn,
			Expires:   time.Hour,
			Disclose:  track.DiscloseConsented,
			Reveal:    track.RevealConsented,
			TextLimit: 480,
			Text:      "message",
			Templates: map[string]*template.Template{
				"en": template.Must(parseTemplate("{{.Sender}} wrote on {{.Domain}}: {{.Text}}")),
				"zh": template.Must(parseTemplate("{{.Sender}} 在 {{.Domain}} 上发来消息：{{.Text}}")),
			},
			PerConversationPerDay: 4,
			PerRecipientPerDay:    20,
			PerSenderPerHour:      30,
			Steps:                 []Step{{Do: track.DoPrompt}},
		},
		Numbers: Numbers{Region: "CN", Sources: []string{"directory", "vcard"}, SelfService: true},
		Metrics: Metrics{Listen: "127.0.0.1:9476"},
		Log:     Log{Level: "info", Format: "text"},
	}
}
