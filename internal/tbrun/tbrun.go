// Package tbrun lets programs use test helpers: a Stage is a testing.TB; whatever the lab starts on it ends with it, and
// failures are printed.
package tbrun

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Stage replaces a test.
type Stage struct {
	testing.TB // nil: only the methods below are used

	name string
	ctx  context.Context

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// leave is how long an interrupted run has to end by itself.
const leave = 2 * time.Second

// Perform runs a function to its end, or until the first failure, cleans up, and reports whether all went well. Cancelling
// ctx interrupts it, which is not a failure if the function then ends.
func Perform(ctx context.Context, name string, play func(*Stage)) (ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Stage{name: name, ctx: ctx}
	ended := make(chan struct{})
	go func() { // a failure calls runtime.Goexit
		defer close(ended)
		play(s)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		select {
		case <-ended:
		case <-time.After(leave):
			s.Errorf("interrupted")
		}
	}
	cancel()
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
	return !s.Failed()
}

func (s *Stage) Helper()                    {}
func (s *Stage) Name() string               { return s.name }
func (s *Stage) Context() context.Context   { return s.ctx }
func (s *Stage) Log(args ...any)            { s.Logf("%s", fmt.Sprint(args...)) }
func (s *Stage) Logf(f string, args ...any) { fmt.Fprintf(os.Stderr, f+"\n", args...) }
func (s *Stage) Error(args ...any)          { s.Errorf("%s", fmt.Sprint(args...)) }
func (s *Stage) Fatal(args ...any)          { s.Fatalf("%s", fmt.Sprint(args...)) }

func (s *Stage) Errorf(f string, args ...any) {
	s.fail()
	s.Logf(s.name+": "+f, args...)
}

func (s *Stage) Fatalf(f string, args ...any) {
	s.Errorf(f, args...)
	runtime.Goexit()
}

func (s *Stage) FailNow() {
	s.fail()
	runtime.Goexit()
}

func (s *Stage) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

func (s *Stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *Stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *Stage) TempDir() string {
	dir, err := os.MkdirTemp("", "tocsin-"+s.name+"-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
