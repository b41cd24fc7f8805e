package main

import "errors"

type numbersCommand struct{ configFlag }

// Run is not built yet.
func (c *numbersCommand) Run() error { return errors.New("not built yet") }
