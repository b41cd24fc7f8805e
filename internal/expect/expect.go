// Package expect has one-line assertions shared by the tests of several packages.
package expect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Equal reports a difference between what a test got and what it wants. what names the value.
func Equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}
