package main

import (
	"context"
	"errors"
)

type runCommand struct{ configFlag }

// Run serves until ctx ends.
func (c *runCommand) Run(ctx context.Context, e *environment) error {
	return errors.New("not built yet")
}
