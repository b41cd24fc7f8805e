package config

import (
	"slices"

	"tocsin/track"
)

// check compares keys with each other, and reports missing required ones. Keys that could not be read have been reported
// already, and have their defaults here.
func (d *decoder) check(c *Config) {
	d.checkComponent(c)
	if c.Track.MinAfter > c.Track.MaxAfter {
		d.fault(path{"track", "min_after"}, "exceeds track.max_after")
	}
	d.checkPriorities(c.Track.Priorities)
	d.checkSteps(c)
	d.checkSMS(c)
	if c.Web != nil {
		d.need(c.Web.Public == "", path{"web", "public"}, `(example: "https://xmpp.example.org/tocsin")`)
		d.need(c.Web.Listen == "", path{"web", "listen"}, `(example: "127.0.0.1:9478")`)
	}
	if c.Escalate.Mode == "auto" && c.SMS == nil {
		d.fault(path{"escalate", "mode"}, `"auto" requires an [sms] table`)
	}
	if c.Numbers.Verify && c.SMS == nil {
		d.fault(path{"numbers", "verify"}, "requires an [sms] table")
	}
}

func (d *decoder) checkComponent(c *Config) {
	d.need(c.Component.JID == "", path{"component", "jid"}, `(example: "tocsin.example.org")`)
	d.need(c.Component.Secret == "", path{"component", "secret"}, "(or secret_file, or TOCSIN_COMPONENT_SECRET)")
	d.need(len(c.Tap.Domains) == 0, path{"tap", "domains"}, `(example: ["example.org"])`)
	for i, domain := range c.Tap.Domains {
		if domain != "" && domain == c.Component.JID {
			d.fault(path{"tap", "domains"}.index(i), "%q is the component's own domain", domain)
		}
	}
	contact := c.Component.ContactJID()
	for i, admin := range c.Component.Admins {
		if admin == contact {
			d.fault(path{"component", "admins"}.index(i), "%q is the component's contact", admin)
		}
	}
}

// need reports a missing required key, unless its value was given but invalid, which has been reported already.
func (d *decoder) need(missing bool, p path, hint string) {
	table, name := p[:len(p)-1], p[len(p)-1]
	reported := d.bad[p.String()] || d.bad[table.add(name+"_file").String()] || d.bad[table.String()]
	if missing && !reported {
		d.fault(p, "required %s", hint)
	}
}

func (d *decoder) checkPriorities(rules []Priority) {
	for i, rule := range rules {
		at := path{"track", "priority"}.index(i)
		d.need(rule.Name == "", at.add("name"), "(low, normal, high or urgent)")
		for j, earlier := range rules[:i] {
			if earlier.Name == rule.Name && rule.Name != "" && len(earlier.Senders) == 0 {
				line := d.line(path{"track", "priority"}.index(j))
				d.fault(at.add("name"), "%q never matches: the rule on line %d applies to every sender", rule.Name, line)
				break
			}
		}
	}
}

func (d *decoder) checkSteps(c *Config) {
	steps := c.Escalate.Steps
	if len(steps) > maxSteps {
		d.fault(stepPath(maxSteps), "too many steps (maximum: %d)", maxSteps)
	}
	for i, step := range steps {
		at := stepPath(i)
		d.need(step.Do == "", at.add("do"), "(status, remind, prompt, sms or webhook)")
		if i > 0 && step.After < steps[i-1].After {
			d.fault(at.add("after"), "%q is earlier than the step above (%q): both count from the timeout", step.After, steps[i-1].After)
		}
		switch step.Do {
		case track.DoSMS:
			if c.SMS == nil {
				d.fault(at.add("do"), `"sms" requires an [sms] table`)
			}
		case track.DoWebhook:
			d.need(step.URL == "", at.add("url"), `(example: "https://hooks.example.org/tocsin")`)
		}
		if step.Do == track.DoWebhook || step.Do == "" {
			continue
		}
		for key, given := range map[string]bool{"url": step.URL != "", "secret": step.Secret != "" && step.SecretFile == "", "secret_file": step.SecretFile != ""} {
			if given {
				d.fault(at.add(key), `only valid with do = "webhook"`)
			}
		}
	}
}

func stepPath(i int) path { return path{"escalate", "step"}.index(i) }

// Notes returns warnings about settings that have no effect, one line each.
func (c *Config) Notes() []string {
	codes := func(r SMSRoute) bool { return slices.Contains(r.For, "code") }
	if c.Numbers.Verify && c.SMS != nil && !slices.ContainsFunc(c.SMS.Routes, codes) {
		return []string{c.Where("numbers.verify") + `: no [[sms.route]] is for "code": numbers bound by users remain unconfirmed, and are not used`}
	}
	return nil
}
