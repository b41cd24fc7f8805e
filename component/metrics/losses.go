package metrics

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons for losing facts.
const (
	QueueFull  = "the queue was full"
	Refused    = "the database rejected them"
	RolledBack = "the database lost acknowledged writes"
	Unwritten  = "not written before shutdown"
)

// Loss is a group of facts lost at about the same time, for one reason.
type Loss struct {
	At     time.Time `json:"at"` // of the last of them
	Facts  int       `json:"facts"`
	Reason string    `json:"reason"`
}

// Losses counts the facts lost since the process started, live or standby.
type Losses struct {
	total prometheus.Counter

	mu   sync.Mutex
	log  *slog.Logger // nil: none
	last []Loss
}

const (
	// lossesKept is how many losses are remembered; losses of one reason less than lossSpan apart are merged.
	lossesKept = 20
	lossSpan   = time.Minute
)

// LogTo logs each loss when it begins.
func (l *Losses) LogTo(log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = log
}

// Add records lost facts.
func (l *Losses) Add(now time.Time, facts int, reason string) {
	if facts <= 0 {
		return
	}
	l.total.Add(float64(facts))
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.last); n > 0 && l.last[n-1].Reason == reason && now.Sub(l.last[n-1].At) < lossSpan {
		l.last[n-1].Facts += facts
		l.last[n-1].At = now
		return
	}
	if l.log != nil {
		l.log.Error("facts lost", "facts", facts, "reason", reason)
	}
	l.last = append(l.last, Loss{now, facts, reason})
	if len(l.last) > lossesKept {
		l.last = slices.Delete(l.last, 0, 1)
	}
}

// Recent returns the last losses, oldest first.
func (l *Losses) Recent() []Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.last)
}
