package main

import "text/template"

func initText(text string) *template.Template { return template.Must(template.New("").Parse(text)) }

var shortConfig = initText(`# Configuration of Tocsin. See config.example.toml for all other keys and their defaults.

[component]
jid = "{{.Component}}"
server = "127.0.0.1:5347"
secret = "{{.Secret}}" # the same as in the server's configuration
admins = [] # who may use the admin commands: bare JIDs

[tap]
domains = [{{range $i, $domain := .Domains}}{{if $i}}, {{end}}"{{$domain}}"{{end}}]
# Your group chats and gateways:
ignore = [{{range $i, $domain := .Domains}}{{if $i}}, {{end}}"conference.{{$domain}}"{{end}}]

[storage]
dsn = "{{.DSN}}"

# A message is overdue if it is not delivered or read within these times.
[track]
undelivered_after = "2m"
unread_after = "10m"

# For messages that their sender marks as urgent:
[[track.priority]]
name = "urgent"
undelivered_after = "30s"
unread_after = "2m"
`)

var prosodyBlock = initText(`{{if .HasModule}}1. mod_tocsin is already installed.
{{else}}1. Copy the folder contrib/prosody/mod_tocsin into a folder of Prosody's plugin_paths, such as /usr/local/lib/prosody/modules.
{{end}}2. Put this into a file of its own, /etc/prosody/conf.d/tocsin.cfg.lua, that only Prosody may read, or at the end of
   /etc/prosody/prosody.cfg.lua:

----8<----
{{if ne .Port "5347"}}component_ports = { {{.Port}} } -- in the global part, before any VirtualHost

{{end}}Component "{{.Component}}"
    component_secret = "{{.Secret}}"
    name = "{{.Name}}"
    modules_enabled = { "tocsin" }
    tocsin_domains = { {{range $i, $domain := .Domains}}{{if $i}}, {{end}}"{{$domain}}"{{end}} }
---->8----

   It also loads the module on {{range $i, $domain := .Domains}}{{if $i}}, {{end}}VirtualHost "{{$domain}}"{{end}}, without changing any options there.
   If you can't install the module, use Prosody's mod_firewall: contrib/prosody/tocsin.pfw says how, and what it can't report.
3. Restart Prosody.
`)

var ejabberdBlock = initText(`1. Install mod_tocsin: contrib/ejabberd/README.md describes two ways. By hand, on Debian:
   sh contrib/ejabberd/mod_tocsin/build.sh /usr/lib/*/ejabberd-*/ebin
   Put this into a new file /etc/ejabberd/tocsin.yml that only ejabberd may read:

----8<----
listen:
  - port: {{.Port}}
    ip: 127.0.0.1
    module: ejabberd_service
    access: all
    shaper: none
    global_routes: false
    hosts:
      {{.Component}}:
        password: {{.Secret}}

modules:
  mod_tocsin:
    component: {{.Component}}
---->8----

   To use ejabberd.yml itself, add the two parts to its existing listen: and modules: sections. The component needs a
   listener of its own.
2. Add this line to /etc/ejabberd/ejabberd.yml:

include_config_file: /etc/ejabberd/tocsin.yml

   Clients discover the component if its domain is a subdomain of their server's; otherwise list it in mod_disco's
   extra_domains. If you can't install the module, ejabberd's stock mod_service_log also works, but it silently loses copies
   while Tocsin is down or the server is overloaded: see contrib/ejabberd/tocsin.yml.
3. Restart ejabberd.
`)

var nextSteps = initText(`{{if and .Systemd (not .Standalone)}}4. Make it a service:
{{if not .Installed}}
       install -m 755 {{.Program}} /usr/local/bin/tocsin{{end}}{{if not .HasUser}}
       adduser --system --group --home /var/lib/tocsin tocsin
       chown tocsin {{.File}}{{end}}{{if not .HasUnit}}
       {{if .Installed}}{{.Program}}{{else}}/usr/local/bin/tocsin{{end}} init -unit -dir {{.Dir}} > /etc/systemd/system/tocsin.service
       systemctl daemon-reload{{end}}
       systemctl enable tocsin

5. Check the setup, start Tocsin, and test it with one of your users:

       runuser -u tocsin -- tocsin check -config {{.File}}
       systemctl start tocsin
       runuser -u tocsin -- tocsin test alice@{{index .Domains 0}} -config {{.File}}
{{else}}4. Check the setup:                    tocsin check -config {{.File}}
5. Run Tocsin:                         tocsin run -config {{.File}}
6. Test it with one of your users:     tocsin test alice@{{index .Domains 0}} -config {{.File}}
{{if .Systemd}}
   To run it as a service, create the configuration in /etc: tocsin init -domain … -dir /etc/tocsin
{{end}}{{end}}
Do not give {{.Component}} a DNS record: only the server needs to know it.
Run "tocsin init -print" to see this again.
`)
