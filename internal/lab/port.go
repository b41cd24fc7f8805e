package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The ports are below the kernel's ephemeral range, so no outgoing connection can take one between our check and the
// server's bind.
const firstPort, lastPort = 20000, 32000

// Port returns a free loopback port that no other test binary gets while the test runs: the claim is a socket in the
// kernel's abstract namespace, which ends with the process.
func Port(t testing.TB) int {
	t.Helper()
	port, claim := claimPort(t)
	t.Cleanup(func() { _ = claim.Close() })
	return port
}

// lastingPort is Port for servers that outlive the test: the claim lasts as long as the test binary.
func lastingPort(t testing.TB) int {
	t.Helper()
	port, claim := claimPort(t)
	lasting.Lock()
	defer lasting.Unlock()
	lasting.claims = append(lasting.claims, claim)
	return port
}

var lasting struct {
	sync.Mutex
	claims []net.Listener // kept from the garbage collector, which would close them
}

func claimPort(t testing.TB) (int, net.Listener) {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		claim, err := net.Listen("unix", "@tocsin-lab-port-"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			_ = claim.Close()
			continue
		}
		_ = l.Close()
		return port, claim
	}
	t.Fatal("no free port on 127.0.0.1")
	return 0, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
