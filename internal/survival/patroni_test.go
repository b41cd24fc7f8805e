package survival

import (
	"testing"
	"time"

	"tocsin/internal/lab"
)

// TestPatroni runs the database under Patroni, as in docs/SCALING.md: no message may be lost, or asked about twice, whatever
// happens to the primary.
func TestPatroni(t *testing.T) {
	if !thorough() {
		t.Skip("for make failover: needs Patroni, etcd, haproxy and several minutes")
	}
	for _, tc := range []struct {
		name      string
		proxy     bool
		instances int
		harm      func(*lab.Patroni, testing.TB)
	}{
		{"switchover", false, 2, (*lab.Patroni).Switchover},
		{"switchover, through haproxy", true, 2, (*lab.Patroni).Switchover},
		{"node killed", false, 2, (*lab.Patroni).KillNode},
		{"node killed, one instance", false, 1, (*lab.Patroni).KillNode},
		{"node killed, through haproxy", true, 2, (*lab.Patroni).KillNode},
		{"PostgreSQL hangs", false, 2, (*lab.Patroni).HangNode},
		{"PostgreSQL hangs, through haproxy", true, 2, (*lab.Patroni).HangNode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := lab.PatroniCluster(t)
			dsn := db.URL(t)
			by := lab.Settings{}
			if tc.proxy {
				by["storage.dsn"] = db.Haproxy(t, dsn)
			}
			h := open(t, run{dsn: dsn, instances: tc.instances, rate: 100}, by)
			pulse := h.feel(t)
			passes(3 * time.Second)
			began := time.Now()
			tc.harm(db, t)
			there := time.Now()
			h.all.await(t)
			pulse.told(t, began, there)
			h.unlost(t)
		})
	}
}
