package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tocsin/component/numbers"
	"tocsin/component/selftest"
)

type smsTest struct {
	configFlag
	Number string        `arg:"" name:"NUMBER" help:"The number to send to."`
	Route  string        `help:"The route to use; default: all matching ones, in order."`
	Text   string        `help:"The text; default: a note that this is a test."`
	Force  bool          `help:"Send even if the number's daily limit is reached."`
	Wait   time.Duration `default:"60s" help:"How long to wait for the provider's report."`
}

// Run sends one SMS and prints the steps as they are completed. It fails unless a provider accepts the SMS.
func (c *smsTest) Run(ctx context.Context, e *environment) error {
	conf, err := c.load(e)
	if err != nil {
		return err
	}
	number, _, err := numbers.ParseAssigned(c.Number, conf.Numbers.Region, true)
	if err != nil {
		return usageError{fmt.Errorf("%q is %w", c.Number, err)}
	}
	began := e.now()
	found, why := findInstance(ctx, conf)
	switch {
	case found == nil:
		return fmt.Errorf("no running instance to send the SMS: %s (start it with \"tocsin run\")", why)
	case found.Standby:
		return fmt.Errorf("standby: run the test on the host of the live instance")
	case !found.OK:
		return fmt.Errorf("the instance is not ready: %s", strings.Join(found.Wrong, "; "))
	}
	request := selftest.SMSRequest{Number: number, Route: c.Route, Text: c.Text, Force: c.Force}
	return runTest(ctx, e, conf, testRequest{Wait: c.Wait, SMS: &request}, began)
}
