package outbox

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/component/metrics"
	"tocsin/internal/expect"
	"tocsin/track"
)

// A sender who never comes online may have any number of undelivered states: the newest are kept, and the others dropped.
func TestVeryMuchThatIsUntold(t *testing.T) {
	for _, n := range []int{0, 1, maxDigest - 1, maxDigest, maxDigest + 1, 3*maxDigest + 500} {
		store, in := &shelf{}, &inputs{}
		for rev := range int64(n) {
			key := track.Key{Sender: "alice@example.org", Recipient: "bob@example.org", ID: fmt.Sprint("m", rev)}
			store.messages = append(store.messages, track.Message{Ord: rev + 1, Key: key, Notice: track.Notice{Seq: 1, Rev: rev + 1}})
		}
		notices := &notifier{Options: &Options{Store: store, Inputs: in, Metrics: metrics.New(prometheus.NewRegistry())}}
		list, err := notices.pendingNotices(t.Context(), "alice@example.org")
		expect.Equal(t, "error", err, error(nil))
		expect.Equal(t, "untold", len(list), min(n, maxDigest))
		if n > 0 {
			expect.Equal(t, "newest", list[len(list)-1].ID, fmt.Sprint("m", n-1))
			expect.Equal(t, "oldest", list[0].ID, fmt.Sprint("m", max(0, n-maxDigest)))
		}
		dropped := 0
		for _, in := range in.put {
			dropped += len(*in.(*track.NoticesDelivered))
		}
		expect.Equal(t, "dropped", dropped, max(0, n-maxDigest))
	}
}
