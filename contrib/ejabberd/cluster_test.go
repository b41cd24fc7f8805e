package ejabberd

import (
	"slices"
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// In a cluster each node reports its own sessions to the component, whichever node the component is connected to.
func TestCluster(t *testing.T) {
	t.Parallel()
	first, second := lab.EjabberdCluster(t, lab.Options{Tap: lab.Module})
	alice := first.Login("alice/phone", lab.Silent)
	bob := second.Login("bob/phone", lab.Silent)
	bob.Manage()
	alice.Say(bob.Bare(), "m1", "while the component is away")
	bob.Expect("message[@id='m1']/body")
	bob.Sync()

	sink := attach(t, first)
	all := func(wanted ...string) {
		t.Helper()
		var got []string
		if !poll(func() bool {
			got = nil
			for _, event := range sink.Told() {
				got = append(got, brief(event))
			}
			return !slices.ContainsFunc(wanted, func(want string) bool {
				return !slices.ContainsFunc(got, func(event string) bool { return strings.HasPrefix(event, want) })
			})
		}) {
			t.Fatalf("told %q, want %q among them", got, wanted)
		}
	}
	all("out ro='none' t='bob@lab.test' i='m1'", "acked t='bob@lab.test/phone' i='m1'",
		"here s='alice@lab.test/phone'", "here s='bob@lab.test/phone' sm='1' r='1'")
	bob.Say(alice.Bare(), "m2", "hello")
	alice.Expect("message[@id='m2']/body")
	all("out ro='none' t='alice@lab.test' i='m2'", "handed t='alice@lab.test/phone' i='m2'")
	await(t, "an acknowledgement by both", sink.Acknowledged)

	// The component moves to the other node, and nothing is reported twice.
	sink.Close()
	alice.Say(bob.Bare(), "m3", "hello")
	bob.Expect("message[@id='m3']/body")
	bob.Sync()
	if err := sink.Connect(second.ComponentAddr, second.Secret); err != nil {
		t.Fatal(err)
	}
	all("out ro='none' t='bob@lab.test' i='m3'", "acked t='bob@lab.test/phone' i='m3'")
	await(t, "an acknowledgement by both", sink.Acknowledged)
	seen := sink.Now()
	if seen.Events["out"] != 3 || seen.Events["acked"] != 2 || seen.Events["handed"] != 1 || seen.Lost > 0 || seen.Missing > 0 {
		t.Errorf("told: %+v", seen)
	}

	first.Stop()
	all("closed s='alice@lab.test/phone'", "bye")

	// A node that is killed can't say what becomes of its sessions. The other one says so, and again when the component comes back.
	first.Start()
	first.Login("alice/desk", lab.Silent)
	all("opened s='alice@lab.test/desk'")
	first.Kill()
	ended := func() (n int) {
		for _, event := range sink.Told() {
			if run, ok := strings.CutPrefix(event, "ended run='"); ok {
				if node := sink.Node(strings.TrimRight(run, "'/")); node != "ejabberd@127.0.0.1" {
					t.Fatalf("%s: a run on %q", event, node)
				}
				n++
			}
		}
		return n
	}
	await(t, "end of the run", func() bool { return ended() > 0 })
	sink.Close()
	if err := sink.Connect(second.ComponentAddr, second.Secret); err != nil {
		t.Fatal(err)
	}
	await(t, "end of the run for a component that comes back", func() bool { return ended() > 1 })
}
