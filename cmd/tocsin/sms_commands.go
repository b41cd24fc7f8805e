package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"tocsin/component/gateway/httpapi"
	"tocsin/component/routes"
)

type smsCommand struct {
	Routes smsRoutes `cmd:"" help:"List the routes of [sms], and the callback URLs for providers."`
	Preset smsPreset `cmd:"" help:"Print the preset of an HTTP provider, or list all presets."`
	Test   smsTest   `cmd:"" help:"Send one SMS and show its progress."`
	Stops  smsStops  `cmd:"" help:"Manage the numbers that opted out of SMS."`
}

type (
	smsRoutes struct{ configFlag }
	smsPreset struct {
		Name string `arg:"" optional:"" name:"NAME" help:"The name of the preset; default: list all names."`
	}
)

// Run prints a built-in preset.
func (c *smsPreset) Run(e *environment) error {
	if c.Name == "" {
		_, err := fmt.Fprintln(e.stdout, strings.Join(httpapi.Presets(), "\n"))
		return err
	}
	text := httpapi.Preset(c.Name)
	if text == "" {
		return fmt.Errorf("unknown preset %q (one of: %s)", c.Name, strings.Join(httpapi.Presets(), ", "))
	}
	_, err := io.WriteString(e.stdout, text)
	return err
}

// Run lists the routes in the order in which they are tried, then the URLs. These are secrets: shown here, but never logged.
func (c *smsRoutes) Run(ctx context.Context, e *environment) error {
	conf, err := c.load(e)
	if err != nil {
		return err
	}
	if conf.SMS == nil {
		return errors.New("the configuration has no [sms] table")
	}
	store, err := openStore(ctx, conf)
	if err != nil {
		return err
	}
	defer store.Close()
	seed, err := store.Seed(ctx)
	if err != nil {
		return fmt.Errorf("query the database: %w", err)
	}
	made, err := newGateways(conf, seed.Secret, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ROUTE\tNUMBERS\tFOR\tREPEAT")
	table := conf.Settings().SMS.Routes
	for i := range table.Routes {
		r := &table.Routes[i]
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", r.Name, reaches(&table, r), purposes(r), r.Repeat)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for i := range table.Routes {
		g, ok := made.lines[table.Routes[i].Name].Gateway.(*httpapi.Gateway)
		if !ok {
			continue
		}
		for _, hook := range [...]struct{ what, url string }{{"reports", g.ReportURL()}, {"replies", g.ReplyURL()}} {
			if hook.url != "" {
				fmt.Fprintf(e.stdout, "%s, %s: %s\n", table.Routes[i].Name, hook.what, hook.url)
			}
		}
	}
	return nil
}

// reaches returns the numbers that a route is for.
func reaches(t *routes.Table, r *routes.Route) string {
	for _, list := range [][]string{r.Prefixes, r.Countries, t.Countries} {
		if len(list) > 0 {
			return strings.Join(list, " ")
		}
	}
	return ""
}

func purposes(r *routes.Route) string {
	var all []string
	if r.Messages {
		all = append(all, "message")
	}
	if r.Codes {
		all = append(all, "code")
	}
	return strings.Join(all, " ")
}
