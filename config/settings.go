package config

import (
	"tocsin/component/settings"
	"tocsin/component/tap"
)

// Settings returns the settings that may change while the component runs.
func (c *Config) Settings() settings.Settings {
	s := settings.Settings{
		Name: c.Component.Name, Language: c.Component.Language, Admins: c.Component.Admins,
		Tap: tap.Config{
			Domains: c.Tap.Domains, Component: c.Component.JID, Ignore: c.Tap.Ignore,
			ReplyReads: c.Track.ReplyReads, KeepText: c.Storage.KeepText, TextLimit: c.Escalate.TextLimit,
		},
		Policy: c.Policy(), Grace: c.Track.Grace, FireRate: c.Track.FireRate, Retention: c.Storage.Retention,
		TextLimit: c.Escalate.TextLimit, Notice: c.Escalate.Text == "notice", Templates: c.Escalate.Templates,
		Region: c.Numbers.Region, SelfService: c.Numbers.SelfService, Verify: c.Numbers.Verify, Public: c.public(), SMS: c.SMSSettings(),
	}
	for _, source := range c.Numbers.Sources {
		switch source {
		case "directory":
			s.Directory = true
		case "vcard":
			s.VCards = true
		}
	}
	return s
}

// public is the base URL of pages, "" if there are none.
func (c *Config) public() string {
	if c.Web == nil {
		return ""
	}
	return c.Web.Public
}

// HooksListen is the address for requests of SMS providers, "" if there is none.
func (c *Config) HooksListen() string {
	if c.SMS == nil || c.SMS.Public == "" {
		return ""
	}
	return c.SMS.Listen
}

// PagesListen is the address on which pages are served, "" if there are none.
func (c *Config) PagesListen() string {
	if c.Web == nil {
		return ""
	}
	return c.Web.Listen
}
