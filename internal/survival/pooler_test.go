package survival

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// TestPgbouncer connects instances to PostgreSQL through pgbouncer. With session pooling it works, and nothing is lost when
// the database is killed behind it; with transaction or statement pooling, "tocsin run" and "tocsin check" refuse it and
// suggest a remedy.
func TestPgbouncer(t *testing.T) {
	t.Parallel()
	cluster := lab.PostgresCluster(t)
	dsn := cluster.Schema(t)
	h := open(t, run{dsn: dsn, instances: 2, rate: 60}, lab.Settings{"storage.dsn": cluster.Pgbouncer(t, dsn, "session")})
	for _, mode := range []string{"transaction", "statement"} {
		d := lab.NewTocsin(t, h.lab(), h.settings(lab.Settings{"storage.dsn": cluster.Pgbouncer(t, dsn, mode)}))
		for _, command := range [][]string{{"run"}, {"check", "--offline"}} {
			stdout, stderr, code := d.Run(command...)
			if said := stdout + stderr; code != 1 || !strings.Contains(said, "storage.dsn") || !strings.Contains(said, "pool_mode = session") {
				t.Errorf("by %s: tocsin %s: exit %d:\n%s", mode, command[0], code, said)
			}
		}
	}
	pulse := h.feel(t)
	passes(time.Second)
	began := time.Now()
	cluster.Kill(t)
	passes(time.Second)
	cluster.Start(t)
	there := time.Now()
	h.all.await(t)
	pulse.told(t, began, there)
	h.unlost(t)
}
