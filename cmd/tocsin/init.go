package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"tocsin/config"
)

type initCommand struct {
	Domain    []string `required:"" placeholder:"DOMAIN" help:"The domain of your users; several are divided by commas."`
	Component string   `placeholder:"DOMAIN" help:"The component's own domain; by default tocsin.DOMAIN."`
	Server    string   `enum:"prosody,ejabberd" default:"prosody" help:"The server to print lines for: prosody or ejabberd."`
	Dir       string   `default:"." help:"Where to write config.toml."`
}

// installation is what the texts of init are filled with.
type installation struct {
	File      string
	Component string
	Domains   []string
	Secret    string
	DSN       string
}

// Run writes a configuration and tells what else is to be done.
func (c *initCommand) Run(e *environment) error {
	in := installation{File: filepath.Join(c.Dir, "config.toml"), Secret: rand.Text(), DSN: "sqlite:tocsin.db"}
	for _, name := range c.Domain {
		domain, err := config.ParseDomain(strings.TrimSpace(name))
		if err != nil {
			return usageError{fmt.Errorf("-domain: %w", err)}
		}
		in.Domains = append(in.Domains, domain)
	}
	if c.Component == "" {
		c.Component = "tocsin." + in.Domains[0]
	}
	var err error
	if in.Component, err = config.ParseDomain(c.Component); err != nil {
		return usageError{fmt.Errorf("-component: %w", err)}
	}
	for _, domain := range in.Domains {
		if domain == in.Component {
			return usageError{fmt.Errorf("-component: %q is the domain of your users: the component needs its own (say %q)", domain, "tocsin."+domain)}
		}
	}
	if dir, err := filepath.Abs(c.Dir); err == nil && strings.HasPrefix(dir, "/etc/") {
		in.DSN = "sqlite:/var/lib/tocsin/tocsin.db" // services don't write below /etc
	}
	if err := in.write(); err != nil {
		return err
	}
	blocks := map[string]*template.Template{"prosody": prosodyBlock, "ejabberd": ejabberdBlock}
	return errors.Join(blocks[c.Server].Execute(e.stdout, in), nextSteps.Execute(e.stdout, in))
}

// write makes the file, unless there is one.
func (in installation) write() error {
	var text strings.Builder
	if err := shortConfig.Execute(&text, in); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(in.File), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(in.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and stays as it is", in.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.String())
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(in.File))
	}
	return nil
}

func initText(text string) *template.Template { return template.Must(template.New("").Parse(text)) }

var shortConfig = initText(`# Configuration of Tocsin. Every other key, with its default and what it does: config.example.toml.

[component]
jid = "{{.Component}}"
server = "127.0.0.1:5347"
secret = "{{.Secret}}" # the server's configuration has the same
admins = [] # who may use the admin commands: bare JIDs

[tap]
domains = [{{range $i, $domain := .Domains}}{{if $i}}, {{end}}"{{$domain}}"{{end}}]
# Your group chats and gateways:
ignore = [{{range $i, $domain := .Domains}}{{if $i}}, {{end}}"conference.{{$domain}}"{{end}}]

[storage]
dsn = "{{.DSN}}"
`)

var prosodyBlock = initText(`Wrote {{.File}}. It holds the secret: keep it to yourself.

1. Copy contrib/prosody/mod_tocsin.lua into a folder of Prosody's plugin_paths, say /usr/local/lib/prosody/modules.
2. Paste this at the end of /etc/prosody/prosody.cfg.lua, and restart Prosody:

----8<----
{{range .Domains}}VirtualHost "{{.}}"
    modules_enabled = { "tocsin" } -- and those that this host enables already, if any
    tocsin_component = "{{$.Component}}"
    disco_items = { { "{{$.Component}}", "SMS escalation" } }

{{end}}Component "{{.Component}}"
    component_secret = "{{.Secret}}"
---->8----

   Without our module, Prosody's mod_firewall can do: contrib/prosody/tocsin.pfw says how, and what it can't tell.
`)

var ejabberdBlock = initText(`Wrote {{.File}}. It holds the secret: keep it to yourself.

1. Paste this into a new file /etc/ejabberd/tocsin.yml, which only ejabberd may read:

----8<----
listen:
  - port: 5347
    ip: 127.0.0.1
    module: ejabberd_service
    access: all
    shaper: none
    max_fsm_queue: 100000
    global_routes: false
    hosts:
      {{.Component}}:
        password: {{.Secret}}

modules:
  mod_service_log:
    loggers:
      - {{.Component}}
---->8----

   Into ejabberd.yml itself it goes in two parts, below the listen: and the modules: that stand there. The listener must be
   one of its own.
2. Add this line to /etc/ejabberd/ejabberd.yml, and restart ejabberd:

include_config_file: /etc/ejabberd/tocsin.yml

   Clients find the component if its domain is below that of their own server; else name it in mod_disco's extra_domains.
`)

var nextSteps = initText(`3. See whether all is well:  tocsin check -config {{.File}}
4. Serve:                    tocsin run -config {{.File}}

Give {{.Component}} no DNS record: only the server needs to know it.
`)
