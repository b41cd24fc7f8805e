package main

import "text/template"

func initText(text string) *template.Template { return template.Must(template.New("").Parse(text)) }

var shortConfig = initText(`# Configuration of Tocsin. Every other key, with its default and what it does: config.example.toml.

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

# A message is overdue when it was not delivered, or not read, for this time.
[track]
undelivered_after = "2m"
unread_after = "10m"

# And when its sender says that it is urgent:
[[track.priority]]
name = "urgent"
undelivered_after = "30s"
unread_after = "2m"
`)

var prosodyBlock = initText(`{{if .HasModule}}1. Our module is where Prosody looks for modules.
{{else}}1. Copy the folder contrib/prosody/mod_tocsin into a folder of Prosody's plugin_paths, say /usr/local/lib/prosody/modules.
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

   It loads the module on {{range $i, $domain := .Domains}}{{if $i}}, {{end}}VirtualHost "{{$domain}}"{{end}} too, and changes no option there.
   Without our module, Prosody's mod_firewall can do: contrib/prosody/tocsin.pfw says how, and what it can't report.
3. Restart Prosody.
`)

var ejabberdBlock = initText(`1. Install our module, mod_tocsin: contrib/ejabberd/README.md has two ways; by hand, on Debian:
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

   Into ejabberd.yml itself it goes in two parts, below the listen: and the modules: that are there. The listener must be
   one of its own.
2. Add this line to /etc/ejabberd/ejabberd.yml:

include_config_file: /etc/ejabberd/tocsin.yml

   Clients find the component if its domain is below that of their own server; else name it in mod_disco's extra_domains.
   If you can't install the module, ejabberd's stock mod_service_log works, too, but it loses copies while Tocsin is away, and
   all that wait when the server is busy, and nothing shows it: contrib/ejabberd/tocsin.yml.
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

5. See whether all is well, start it, and try it with one of your users:

       runuser -u tocsin -- tocsin check -config {{.File}}
       systemctl start tocsin
       runuser -u tocsin -- tocsin test alice@{{index .Domains 0}} -config {{.File}}
{{else}}4. See whether all is well:             tocsin check -config {{.File}}
5. Run it:                              tocsin run -config {{.File}}
6. Try it with one of your users:       tocsin test alice@{{index .Domains 0}} -config {{.File}}
{{if .Systemd}}
   To run it as a service, put the configuration where services have theirs: tocsin init -domain … -dir /etc/tocsin
{{end}}{{end}}
Give {{.Component}} no DNS record: only the server needs to know it.
"tocsin init -print" prints this again.
`)
