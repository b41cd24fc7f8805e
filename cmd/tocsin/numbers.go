package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"tocsin/component/numbers"
	"tocsin/config"
	"tocsin/track"
)

type numbersCommand struct {
	configFlag
	List   listNumbers   `cmd:"" help:"List all numbers."`
	Set    setNumber     `cmd:"" help:"Set a user's number, with their consent unless -private is given."`
	Remove removeNumber  `cmd:"" help:"Remove a user's number."`
	Import importNumbers `cmd:"" help:"Import a CSV file of jid,number[,consent]: all of it, or nothing if a line is invalid."`
	Export exportNumbers `cmd:"" help:"Export all numbers as CSV."`
}

type (
	listNumbers struct{}
	setNumber   struct {
		JID     string `arg:"" name:"JID"`
		Number  string `arg:"" name:"NUMBER"`
		Private bool   `help:"Do not disclose it to anybody."`
		Force   bool   `help:"Accept a number that is not a known mobile number. It must have its country code."`
	}
	removeNumber struct {
		JID string `arg:"" name:"JID"`
	}
	importNumbers struct {
		File    string `arg:"" name:"FILE.csv" help:"The file, or - for standard input."`
		Private bool   `help:"Do not disclose them to anybody, whatever the file says."`
		Force   bool   `help:"Accept numbers that are not known mobile numbers."`
	}
	exportNumbers struct{}
)

// Run prints the numbers as a table.
func (listNumbers) Run(ctx context.Context, e *environment, all *numbersCommand) error {
	_, store, err := all.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	out := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	err = store.Numbers(ctx, func(n track.Number) error {
		shown := "private"
		if n.Consent {
			shown = "consented"
		}
		_, err := fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", n.JID, n.E164, shown, n.Source, n.At.Std().Format("2006-01-02 15:04"))
		return err
	})
	if err != nil {
		return fmt.Errorf("list numbers: %w", err)
	}
	return out.Flush()
}

// Run sets a user's number.
func (c *setNumber) Run(ctx context.Context, e *environment, all *numbersCommand) error {
	who, err := config.ParseUser(c.JID)
	if err != nil {
		return usageError{err}
	}
	conf, store, err := all.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	number, source, err := numbers.ParseAssigned(c.Number, conf.Numbers.Region, c.Force)
	if err != nil {
		err = fmt.Errorf("%q is %w", c.Number, err)
		if _, refused := numbers.ParseForced(c.Number); refused == nil {
			err = fmt.Errorf("%w (use -force to accept it anyway)", err)
		}
		return usageError{err}
	}
	n := track.Number{JID: who, E164: number, Source: source, Consent: !c.Private, At: track.At(e.now())}
	if err := store.SetNumbers(ctx, n); err != nil {
		return fmt.Errorf("set the number: %w", err)
	}
	return nil
}

// Run removes a user's number.
func (c *removeNumber) Run(ctx context.Context, e *environment, all *numbersCommand) error {
	who, err := config.ParseUser(c.JID)
	if err != nil {
		return usageError{err}
	}
	_, store, err := all.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	had, err := store.RemoveNumber(ctx, who)
	if err != nil {
		return fmt.Errorf("remove the number: %w", err)
	}
	if !had {
		return fmt.Errorf("%s has no number", who)
	}
	return nil
}

// Run imports numbers from a CSV file.
func (c *importNumbers) Run(ctx context.Context, e *environment, all *numbersCommand) error {
	conf, store, err := all.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	in, name := e.stdin, "stdin"
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in, name = f, c.File
	}
	list, err := numbers.ReadCSV(in, numbers.Terms{Region: conf.Numbers.Region, Private: c.Private, Force: c.Force})
	if faults := (numbers.Faults)(nil); errors.As(err, &faults) {
		for _, fault := range faults {
			fmt.Fprintf(e.stderr, "%s:%d: %s\n", name, fault.Line, fault.Text)
		}
		return fmt.Errorf("%s: %s invalid, nothing was imported", name, areLines(len(faults)))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for i := range list {
		list[i].At = track.At(e.now())
	}
	if err := store.SetNumbers(ctx, list...); err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	fmt.Fprintf(e.stdout, "%s imported\n", counted(int64(len(list)), "number"))
	return nil
}

func areLines(n int) string {
	if n == 1 {
		return "1 line is"
	}
	return fmt.Sprintf("%d lines are", n)
}

// Run writes all numbers in the format of import.
func (exportNumbers) Run(ctx context.Context, e *environment, all *numbersCommand) error {
	_, store, err := all.open(ctx, e)
	if err != nil {
		return err
	}
	defer store.Close()
	var list []track.Number
	err = store.Numbers(ctx, func(n track.Number) error {
		list = append(list, n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("export numbers: %w", err)
	}
	return numbers.WriteCSV(e.stdout, list)
}
