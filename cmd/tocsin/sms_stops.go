package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"tocsin/component/numbers"
	"tocsin/track"
)

type smsStops struct {
	configFlag
	List   listStops  `cmd:"" help:"List the opted-out numbers, newest first."`
	Add    addStop    `cmd:"" help:"Stop sending SMS to a number."`
	Remove removeStop `cmd:"" help:"Resume sending SMS to a number."`
}

type (
	listStops struct {
		Show bool `help:"Show the numbers in full."`
	}
	addStop struct {
		Number string `arg:"" name:"NUMBER"`
	}
	removeStop struct {
		Number string `arg:"" name:"NUMBER"`
	}
)

// Run prints the numbers as a table. They are stored as HMACs: a number that is neither bound to a user nor was sent an SMS
// recently is shown as unknown.
func (c *listStops) Run(ctx context.Context, e *environment, all *smsStops) error {
	_, store, err := all.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	stops, err := store.Stops(ctx)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, s := range stops {
		number := s.Number
		switch {
		case number == "":
			number = "unknown"
		case !c.Show:
			number = numbers.Mask(number)
		}
		by := string(s.By)
		if s.Route != "" {
			by += " (" + s.Route + ")"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", number, s.At.Std().Format("2006-01-02 15:04"), by)
	}
	return out.Flush()
}

// Run stops SMS to a number.
func (c *addStop) Run(ctx context.Context, e *environment, all *smsStops) error {
	return all.set(ctx, e, c.Number, track.StopByAdmin)
}

// Run resumes SMS to a number.
func (c *removeStop) Run(ctx context.Context, e *environment, all *smsStops) error {
	return all.set(ctx, e, c.Number, "")
}

func (c *smsStops) set(ctx context.Context, e *environment, text string, by track.StopBy) error {
	conf, store, err := c.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	number, _, err := numbers.ParseAssigned(text, conf.Numbers.Region, true)
	if err != nil {
		return usageError{fmt.Errorf("%q is %w", text, err)}
	}
	news, err := store.SetStop(ctx, track.Stop{Number: number, At: track.At(e.now()), By: by})
	switch {
	case err != nil:
		return err
	case !news && by == "":
		return fmt.Errorf("%s is not stopped", number)
	case !news:
		return fmt.Errorf("%s is stopped already", number)
	}
	return nil
}
