package main

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/component/clock"
)

// supervisor plays systemd: the returned function returns the next message received.
func supervisor(t *testing.T) func() string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		socket.SetReadDeadline(time.Now().Add(time.Minute))
		buffer := make([]byte, 1000)
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func TestNotices(t *testing.T) {
	told := supervisor(t)
	notifyReady()
	if got := told(); got != "READY=1" {
		t.Errorf("ready: %q", got)
	}
	notifyReloading()
	if got := told(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("reloading: %q", got)
	}
	notifyStopping()
	if got := told(); got != "STOPPING=1" {
		t.Errorf("stopping: %q", got)
	}
}

func TestNoWatchdogWhileStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := supervisor(t)
		t.Setenv("WATCHDOG_USEC", "30000000")
		var stuck atomic.Bool
		ctx, stop := context.WithCancel(t.Context())
		go watchdog(ctx, clock.System{}, func() []string {
			if stuck.Load() {
				return []string{"the writer is stuck"}
			}
			return nil
		})
		synctest.Wait()
		if got := told(); got != "WATCHDOG=1" {
			t.Errorf("at the start: %q", got)
		}
		time.Sleep(15 * time.Second) // half of WATCHDOG_USEC
		synctest.Wait()
		if got := told(); got != "WATCHDOG=1" {
			t.Errorf("after 15 s: %q", got)
		}
		stuck.Store(true)
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		notifyStopping()
		if got := told(); got != "STOPPING=1" {
			t.Errorf("while stuck: %q", got)
		}
	})
}

func TestNoWatchdogWithoutSystemd(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "")
	watchdog(t.Context(), clock.System{}, func() []string { return nil }) // returns at once
}
