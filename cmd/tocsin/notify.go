package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"tocsin/component/clock"
)

// notifyReady tells systemd that the service has started; without systemd it does nothing.
func notifyReady() { daemon.SdNotify(false, daemon.SdNotifyReady) }

// notifyReloading tells systemd that the configuration is being reloaded; notifyReady ends it.
func notifyReloading() {
	daemon.SdNotify(false, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
}

// notifyStopping tells systemd that the service is stopping.
func notifyStopping() { daemon.SdNotify(false, daemon.SdNotifyStopping) }

// watchdog pings systemd's watchdog while alive reports no faults. It returns when ctx ends, or at once if
// systemd wants no watchdog.
func watchdog(ctx context.Context, c clock.Clock, alive func() []string) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return
	}
	beat(ctx, c, interval/2, func() {
		if len(alive()) == 0 {
			daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
	})
}

func beat(ctx context.Context, c clock.Clock, every time.Duration, do func()) {
	for {
		do()
		tick, stop := c.After(every)
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return
		}
	}
}
