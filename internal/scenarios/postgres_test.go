//go:build !race

package scenarios

import (
	"testing"

	"tocsin/internal/fakeserver"
	"tocsin/internal/lab"
)

// Taps do not depend on the database: one is enough here.
func TestPostgres(t *testing.T) {
	lab.Postgres(t) // is there
	fakeserver.RunOnce(t, "testdata", func(t *testing.T) fakeserver.Subject {
		return &subject{t: t, dsn: lab.Postgres(t)}
	}, fakeserver.Module)
}
