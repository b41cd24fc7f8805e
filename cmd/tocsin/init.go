package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"tocsin/config"
	"tocsin/contrib/systemd"
)

type initCommand struct {
	Domain    []string `placeholder:"DOMAIN" help:"The domain of your users; separate several by commas."`
	Component string   `placeholder:"DOMAIN" help:"The component's own domain; default: tocsin.DOMAIN."`
	Server    string   `enum:"prosody,ejabberd" default:"prosody" help:"The server to configure: prosody or ejabberd."`
	Dir       string   `default:"." help:"The folder of config.toml."`
	Print     bool     `help:"Only print what the server needs, for an existing configuration."`
	Unit      bool     `help:"Only print a systemd unit for this program and -dir."`
	Config    string   `placeholder:"FILE" help:"With -print: the configuration to read, instead of config.toml in -dir."`
}

// installation is the data for the texts of init.
type installation struct {
	File      string
	Dir       string // of File
	Component string
	Name      string
	Domains   []string
	Secret    string
	DSN       string
	Port      string // the server's port for components

	Program    string // path of this program
	Installed  bool   // it is in the usual place for programs
	Systemd    bool   // the machine runs systemd
	HasUnit    bool   // systemd knows a unit for Tocsin
	HasUser    bool   // the unit's user exists
	HasModule  bool   // our module is installed in Prosody
	Standalone bool   // the configuration is a user's own, not the system's
}

const (
	defaultPort = "5347"
	serviceUser = "tocsin" // of the unit
)

// Run writes a configuration and explains the next steps.
func (c *initCommand) Run(e *environment) error {
	file := filepath.Join(c.Dir, "config.toml")
	switch {
	case c.Unit:
		return c.printUnit(e.stdout, file)
	case c.Print:
		return c.printAgain(e)
	case len(c.Domain) == 0:
		return usageError{errors.New("missing flags: -domain=DOMAIN,... (see tocsin init -help)")}
	}
	in := installation{File: file, Secret: rand.Text(), DSN: "sqlite:tocsin.db", Port: defaultPort, Name: config.Default().Component.Name}
	for _, name := range c.Domain {
		domain, err := config.ParseDomain(strings.TrimSpace(name))
		if err != nil {
			return usageError{fmt.Errorf("-domain: %w", err)}
		}
		in.Domains = append(in.Domains, domain)
	}
	var err error
	if in.Component, err = config.ParseDomain(cmp.Or(c.Component, "tocsin."+in.Domains[0])); err != nil {
		return usageError{fmt.Errorf("-component: %w", err)}
	}
	if slices.Contains(in.Domains, in.Component) {
		return usageError{fmt.Errorf("-component: %q is the domain of your users: the component needs its own (example: %s)", in.Component, "tocsin."+in.Component)}
	}
	if isSystem(c.Dir) {
		in.DSN = "sqlite:/var/lib/tocsin/tocsin.db" // services don't write below /etc
	}
	in.detect(e.root)
	if err := in.write(); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "Wrote %s. It contains the secret, so keep it private.\n\n", in.File)
	return in.print(e.stdout, c.Server)
}

// printAgain prints what an existing configuration needs from the server.
func (c *initCommand) printAgain(e *environment) error {
	file := cmp.Or(c.Config, filepath.Join(c.Dir, "config.toml"))
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && c.Config == "" && c.Dir == "." {
		if file, err = (configFlag{}).file(e); err != nil {
			return err
		}
	}
	conf, err := config.Load(file, e.getenv)
	if err != nil {
		return err
	}
	in := installation{
		File: file, Component: conf.Component.JID, Name: conf.Component.Name, Domains: conf.Tap.Domains, Secret: string(conf.Component.Secret),
		Port: defaultPort,
	}
	if _, port, found := strings.Cut(conf.Component.Server, ":"); found && !strings.HasPrefix(conf.Component.Server, "unix:") {
		in.Port = port[strings.LastIndexByte(port, ':')+1:]
	}
	in.detect(e.root)
	return in.print(e.stdout, c.Server)
}

func (in installation) print(w io.Writer, server string) error {
	blocks := map[string]*template.Template{"prosody": prosodyBlock, "ejabberd": ejabberdBlock}
	return errors.Join(blocks[server].Execute(w, in), nextSteps.Execute(w, in))
}

// printUnit prints a unit with the paths of this program and of the configuration.
func (c *initCommand) printUnit(w io.Writer, file string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if c.Dir == "." { // -dir was not given
		file = "/etc/tocsin/config.toml"
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	_, err = io.WriteString(w, strings.NewReplacer("/usr/local/bin/tocsin", program, "/etc/tocsin/config.toml", file).Replace(systemd.Unit))
	return err
}

// isSystem reports whether a folder is for the configuration of a service.
func isSystem(dir string) bool {
	abs, err := filepath.Abs(dir)
	return err == nil && strings.HasPrefix(abs, "/etc/")
}

// detect detects what is installed below root, which is "" except in tests.
func (in *installation) detect(root string) {
	exists := func(name string) bool {
		_, err := os.Stat(root + name)
		return err == nil
	}
	in.Dir = filepath.Dir(in.File)
	in.Program, _ = os.Executable()
	in.Installed = slices.Contains([]string{"/usr/local/bin", "/usr/bin"}, filepath.Dir(in.Program))
	in.Systemd = exists("/run/systemd/system")
	in.HasUnit = slices.ContainsFunc([]string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}, func(dir string) bool {
		return exists(dir + "/tocsin.service")
	})
	in.HasModule = slices.ContainsFunc([]string{"/usr/local/lib/prosody/modules", "/usr/lib/prosody/modules"}, func(dir string) bool {
		return exists(dir + "/mod_tocsin/mod_tocsin.lua")
	})
	_, err := user.Lookup(serviceUser)
	in.HasUser = err == nil
	in.Standalone = !isSystem(in.Dir)
}

// write creates the file unless it exists. If the service's user exists, it becomes the owner.
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
		return fmt.Errorf("%s already exists and was not changed (use -print to see what the server needs)", in.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.String())
	if service, e := user.Lookup(serviceUser); e == nil && err == nil && os.Geteuid() == 0 && !in.Standalone {
		uid, _ := strconv.Atoi(service.Uid)
		gid, _ := strconv.Atoi(service.Gid)
		err = f.Chown(uid, gid)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(in.File))
	}
	return nil
}
