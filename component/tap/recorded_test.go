package tap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/track"
)

// The results of each batch that our modules sent on real servers (testdata/told/*.txt, which internal/lab compares with what
// they send now) equal the golden files beside them.
func TestRecordedBatches(t *testing.T) {
	recorded, err := filepath.Glob("testdata/told/*.txt")
	if err != nil || len(recorded) == 0 {
		t.Fatal("nothing is recorded", err)
	}
	for _, file := range recorded {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tap := New(Config{Domains: []string{"lab.test"}, Component: "tocsin.lab.test", ReplyReads: true, KeepText: true, TextLimit: 100})
			var got strings.Builder
			for step := range strings.SplitSeq(strings.TrimPrefix(string(text), "# "), "\n# ") {
				name, frame, _ := strings.Cut(step, "\n")
				fmt.Fprintf(&got, "# %s\n", name)
				if frame = strings.TrimSuffix(frame, "\n"); frame == "" {
					continue
				}
				var s Sighting
				fmt.Fprintf(&got, "%s\n", strings.Join(toldBy(tap, frame, track.At(rulesNow), &s), "\n"))
				if s.Batch.N == 0 {
					t.Errorf("%s: not a batch", name)
				}
			}
			isGolden(t, strings.TrimSuffix(file, ".txt")+".golden", got.String())
		})
	}
}
