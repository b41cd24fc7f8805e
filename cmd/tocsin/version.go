package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (see the Makefile); otherwise Go's own record is used.
var version string

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(e *environment) error {
	fmt.Fprintln(e.stdout, versionLine())
	return nil
}

func versionLine() string {
	return fmt.Sprintf("tocsin %s (%s %s/%s)", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// programVersion returns the version, also for XEP-0092.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
