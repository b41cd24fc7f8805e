package main

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// listener is a TCP socket on which a process of this machine accepts connections.
type listener struct {
	port    uint64
	process string // its name; empty for interpreters, whose names say nothing
	pid     int
}

// listening lists the listeners of the processes that are visible: all for root, otherwise those of the same user. On
// systems without /proc there are none.
func listening() []listener {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil
	}
	ports := map[string]uint64{} // by socket, as a process's file descriptors name it
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if text, err := os.ReadFile(table); err == nil {
			maps.Copy(ports, listeningSockets(string(text)))
		}
	}
	processes, _ := fs.AllProcs()
	var found []listener
	for _, process := range processes {
		files, err := process.FileDescriptorTargets()
		if err != nil {
			continue
		}
		name, _ := process.Comm()
		if args, err := process.CmdLine(); err == nil && slices.ContainsFunc(args, func(arg string) bool { return filepath.Base(arg) == "prosody" }) {
			name = "prosody"
		}
		for _, file := range files {
			if port, ok := ports[file]; ok {
				found = append(found, listener{port, name, process.PID})
			}
		}
	}
	slices.SortFunc(found, func(a, b listener) int {
		return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.port, b.port))
	})
	return slices.Compact(found)
}

// listeningSockets reads the ports from a table of /proc/net (proc(5)).
func listeningSockets(table string) map[string]uint64 {
	const listen = "0A" // include/net/tcp_states.h
	ports := map[string]uint64{}
	for line := range strings.Lines(table) {
		columns := strings.Fields(line) // sl, local address, remote address, state, …, inode
		if len(columns) < 10 || columns[3] != listen {
			continue
		}
		_, port, _ := strings.Cut(columns[1], ":")
		if n, err := strconv.ParseUint(port, 16, 16); err == nil {
			ports["socket:["+columns[9]+"]"] = n
		}
	}
	return ports
}

// by describes the process that listens on a local address: ", where prosody listens (process 42),", or "".
func by(all []listener, server string) string {
	host, port, err := net.SplitHostPort(server)
	ip := net.ParseIP(host)
	if err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ""
	}
	for _, l := range all {
		if strconv.FormatUint(l.port, 10) == port {
			return fmt.Sprintf(", where %s listens (process %d),", l.process, l.pid)
		}
	}
	return ""
}

// elsewhere lists the ports of local servers that may have been meant: "; prosody listens on 5222, 5347 (process 42)", or "".
func elsewhere(all []listener) string {
	var b strings.Builder
	for i, l := range all {
		if !slices.Contains([]string{"prosody", "beam.smp"}, l.process) {
			continue
		}
		if i > 0 && all[i-1].pid == l.pid {
			fmt.Fprintf(&b, ", %d", l.port)
		} else {
			fmt.Fprintf(&b, "; %s (process %d) listens on %d", l.process, l.pid, l.port)
		}
	}
	return b.String()
}
