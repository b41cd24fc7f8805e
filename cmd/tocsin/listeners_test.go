package main

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tables of the kernel, well-formed and malformed.
func TestListeningSockets(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:14E3 00000000:0000 0A 00000000:00000000 00:00000000 00000000   106        0 123456 1 0000000000000000 100 0 0 10 0
   1: 0100007F:14E3 0100007F:C350 01 00000000:00000000 00:00000000 00000000   106        0 123457 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000001000000:1466 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123458 1
   3: 0100007F:XYZ 00000000:0000 0A 0 0 0 0 0 1
`
	want := map[string]uint64{"socket:[123456]": 5347, "socket:[123458]": 5222}
	if diff := cmp.Diff(want, listeningSockets(table)); diff != "" {
		t.Error(diff)
	}
}

// A listener of this process is found, with its process.
func TestListening(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, found := range listening() {
		if strconv.FormatUint(found.port, 10) == strconv.Itoa(l.Addr().(*net.TCPAddr).Port) && found.pid == os.Getpid() {
			return
		}
	}
	t.Errorf("%s is not among %v", l.Addr(), listening())
}
